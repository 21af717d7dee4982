package prepare_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestAChangedModuleTouchesEveryProjectThatReachesIt(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, sha := f.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Documents) != 2 || p.HeadSHA != sha || p.BaseRef != "main" || p.Behind != 0 {
		t.Errorf("got %+v", p)
	}
	for _, d := range p.Documents {
		if d.Source.Size == 0 || d.Commit != sha || d.BaseCommit != p.BaseSHA {
			t.Errorf("document %+v", d)
		}
	}
}

func TestTheDocumentCarriesTheConfigOfTheBaseBranch(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = config
	files["live/prod/prod.tfvars"] = "a = 1\n"
	f := newFixture(t, files)
	n, sha := f.Open(double.Files{
		"live/prod/main.tf": root + "# changed\n",
		"lockkeeper.yml":    strings.ReplaceAll(config, "prod, workspace: blue", "dev, workspace: evil"), // T08
	})
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Documents) != 1 {
		t.Fatalf("documents %v", names(p))
	}
	d := p.Documents[0]
	want := run.JobDocument{
		Command: run.KindPlan, Repository: repository, RepositoryID: d.RepositoryID, Commit: sha, BaseCommit: p.BaseSHA, PullRequest: n, Actor: "ana",
		Project: run.JobProject{Name: "net-prod", Dir: "live/prod", Workspace: "blue", Terraform: "1.11.4",
			VarFiles: []string{"prod.tfvars"}, BackendConfig: map[string]string{"path": "/states/prod/net-prod", "workspace_dir": "/states/prod"}, After: []string{"net-dev"}},
		Environment: run.JobEnvironment{Name: "prod", Account: "1234"}, Source: d.Source,
		Limits: run.JobLimits{Seconds: 60, PlanBytes: 1 << 20},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Notes) != 2 || !strings.Contains(p.Notes[0], "takes effect when it is merged") || !strings.Contains(p.Notes[1], "workspace blue → live/prod in workspace evil") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestT04TheServerSaysWhereStateIs(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = "version: 1\nprojects:\n  - {name: net-dev, dir: live/dev, backend_config: {path: /evil, other: kept}}\n"
	f := newFixture(t, files)
	n, _ := f.Open(double.Files{"live/dev/main.tf": root + "# changed\n"})
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"path": "/states/acme/infra/net-dev-default", "workspace_dir": "/states/dev", "other": "kept"}
	if diff := cmp.Diff(want, p.Documents[0].Project.BackendConfig); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsRefused(t *testing.T) {
	typed := func(selectors ...string) func(*run.Run) { return func(r *run.Run) { r.Selectors = selectors } }
	by := func(actor string) func(*run.Run) { return func(r *run.Run) { r.Actor = actor } }
	many := twoProjects()
	for i := range 6 {
		many[fmt.Sprintf("many/%d/main.tf", i)] = root + "module \"net\" {\n  source = \"../../modules/net\"\n}\n"
	}
	tests := []struct {
		name   string
		base   double.Files
		change double.Files
		run    func(*run.Run)
		code   string
		says   string
	}{
		{"a project that does not exist", twoProjects(), double.Files{"other/main.tf": root + "#\n"}, typed("nope"), "unknown_project", "`nope`"},
		{"T17 a project in another case", twoProjects(), double.Files{"other/main.tf": root + "#\n"}, typed("OTHER"), "unknown_project", "- `other`"},
		{"somebody who may only read", twoProjects(), double.Files{"other/main.tf": root + "#\n"}, by("sam"), "may_write", "write access"},
		{"a stranger", twoProjects(), double.Files{"other/main.tf": root + "#\n"}, by("stranger"), "may_write", "write access"},
		{"config that asks for what is not built", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a, apply: after_merge}]\n", "a/main.tf": root}, double.Files{"a/main.tf": root + "#\n"}, nil, "config", "lockkeeper validate"},
		{"config with mistakes", double.Files{"lockkeeper.yml": "version: 1\nprojekts: []\n", "a/main.tf": root}, double.Files{"a/main.tf": root + "#\n"}, nil, "config", "lockkeeper validate"},
		{"an environment that the server lacks", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: a, dir: a, environment: mars}]\n", "a/main.tf": root},
			double.Files{"a/main.tf": root + "#\n"}, nil, "unknown_environment", "`mars`"},
		{"too many projects", many, double.Files{"modules/net/main.tf": "#\n"}, nil, "too_many_projects", "8 projects"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.base)
			n, _ := f.Open(tt.change)
			if tt.run == nil {
				tt.run = func(*run.Run) {}
			}
			_, err := f.Prepare(n, tt.run)
			var problem *run.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("error %v, want a problem", err)
			}
			if problem.Code != tt.code || !strings.Contains(problem.Message, tt.says) {
				t.Errorf("problem %+v", problem)
			}
		})
	}
}

