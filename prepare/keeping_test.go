package prepare

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// State that would be lost is said with the plan, and nothing is applied.
func TestAStateThatWouldBeLostIsNotApplied(t *testing.T) {
	const makes = "resource \"terraform_data\" \"x\" {}\n"
	local := func(path string) string {
		return "terraform {\n  backend \"local\" {\n    path = " + path + "\n  }\n}\n" + makes
	}
	none := func(w *gateWorld) {
		w.preparer.Environments.ByName["dev"] = Environment{Job: run.JobEnvironment{Name: "dev"}}
	}
	tofu := func(w *gateWorld) { none(w); w.preparer.Tofu = true }
	for _, tt := range []struct {
		name     string
		files    double.Files
		world    func(*gateWorld)
		claims   run.Keeping
		foreseen string // what the plan's line about applying says
		refused  string // what the apply is refused with; "" when it is allowed
	}{
		{name: "no backend", files: double.Files{"a/main.tf": makes}, foreseen: "names no backend", refused: "names no backend"},
		{name: "no backend, and the job says it has one", files: double.Files{"a/main.tf": makes}, claims: run.StateKept, foreseen: "names no backend", refused: "names no backend"},
		{name: "a path in the job's directory", files: double.Files{"a/main.tf": local(`"../x.tfstate"`)}, world: none, foreseen: "no absolute `path`", refused: "no absolute `path`"},
		{name: "an absolute path", files: double.Files{"a/main.tf": local(`"/states/x"`)}, world: none},
		{name: "an absolute path from the server", files: double.Files{"a/main.tf": local(`"x"`)}},
		{name: "an absolute path of a machine that is the job's", files: double.Files{"a/main.tf": local(`"/states/x"`)},
			world: func(w *gateWorld) { w.preparer.JobsMachines = true }, foreseen: "each job has a machine", refused: "each job has a machine"},
		{name: "a path of the project", files: double.Files{"a/main.tf": local("null"), "lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a, backend_config: {path: /states/a}}]\n"}, world: none},
		{name: "a relative path of the project", files: double.Files{"a/main.tf": local(`"/states/x"`), "lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a, backend_config: {path: a}}]\n"}, world: none,
			foreseen: "no absolute `path`", refused: "no absolute `path`"},
		{name: "a backend that keeps nothing", files: double.Files{"a/main.tf": "terraform {\n  backend \"inmem\" {}\n}\n" + makes}, foreseen: "keeps nothing", refused: "keeps nothing"},
		{name: "an override", files: double.Files{"a/main.tf": "terraform {\n  backend \"s3\" {}\n}\n" + makes, "a/override.tf": local("null")}, world: none, foreseen: "no absolute", refused: "no absolute"},
		{name: "a backend of OpenTofu", files: double.Files{"a/main.tf": makes, "a/backend.tofu": "terraform {\n  backend \"s3\" {}\n}\n"}, world: tofu},
		{name: "the job says that it is lost", files: double.Files{"a/main.tf": local("null")}, claims: run.StateLost, refused: "The backend of the plan"},
		{name: "the job says a word that is none", files: double.Files{"a/main.tf": local("null")}, claims: "fine", refused: "The backend of the plan"},
		{name: "the commit does not tell, and the job does", files: double.Files{"a/main.tf": local("var.x")}, world: tofu, claims: run.StateKept},
		{name: "the commit does not tell, and the job says that it is lost", files: double.Files{"a/main.tf": local("var.x")}, world: tofu, claims: run.StateLost, refused: "The backend of the plan"},
		{name: "nobody tells", files: double.Files{"a/main.tf": local("var.x")}, world: tofu, refused: "comment `/plan`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newGateWorld(t, tt.files)
			if tt.world != nil {
				tt.world(w)
			}
			n, _ := w.open(double.Files{"a/more.tf": "# changed\n"})
			r := w.plan(n, map[string]planned{"a": {Counts: run.Counts{Add: 1}, keeping: tt.claims}})
			said := ""
			if r.Gate != nil {
				said = strings.Join(r.Gate.Missing, "\n")
			}
			if (tt.foreseen == "") != (said == "") || !strings.Contains(said, tt.foreseen) {
				t.Errorf("with the plan it says %q, want %q", said, tt.foreseen)
			}
			p, err := w.apply(n)
			if tt.refused == "" {
				w.allowed(p, err, "a")
				return
			}
			w.refused(p, err, "state_kept", tt.refused)
			gate, err := w.preparer.Judge(t.Context(), r)
			w.check(err)
			if gate.Allowed || !strings.Contains(strings.Join(gate.Missing, "\n"), tt.refused) {
				t.Errorf("judged again: %+v", gate)
			}
		})
	}
}

