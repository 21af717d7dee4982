package prepare_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

const (
	eachFile = "version: 1\ndiscover: {include: [{dir: '{name}', each_file: 'vars/{environment}.tfvars', workspace: '{environment}', environment: dev}]}\n"
	ofCloud  = "version: 1\ndiscover: {include: [{dir: '{name}', cloud: 'app-{workspace}', environment: dev}]}\n"
)

func cloud(workspace string) string {
	return "terraform {\n  cloud {\n    organization = \"acme\"\n    workspaces {\n      name = \"" + workspace + "\"\n    }\n  }\n}\n"
}

// What a change holds beside plans is told; a change that only another tool plans never passes as "no project is touched".
func TestNotesOfAPlan(t *testing.T) {
	const s3 = "terraform {\n  backend \"s3\" {\n    bucket = \"x\"\n    key = \"one\"\n  }\n}\n"
	tests := []struct {
		name         string
		base, head   double.Files
		code         string   // of the problem; "" for none
		words, plans []string // that the notes or the problem hold; the projects
	}{
		{name: "Terragrunt alone", base: double.Files{"live/terragrunt.hcl": "# 1\n"}, head: double.Files{"live/terragrunt.hcl": "# 2\n"},
			code: prepare.CodeElsewhere, words: []string{"Terragrunt (`live/terragrunt.hcl`)", "does not plan here"}},
		{name: "Terragrunt beside a project", base: double.Files{"a/main.tf": root}, head: double.Files{"live/terragrunt.hcl": "# 2\n", "a/main.tf": root + "#\n"},
			words: []string{"Terragrunt (`live/terragrunt.hcl`)"}, plans: []string{"a"}},
		{name: "tofu without tofu", base: double.Files{"a/main.tofu": root}, head: double.Files{"a/main.tofu": root + "#\n"},
			code: prepare.CodeElsewhere, words: []string{"OpenTofu (`a/main.tofu`)", "`tofu:` version"}},
		{name: "a value of what only tofu plans", base: double.Files{"a/main.tofu": root}, head: double.Files{"a/x.auto.tfvars": "x = 1\n"},
			code: prepare.CodeElsewhere, words: []string{"OpenTofu (`a`)"}},
		{name: "a root module that nobody names", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}]\n", "a/main.tf": root},
			head: double.Files{"b/main.tf": root}, words: []string{"Nothing plans `b`", "name it in `lockkeeper.yml`"}},
		{name: "a root module that nobody ever named", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}]\n", "a/main.tf": root, "b/main.tf": s3},
			head: double.Files{"b/main.tf": s3 + "#\n"}, words: []string{"Nothing plans `b`", "name it in `lockkeeper.yml`"}},
		{name: "an entry of the same pull request", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}]\n", "a/main.tf": root},
			head:  double.Files{"b/main.tf": root, "lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}, {name: two, dir: b}]\n"},
			words: []string{"After the merge there will also be `two`", "Projects: 1 now, 2 after the merge."}},
		{name: "another name and another place", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}, {name: b, dir: b}, {name: c, dir: c}]\n",
			"a/main.tf": root, "b/main.tf": root, "c/main.tf": root, "d/main.tf": root},
			head:  double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: alpha, dir: a}, {name: b, dir: d}, {name: c, dir: c, environment: prod}]\n"},
			words: []string{"another name counts: `a → alpha`", "another place counts: `b: b → d`, `c: environment of the server's default → prod`"}},
		{name: "a root module that nobody names, after the merge either", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}]\n", "a/main.tf": root},
			head:  double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: alpha, dir: a}]\n", "b/main.tf": root},
			words: []string{"Nothing plans `b`, after the merge either"}},
		{name: "a mistake in it", base: double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a}]\n", "a/main.tf": root},
			head:  double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a, x: 1}]\n"},
			words: []string{"has a mistake, the first on line 2"}},
		{name: "a path that depends on a variable", base: double.Files{"a/main.tf": root}, head: double.Files{"a/main.tf": root + "locals { x = file(var.x) }\n"},
			words: []string{"read at `a/main.tf:"}, plans: []string{"a"}},
		{name: "a file of each_file that is deleted", base: double.Files{"lockkeeper.yml": eachFile, "a/main.tf": root, "vars/dev.tfvars": "", "vars/prod.tfvars": ""},
			head: double.Files{"vars/prod.tfvars": double.Deleted}, words: []string{"No longer a project at this commit: `a-prod`.", "stays in its state"}},
		{name: "a file of each_file that is deleted with its directory", base: double.Files{"lockkeeper.yml": eachFile, "a/main.tf": root, "b/main.tf": root, "vars/dev.tfvars": ""},
			head: double.Files{"vars/dev.tfvars": double.Deleted, "b/main.tf": double.Deleted}, words: []string{"No longer a project at this commit: `a-dev`, `b-dev`."}},
		{name: "a cloud block that names another workspace", base: double.Files{"lockkeeper.yml": ofCloud, "a/main.tf": cloud("app-dev"), "b/main.tf": root},
			head: double.Files{"a/main.tf": cloud("other")}, words: []string{"No longer a project at this commit: `a-dev`."}},
		{name: "a directory whose name would be the same", base: double.Files{"a/b/main.tf": root}, head: double.Files{"a-b/main.tf": root},
			words: []string{"**Another name** after the merge: `a-b → a-b-c14cddc033f6`,", "the place of the state (`{project}`)"}, plans: []string{"a-b-d44362d67d92"}},
		{name: "a directory that goes, whose name was the same", base: double.Files{"a/b/main.tf": root, "a-b/main.tf": root}, head: double.Files{"a-b/main.tf": double.Deleted},
			words: []string{"**Another name** after the merge: `a-b-c14cddc033f6 → a-b`,"}},
		{name: "one state", base: double.Files{"a/main.tf": s3, "b/main.tf": s3}, head: double.Files{"a/main.tf": s3 + "#\n"},
			words: []string{"**2 projects share one state**", "`a`, `b`"}, plans: []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.base)
			n, _ := f.Open(tt.head)
			p, err := f.Prepare(n)
			said := strings.Join(p.Notes, "\n")
			problem, refused := errors.AsType[*run.Problem](err)
			switch {
			case refused != (tt.code != ""):
				t.Fatalf("error is %v", err)
			case refused && problem.Code != tt.code:
				t.Errorf("the problem is %s", problem.Code)
			case refused:
				said = problem.Message
			case err != nil:
				t.Fatal(err)
			}
			for _, word := range tt.words {
				if !strings.Contains(said, word) {
					t.Errorf("it does not say %q:\n%s", word, said)
				}
			}
			if got := strings.Join(names(p), " "); got != strings.Join(tt.plans, " ") {
				t.Errorf("plans %q, want %q", got, tt.plans)
			}
		})
	}
}