// What keeps everybody's plans from being made says so where it is written, before the
// merge; and the pull request that corrects it passes.
func TestTheConfigIsJudgedWhereItChanges(t *testing.T) {
	const good, bad = "version: 1\nprojects: [{name: a, dir: a}]\n", "version: 1\nprojects: [{name: a, dir: a, after: [nosuch]}]\n"
	for name, tt := range map[string]struct {
		base, head string
		beside     string // a file that changes, too
		mistakes   int
		refused    bool
	}{
		"a mistake":                               {base: good, head: bad, beside: "README.md", mistakes: 1},
		"a mistake and a change":                  {base: good, head: bad, beside: "a/main.tf", mistakes: 1},
		"a correction":                            {base: bad, head: good},
		"a correction and a document":             {base: bad, head: good, beside: "README.md", refused: true}, // which Terraform may read
		"a correction of one mistake by another":  {base: bad, head: bad + "#\n", beside: "README.md", refused: true},
		"a correction and a change of a project":  {base: bad, head: good, beside: "a/main.tf", refused: true},
		"a change while the base has mistakes":    {base: bad, head: bad, beside: "a/main.tf", refused: true},
		"documents while the base has mistakes":   {base: bad, head: bad, beside: "README.md", refused: true},
		"a change of what has no mistakes at all": {base: good, head: good + "#\n", beside: "README.md"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, double.Files{"lockkeeper.yml": tt.base, "a/main.tf": root})
			change := double.Files{"lockkeeper.yml": tt.head}
			if tt.beside != "" {
				change[tt.beside] = root + "#\n"
			}
			n, _ := f.Open(change)
			p, err := f.Prepare(n)
			var problem *run.Problem
			if refused := errors.As(err, &problem) && problem.Code == "config"; refused != tt.refused || !refused && err != nil {
				t.Fatalf("error %v", err)
			}
			if p.ConfigMistakes != tt.mistakes || !tt.refused && len(p.Notes) == 0 {
				t.Errorf("%d mistakes, notes %q", p.ConfigMistakes, p.Notes)
			}
			if len(p.Mistakes) != p.ConfigMistakes || len(p.Mistakes) > 0 && (p.Mistakes[0].Path != "lockkeeper.yml" || p.Mistakes[0].Line < 1 || p.Mistakes[0].Message == "") {
				t.Errorf("they are marked at %+v", p.Mistakes)
			}
			if tt.refused {
				return
			}
			if _, err := f.Prepare(n, func(r *run.Run) { r.Selectors = []string{"a"} }); (err == nil) == (tt.base == bad) {
				t.Errorf("named: %v", err) // nobody knows what that is while the base has mistakes
			}
		})
	}
}

func TestT07AForkRunsNothing(t *testing.T) {
	f := newFixture(t, twoProjects())
	fork, err := f.GitHub.As("sam").Fork(repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.GitHub.As("sam").Push(fork, "topic", "evil", double.Files{"other/main.tf": root + "#\n"}); err != nil {
		t.Fatal(err)
	}
	n, err := f.GitHub.As("sam").OpenPull(repository, "sam:topic", "main", "evil", "", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Prepare(n)
	var problem *run.Problem
	if !errors.As(err, &problem) || problem.Code != "same_repository" {
		t.Errorf("asked by a writer: error %v", err)
	}
	_, err = f.Prepare(n, func(r *run.Run) { r.Trigger = run.TriggerPush })
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) {
		t.Errorf("by itself: error %v, want silence", err)
	}
	if f.Stored.Load() > 0 {
		t.Error("sources of a fork were stored")
	}
}

func TestAClosedPullRequestIsNotPlanned(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"other/main.tf": root + "#\n"})
	if err := f.GitHub.As("ana").ClosePull(repository, n); err != nil {
		t.Fatal(err)
	}
	_, err := f.Prepare(n)
	var problem *run.Problem
	if !errors.As(err, &problem) || problem.Code != "open" {
		t.Errorf("error %v", err)
	}
}

