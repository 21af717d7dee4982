package gate_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// State that would be lost is said with the plan, beside the project, and it is not
// applied. One environment has a file of this machine for the state, the other names none.
func TestAStateThatWouldBeLostIsNotApplied(t *testing.T) {
	const makes = "resource \"terraform_data\" \"x\" {}\n"
	block := func(text string) string { return "terraform {\n  backend " + text + "\n}\n" + makes }
	local := func(path string) string { return block("\"local\" {\n    path = " + path + "\n  }") }
	tests := []struct {
		name              string // of the project
		files             double.Files
		settings          string // further keys of lockkeeper.yml
		claims            run.Keeping
		foreseen, refused string // "" where nothing is said, where it is allowed
	}{
		{name: "bare", files: double.Files{"main.tf": makes}, foreseen: "names no backend", refused: "names no backend"},
		{name: "bare-in-prod", files: double.Files{"main.tf": makes}, settings: "environment: prod", claims: run.StateKept, foreseen: "names no backend", refused: "names no backend"},
		{name: "below", files: double.Files{"main.tf": local(`"../x.tfstate"`)}, foreseen: "no absolute `path`", refused: "no absolute `path`"},
		{name: "absolute", files: double.Files{"main.tf": local(`"/states/x"`)}},
		{name: "of-the-server", files: double.Files{"main.tf": local(`"x"`)}, settings: "environment: prod"},
		{name: "of-the-project", files: double.Files{"main.tf": local("null")}, settings: "backend_config: {path: /states/a}"},
		{name: "below-by-config", files: double.Files{"main.tf": local(`"/states/x"`)}, settings: "backend_config: {path: a}", foreseen: "no absolute `path`", refused: "no absolute `path`"},
		{name: "memory", files: double.Files{"main.tf": block(`"inmem" {}`)}, foreseen: "keeps nothing", refused: "keeps nothing"},
		{name: "override", files: double.Files{"main.tf": block(`"s3" {}`), "override.tf": local("null")}, foreseen: "no absolute `path`", refused: "no absolute `path`"},
		{name: "tofu", files: double.Files{"main.tf": makes, "backend.tofu": block(`"s3" {}`)}, settings: "tofu: 1.10.x"},
		{name: "lost-by-the-job", files: double.Files{"main.tf": local(`"/states/y"`)}, claims: run.StateLost, refused: "The backend of the plan"},
		{name: "no-word-of-the-job", files: double.Files{"main.tf": local(`"/states/z"`)}, claims: "fine", refused: "The backend of the plan"},
		{name: "told-by-the-job", files: double.Files{"main.tf": local("var.x")}, settings: "tofu: 1.10.x", claims: run.StateKept},
		{name: "lost-as-told", files: double.Files{"main.tf": local("var.x")}, settings: "tofu: 1.10.x", claims: run.StateLost, refused: "The backend of the plan"},
		{name: "told-by-nobody", files: double.Files{"main.tf": local("var.x")}, settings: "tofu: 1.10.x", refused: "comment `/plan`"},
	}
	files, changes, plans, config := double.Files{}, double.Files{}, map[string]planned{}, "version: 1\nprojects:\n"
	for _, tt := range tests {
		for name, text := range tt.files {
			files[tt.name+"/"+name] = text
		}
		changes[tt.name+"/more.txt"] = "x\n"
		plans[tt.name] = planned{Counts: run.Counts{Add: 1}, Keeping: tt.claims}
		config += fmt.Sprintf("  - {name: %s, dir: %s, %s}\n", tt.name, tt.name, cmp.Or(tt.settings, "workspace: default"))
	}
	files["lockkeeper.yml"] = config
	w := newGateWorld(t, files)
	w.Preparer.MaxProjects = len(tests)
	w.Preparer.Environments.ByName["dev"] = prepare.Environment{Job: run.JobEnvironment{Name: "dev"}}
	n, _ := w.Open(changes)
	r := w.Plan(n, plans)
	if r.Gate == nil {
		t.Fatal("nothing is said with the plan")
	}
	judged, err := w.Gate.Judge(t.Context(), r)
	w.Check(err)
	said := func(gate run.Gate, project, words string) bool {
		return slices.ContainsFunc(gate.Missing, func(m string) bool { return strings.Contains(m, "`"+project+"`") && strings.Contains(m, words) })
	}
	for _, tt := range tests {
		if said(*r.Gate, tt.name, tt.foreseen) != (tt.foreseen != "") {
			t.Errorf("%s: with the plan it says %q, want %q", tt.name, r.Gate.Missing, tt.foreseen)
		}
		if said(judged, tt.name, tt.refused) != (tt.refused != "") {
			t.Errorf("%s: judged again it says %q, want %q", tt.name, judged.Missing, tt.refused)
		}
		p, err := w.Apply(n, naming(tt.name))
		if tt.refused == "" {
			w.Allowed(p, err, tt.name)
			continue
		}
		w.Refused(p, err, "state_kept", tt.refused)
	}
}