// The one project of several whose state would be lost is named, and holds up an
// apply of all; the others can be applied by name.
func TestALostStateIsSaidBesideItsProject(t *testing.T) {
	files := twoProjects()
	files["bare/main.tf"] = "resource \"terraform_data\" \"x\" {}\n"
	w := newGateWorld(t, files)
	n, _ := w.open(double.Files{"bare/more.tf": "# x\n", "other/more.tf": "# x\n"})
	r := w.plan(n, nil)
	if r.Gate == nil || len(r.Gate.Missing) != 1 || !strings.HasPrefix(r.Gate.Missing[0], "`bare`: The project names no backend") {
		t.Errorf("with the plan: %+v", r.Gate)
	}
	p, err := w.apply(n)
	w.refused(p, err, "state_kept", "`bare`: The project names no backend")
	p, err = w.apply(n, naming("other"))
	w.allowed(p, err, "other")
}

// A plan that was made before the server's config changed is judged by what is so
// when it is applied.
func TestALostStateIsJudgedAtTheApply(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.open(change("other/main.tf"))
	w.plan(n, map[string]planned{"other": {Counts: run.Counts{Add: 1}, keeping: run.StateKept}})
	w.preparer.JobsMachines = true
	p, err := w.apply(n)
	w.refused(p, err, "state_kept", "each job has a machine")
}

// runatlantis/atlantis#494: what an apply made was in no state, the next plan was to
// make it again, and the next apply did.
func TestAfterAStateWentAstrayNothingIsAppliedUntilAPersonSaysSo(t *testing.T) {
	for _, code := range []string{run.CodeStateNotRemote, run.CodeStateNotSaved} {
		t.Run(code, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			n, _ := w.open(change("other/main.tf"))
			w.plan(n, nil)
			failed := w.applies(n, code)
			p, err := w.apply(n)
			w.refused(p, err, "What an earlier apply made", "/unlock", "`artifacts/runs/x/"+failed.ID+".errored.tfstate`")

			again := w.plan(n, nil)
			if again.Gate == nil || !strings.Contains(strings.Join(again.Gate.Missing, "\n"), "`artifacts/runs/x/"+failed.ID+".errored.tfstate`") {
				t.Errorf("the next plan says %+v", again.Gate)
			}
			p, err = w.apply(n)
			w.refused(p, err, "state_found", "terraform state push")

			_, err = w.github.As("ana").Push(repository, "topic", "more", double.Files{"other/more.tf": "# x\n"})
			w.check(err)
			w.plan(n, nil)
			p, err = w.apply(n)
			w.refused(p, err, "state_found")

			w.locks.Release(w.holder(n), nil)
			if r := w.plan(n, nil); r.Gate != nil {
				t.Errorf("after /unlock a plan says %+v", r.Gate)
			}
			p, err = w.apply(n)
			w.allowed(p, err, "other")
		})
	}
}

// applies lets the apply of everything end with a problem and a state that is kept.
func (w *gateWorld) applies(n int, code string) run.Job {
	w.Helper()
	r := w.commented(n)
	p, err := w.preparer.Prepare(w.Context(), r)
	w.check(err)
	w.check(w.locks.Begin(r.Holder(), r.ID, p.Documents, time.Now()))
	r = run.Step(r, run.Prepared{At: time.Now(), Preparation: p}).Run
	j := r.Jobs[0]
	r = w.message(r, j, run.Result{Outcome: run.OutcomeFailed, Began: true, Problem: &run.Problem{Code: code, Message: "x"}, Artifacts: map[string]run.Artifact{
		run.ArtifactErroredState: {Key: "runs/x/" + j.ID + ".errored.tfstate"},
	}})
	var astray []string
	if r.Jobs[0].Astray() {
		astray = []string{j.Document.Project.Name}
	}
	w.locks.End(r.ID, nil, []string{j.Document.Project.Name}, astray, time.Now())
	w.runs = slices.Insert(w.runs, 0, r)
	return j
}