func TestAPushThatWasOvertakenIsSilent(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"other/main.tf": root + "#\n"})
	_, err := f.Prepare(n, func(r *run.Run) { r.Trigger, r.HeadSHA = run.TriggerPush, strings.Repeat("a", 40) })
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) || silent.Problem.Code != "overtaken" {
		t.Errorf("error %v", err)
	}
}

func TestADeletedProjectIsNotedAndTheOthersArePlanned(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = config
	f := newFixture(t, files)
	n, _ := f.Open(double.Files{"live/dev/main.tf": double.Deleted, "live/prod/main.tf": root + "#\n"})
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"net-prod"}, names(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "`net-dev` is not planned") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestNothingTouchedIsNoJob(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"README.md": "bye\n"})
	p, err := f.Prepare(n)
	if err != nil || len(p.Documents) != 0 {
		t.Errorf("documents %v, error %v", names(p), err)
	}
}

func TestNamedProjectsArePlannedThoughNothingTouchesThem(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"README.md": "bye\n"})
	p, err := f.Prepare(n, func(r *run.Run) { r.Selectors = []string{"live*"} })
	if err != nil || len(p.Documents) != 2 || !slices.IsSorted(names(p)) {
		t.Errorf("documents %v, error %v", names(p), err)
	}
}

func TestPreparingAgainStoresNoSourceAgain(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	var first run.Preparation
	for i := range 2 {
		p, err := f.Prepare(n)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = p
		} else if diff := cmp.Diff(first, p); diff != "" {
			t.Errorf("the second differs (-first +second):\n%s", diff)
		}
	}
	if got := f.Stored.Load(); got != 1 {
		t.Errorf("%d sources stored, want 1 for both projects", got)
	}
}