// What the base has got meanwhile changes no name by this pull request's merge.
func TestABranchBehindItsBaseRenamesNothing(t *testing.T) {
	f := newFixture(t, double.Files{"a/b/main.tf": root, "c/d/main.tf": root, "c-d/main.tf": root})
	n, _ := f.Open(double.Files{"a/b/more.tf": "#\n"})
	if _, err := f.GitHub.Commit(repository, "main", "ana", "meanwhile", double.Files{"a-b/main.tf": root, "c-d/main.tf": double.Deleted}); err != nil {
		t.Fatal(err)
	}
	p, err := f.Prepare(n)
	if said := strings.Join(p.Notes, "\n"); err != nil || p.Behind != 1 || strings.Contains(said, "Another name") {
		t.Errorf("behind %d, %v, %s", p.Behind, err, said)
	}
}

// A repository that tells its projects apart by workspaces, before anybody named
// them: 123 of its 128 directories have one state.
func TestManyProjectsOfOneStateAreOneNote(t *testing.T) {
	state := func(key string) string {
		return "terraform {\n  backend \"s3\" {\n    bucket = \"x\"\n    key = \"" + key + "\"\n  }\n}\n"
	}
	files := double.Files{}
	for i := range 128 {
		key := "terraform.tfstate"
		if i >= 123 {
			key = fmt.Sprint(i)
		}
		files[fmt.Sprintf("live/p%03d/main.tf", i)] = state(key)
	}
	shared := func(f *fixture, n int) []string {
		p, err := f.Prepare(n)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(p.Notes, func(note string) bool { return !strings.Contains(note, "share") })
	}
	f := newFixture(t, files)
	n, _ := f.Open(double.Files{"live/p007/more.tf": "#\n", "live/p008/more.tf": "#\n"})
	want := "**123 projects share one state** in workspace `default`, so a plan of one may destroy what another made: " +
		"`live-p000`, `live-p001`, `live-p002` and 120 more. Name workspaces in `lockkeeper.yml`, or give each a key of its own."
	if got := shared(f, n); len(got) != 1 || got[0] != want {
		t.Errorf("notes %q, want %q", got, want)
	}

	// The same with five workspaces for each: one note, too.
	files["lockkeeper.yml"] = "version: 1\ndiscover: {include: [{dir: \"live/{name}\", each: {workspace: [w1, w2, w3, w4, w5]}, when_changed: [all]}]}\n"
	f = newFixture(t, files)
	f.Preparer.MaxProjects = 1000
	n, _ = f.Open(double.Files{"live/p007/all": "#\n"})
	want = "**Projects share 5 states**, so a plan of one may destroy what another made: 123 in workspace `w1` (`p000-w1`, `p001-w1`, `p002-w1` and 120 more), "
	if got := shared(f, n); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], " and those of 2 more states. ") {
		t.Errorf("notes %q, want %q…", got, want)
	}
}

// A name that is not UTF-8 is the person's mistake, not the server's.
func TestNamesThatAreNotUTF8(t *testing.T) {
	f := newFixture(t, double.Files{"a/main.tf": root})
	n, _ := f.Open(double.Files{"a/caf\xe9.txt": "x\n"})
	p, err := f.Prepare(n)
	if problem := p.Failed["a"]; err != nil || problem.Code != "source" || !strings.Contains(problem.Detail, "UTF-8; rename it") {
		t.Errorf("error is %v, problems are %v, want a refusal", err, p.Failed)
	}
}