// The one project of several whose state would be lost is named, and holds up an
// apply of all; the others can be applied by name.
func TestALostStateIsSaidBesideItsProject(t *testing.T) {
	files := twoProjects()
	files["bare/main.tf"] = "resource \"terraform_data\" \"x\" {}\n"
	w := newGateWorld(t, files)
	n, _ := w.Open(double.Files{"bare/more.tf": "# x\n", "other/more.tf": "# x\n"})
	r := w.Plan(n, nil)
	if r.Gate == nil || len(r.Gate.Missing) != 1 || !strings.HasPrefix(r.Gate.Missing[0], "`bare`: The project names no backend") {
		t.Errorf("with the plan: %+v", r.Gate)
	}
	p, err := w.Apply(n)
	w.Refused(p, err, "state_kept", "`bare`: The project names no backend")
	p, err = w.Apply(n, naming("other"))
	w.Allowed(p, err, "other")
}

// A plan that was made before the server's config changed is judged by what is so
// when it is applied.
func TestALostStateIsJudgedAtTheApply(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, map[string]planned{"other": {Counts: run.Counts{Add: 1}, Keeping: run.StateKept}})
	w.Preparer.JobsMachines = true
	p, err := w.Apply(n)
	w.Refused(p, err, "state_kept", "each job has a machine")
}

// runatlantis/atlantis#494: what an apply made was in no state, the next plan was to
// make it again, and the next apply did.
func TestAfterAStateWentAstrayNothingIsAppliedUntilAPersonSaysSo(t *testing.T) {
	for _, code := range []string{run.CodeStateNotRemote, run.CodeStateNotSaved} {
		t.Run(code, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			n, _ := w.Open(change("other/main.tf"))
			w.Plan(n, nil)
			failed := w.applies(n, code)
			p, err := w.Apply(n)
			w.Refused(p, err, "What an earlier apply made", "/unlock", "`artifacts/runs/x/"+failed.ID+".errored.tfstate`")

			again := w.Plan(n, nil)
			if again.Gate == nil || !strings.Contains(strings.Join(again.Gate.Missing, "\n"), "`artifacts/runs/x/"+failed.ID+".errored.tfstate`") {
				t.Errorf("the next plan says %+v", again.Gate)
			}
			p, err = w.Apply(n)
			w.Refused(p, err, "state_found", "terraform state push")

			_, err = w.GitHub.As("ana").Push(repository, "topic", "more", double.Files{"other/more.tf": "# x\n"})
			w.Check(err)
			w.Plan(n, nil)
			p, err = w.Apply(n)
			w.Refused(p, err, "state_found")

			w.Locks.Release(w.Holder(n), nil)
			if r := w.Plan(n, nil); r.Gate != nil {
				t.Errorf("after /unlock a plan says %+v", r.Gate)
			}
			p, err = w.Apply(n)
			w.Allowed(p, err, "other")
		})
	}
}

// applies lets the apply of everything end with a problem and a state that is kept.
func (w *gateWorld) applies(n int, code string) run.Job {
	w.Helper()
	r := w.Commented(n)
	p, err := w.Preparer.Prepare(w.Context(), r)
	w.Check(err)
	w.Check(w.Locks.Begin(r.Pull(), r.ID, p.Documents, time.Now()))
	r = run.Step(r, run.Prepared{At: time.Now(), Preparation: p}).Run
	j := r.Jobs[0]
	r = w.Message(r, j, run.Result{Outcome: run.OutcomeFailed, Began: true, Problem: &run.Problem{Code: code, Message: "x"}, Artifacts: map[string]run.Artifact{
		run.ArtifactErroredState: {Key: "runs/x/" + j.ID + ".errored.tfstate"},
	}})
	var astray []string
	if r.Jobs[0].Astray() {
		astray = []string{j.Document.Project.Name}
	}
	w.Locks.End(r.ID, nil, []string{j.Document.Project.Name}, astray, time.Now())
	w.Runs = slices.Insert(w.Runs, 0, r)
	return j
}