// One archive serves every project, and every commit that has the same tree.
func TestOneSourceForEveryCommitOfATree(t *testing.T) {
	f := newFixture(t, twoProjects())
	seen := map[string]bool{}
	n, _ := f.Open(double.Files{"modules/net/main.tf": "# one\n"})
	for _, content := range []string{"", "# two\n", "# one\n"} {
		if content != "" {
			if _, err := f.GitHub.As("ana").Push(repository, "topic", "change", double.Files{"modules/net/main.tf": content}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := f.Prepare(n)
		if err != nil || len(p.Documents) != 2 {
			t.Fatal(p.Documents, err)
		}
		for _, doc := range p.Documents {
			seen[doc.Source.SHA256] = true
		}
	}
	if got := f.Stored.Load(); got != 2 || len(seen) != 2 {
		t.Errorf("%d sources stored, %d seen, want 2", got, len(seen))
	}
}

// With source: reach a job gets what its project reaches, links and what is behind
// them included, and what cannot be followed refuses.
func TestSourceReachRefusesWhatItCannotFollow(t *testing.T) {
	f := newFixture(t, twoProjects())
	f.Preparer.Reach = func(repository string) bool { return repository == "acme/infra" }
	n, _ := f.Open(double.Files{
		"modules/net/main.tf": "# changed\n", "assets/large.txt": "x",
		"other/main.tf":     root + "variable \"dir\" {}\nlocals {\n  x = fileset(var.dir, \"*\")\n}\n",
		"live/dev/link.txt": double.Symlink("../../shared/text"), "shared/text": "behind the link\n",
	})
	p, err := f.Prepare(n)
	if err != nil || len(p.Documents) != 3 {
		t.Fatal(names(p), err)
	}
	problem, failed := p.Failed["other"]
	if !failed || len(p.Failed) != 1 || problem.Code != "source" || !strings.Contains(problem.Message, "`source: reach`") || !strings.Contains(problem.Message, "`other/main.tf`") {
		t.Errorf("refused are %+v", p.Failed)
	}
	for _, doc := range p.Documents {
		if doc.Project.Name != "live-dev" {
			continue
		}
		r, err := f.Artifacts.Open(t.Context(), doc.Source)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		dir, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		if err := artifact.Unpack(r, dir, artifact.Limits{}); err != nil {
			t.Fatal(err)
		}
		if content, err := dir.ReadFile("live/dev/link.txt"); err != nil || string(content) != "behind the link\n" {
			t.Errorf("behind the link is %q, %v", content, err)
		}
		for _, name := range []string{"assets/large.txt", "other/main.tf"} {
			if _, err := dir.Lstat(name); err == nil {
				t.Errorf("%s is in the source", name)
			}
		}
	}
}

// What a module from elsewhere reads by a path that was computed would be missing, without a word.
func TestSourceReachRefusesAPathComputedForAModuleFromElsewhere(t *testing.T) {
	f := newFixture(t, twoProjects())
	f.Preparer.Reach = func(string) bool { return true }
	call := func(dir string) string {
		return root + "module \"m\" {\n  source = \"acme/m/aws\"\n  name   = \"${var.x}/y\"\n  dir    = " + dir + "\n}\n"
	}
	n, _ := f.Open(double.Files{
		"other/main.tf": call(`join("/", [var.x, "..", "environments"])`), "live/dev/more.tf": call(`"../../environments"`), "environments/x.json": "{}",
	})
	p, err := f.Prepare(n)
	problem, failed := p.Failed["other"]
	if err != nil || !failed || len(p.Failed) != 1 {
		t.Fatal(p.Failed, err)
	}
	if problem.Code != "source" || !strings.Contains(problem.Message, "`other/main.tf`") || !strings.Contains(problem.Detail, "module.m.dir") {
		t.Errorf("refused: %+v", problem)
	}
}

// T03, and links, pointers and submodules: what a job cannot be given as a
// checkout has it refuses the projects that reach it, by path, and no others.
func TestWhatASourceCannotHoldRefusesTheProjectsThatReachIt(t *testing.T) {
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 9\n"
	for name, c := range map[string]struct {
		change double.Files
		path   string
		says   string
		failed []string
	}{
		"a forbidden file":      {double.Files{"other/.terraform/modules/modules.json": "{}"}, "other/.terraform/modules/modules.json", "remove it", []string{"other"}},
		"a pointer":             {double.Files{"other/code.zip": pointer}, "other/code.zip", "Git LFS", []string{"other"}},
		"one in a module":       {double.Files{"modules/net/code.zip": pointer}, "modules/net/code.zip", "Git LFS", []string{"live-dev", "live-prod"}},
		"one that nobody reads": {double.Files{"assets/code.zip": pointer, "assets/terraform.tfstate": "{}"}, "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, twoProjects())
			all := double.Files{"other/main.tf": root + "# changed\n", "modules/net/main.tf": "# changed\n"}
			maps.Copy(all, c.change)
			n, _ := f.Open(all)
			p, err := f.Prepare(n)
			if err != nil || len(p.Documents) != 3 {
				t.Fatalf("documents %v, %v", names(p), err)
			}
			if got := slices.Sorted(maps.Keys(p.Failed)); !slices.Equal(got, c.failed) {
				t.Errorf("refused are %v, want %v", got, c.failed)
			}
			for name, problem := range p.Failed {
				if problem.Code != "source" || !strings.Contains(problem.Message, "`"+name+"`") || !strings.Contains(problem.Message, "`"+c.path+"`") || !strings.Contains(problem.Detail, c.says) {
					t.Errorf("problem %+v", problem)
				}
			}
			r := run.Step(run.Run{ID: "r", State: run.StateAccepted, Kind: run.KindPlan}, run.Prepared{At: time.Now(), Preparation: p})
			for _, j := range r.Run.Jobs {
				if failed := slices.Contains(c.failed, j.Document.Project.Name); failed != (j.State == run.JobFailed) {
					t.Errorf("job of %s is %s", j.Document.Project.Name, j.State)
				}
			}
			if started := len(slices.DeleteFunc(r.Effects, func(e run.Effect) bool { return e.Kind != run.EffectStart })); started != 3-len(c.failed) {
				t.Errorf("%d jobs are started", started)
			}
		})
	}
}

// fileset of a file or directory that was left out is an empty set without an error, so what
// it made would be destroyed.
func TestAProjectThatMayReadWhatIsLeftOutIsRefused(t *testing.T) {
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 9\n"
	computed := "locals {\n  where = \"${lower(\"..\")}/vendor\"\n}\nresource \"terraform_data\" \"x\" {\n  for_each = fileset(\"${local.where}/places\", \"*\")\n}\n"
	for name, c := range map[string]struct {
		change double.Files
		path   string // of what is left out; empty for nothing
	}{
		"a submodule":              {double.Files{".gitmodules": "[submodule \"s\"]\n\tpath = vendor/places\n\turl = ../places.git\n", "vendor/places": double.Submodule(strings.Repeat("ab", 20))}, "vendor/places"},
		"a pointer":                {double.Files{"vendor/places/a.zip": pointer}, "vendor/places/a.zip"},
		"a link out of the commit": {double.Files{"vendor/places": double.Symlink("/usr/share")}, "vendor/places"},
		"a name that is not UTF-8": {double.Files{"vendor/places/\xff.json": "{}"}, "vendor/places/"},
		"a name that is kept":      {double.Files{"vendor/places/terraform.tfstate": "{}"}, ""},
		"nothing":                  {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, twoProjects())
			all := double.Files{"other/main.tf": root + computed, "modules/net/main.tf": "# changed\n"}
			maps.Copy(all, c.change)
			n, _ := f.Open(all)
			p, err := f.Prepare(n)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if c.path != "" {
				want = []string{"other"}
			}
			if got := slices.Sorted(maps.Keys(p.Failed)); !slices.Equal(got, want) {
				t.Fatalf("refused are %v, want %v", got, want)
			}
			if problem := p.Failed["other"]; c.path != "" && (problem.Code != "source" || !strings.Contains(problem.Message, "`"+c.path) || !strings.Contains(problem.Message, "`other/main.tf` on line")) {
				t.Errorf("%+v", problem)
			}
		})
	}
}

func TestABranchBehindItsBaseSaysByHowMuch(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"other/main.tf": root + "#\n"})
	for i := range 3 {
		if _, err := f.GitHub.Commit(repository, "main", "ana", "more", double.Files{"README.md": fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := f.Prepare(n)
	if err != nil || p.Behind != 3 {
		t.Errorf("behind %d, error %v", p.Behind, err)
	}
}

func TestTroubleOfGitHubIsTemporary(t *testing.T) {
	f := newFixture(t, twoProjects())
	n, _ := f.Open(double.Files{"other/main.tf": root + "#\n"})
	id := f.RepositoryID()
	for _, status := range []int{500, 502, 503} {
		f.GitHub.Faults().FailNext(1, status, "pulls")
		_, err := f.Preparer.Prepare(t.Context(), run.Run{
			Subject: run.Subject{Repository: run.Repository{ID: id, Owner: "acme", Name: "infra"}, PullRequest: n}, Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "ana",
		})
		var temporary *run.Temporary
		if !errors.As(err, &temporary) || temporary.After <= 0 {
			t.Errorf("%d: error %v, want a temporary one", status, err)
		}
	}
	f.GitHub.Faults().LimitSecondaryNext(1, 403, 90*time.Second, "pulls") // a permission may still be on its way
	_, err := f.Preparer.Prepare(t.Context(), run.Run{
		Subject: run.Subject{Repository: run.Repository{ID: id, Owner: "acme", Name: "infra"}, PullRequest: n}, Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "ana",
	})
	var temporary *run.Temporary
	if !errors.As(err, &temporary) || temporary.After < 80*time.Second {
		t.Errorf("secondary limit: error %v", err)
	}
}

func TestT31AProjectAfter3001FilesIsFound(t *testing.T) {
	f := newFixture(t, twoProjects())
	files := double.Files{"zzz/main.tf": root}
	for i := range 3001 {
		files[fmt.Sprintf("data/%04d.txt", i)] = "x"
	}
	n, _ := f.Open(files)
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"zzz"}, names(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
