package prepare_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// withModules is a fixture with a second repository, acme/modules, and projects of which
// one calls a module of it that is a submodule at vendor/mod.
func withModules(t *testing.T) (f *fixture, commit func(files double.Files) string) {
	t.Helper()
	f = newFixture(t, double.Files{"lockkeeper.yml": "version: 1\nprojects:\n  - {name: app, dir: app}\n  - {name: other, dir: other}\n",
		"app/main.tf": root + "module \"m\" {\n  source = \"../vendor/mod/modules/vpc\"\n}\n", "other/main.tf": root})
	for _, err := range []error{f.GitHub.AddRepository("acme", "modules", "main"), f.GitHub.SetPermission("acme/modules", "ana", "write")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	commit = func(files double.Files) string {
		t.Helper()
		sha, err := f.GitHub.Commit("acme/modules", "main", "ana", "x", files)
		if err != nil {
			t.Fatal(err)
		}
		return sha
	}
	f.Preparer.FindSubmodule = func(ctx context.Context, repository string) (int64, pull.Remote, error) {
		client, err := f.Gate.Client(1)
		if err != nil {
			return 0, pull.Remote{}, err
		}
		owner, name, _ := strings.Cut(repository, "/")
		found, _, err := client.Repositories.Get(ctx, owner, name)
		if err != nil {
			return 0, pull.Remote{}, fmt.Errorf("%w: %w", pull.ErrNoAccess, err)
		}
		return found.GetID(), f.Gate.Remote(run.Repository{}, f.URL+"/"+repository+".git"), nil
	}
	return f, commit
}

func (f *fixture) allows(names ...string) {
	f.Preparer.Submodule = func(repository, submodule string) bool {
		return repository == "acme/infra" && slices.Contains(names, submodule)
	}
}

func (f *fixture) push(n int, files double.Files) run.Preparation {
	f.Helper()
	if _, err := f.GitHub.As("ana").Push(repository, "topic", "change", files); err != nil {
		f.Fatal(err)
	}
	p, err := f.Prepare(n)
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// sourceOf is a project's source on disk.
func (f *fixture) sourceOf(p run.Preparation, project string) *os.Root {
	f.Helper()
	i := slices.IndexFunc(p.Documents, func(d run.JobDocument) bool { return d.Project.Name == project })
	if i < 0 {
		f.Fatalf("%s is not among %v", project, names(p))
	}
	r, err := f.Artifacts.Open(f.Context(), p.Documents[i].Source)
	if err != nil {
		f.Fatal(err)
	}
	defer r.Close()
	dir, err := os.OpenRoot(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = dir.Close() })
	if err := artifact.Unpack(r, dir, artifact.Limits{}); err != nil {
		f.Fatal(err)
	}
	return dir
}

const gitmodules = "[submodule \"mod\"]\n\tpath = vendor/mod\n\turl = ../modules.git\n"

// A change of a submodule plans what reaches below it, with the submodule's files; the source
// of a commit is made anew when that is allowed, although the commit is the same.
func TestASubmoduleIsPlannedWhereTheServerAllowsIt(t *testing.T) {
	for _, reach := range []bool{false, true} {
		f, commit := withModules(t)
		f.Preparer.Reach = func(string) bool { return reach }
		one := commit(double.Files{"modules/vpc/main.tf": "# one\n"})
		two := commit(double.Files{"modules/vpc/main.tf": "# two\n"})
		n, _ := f.Open(double.Files{".gitmodules": gitmodules, "vendor/mod": double.Submodule(one)})
		refused, err := f.Prepare(n)
		if err != nil {
			t.Fatal(err)
		}
		problem := refused.Failed["app"]
		if got := names(refused); !slices.Equal(got, []string{"app"}) || problem.Code != "source" || !strings.Contains(problem.Message, "`vendor/mod`") ||
			!strings.Contains(problem.Detail, "list it under `repositories[].submodules`") || !strings.Contains(problem.Detail, "acme/modules") {
			t.Fatalf("reach: %v: not allowed: %v, %+v", reach, got, refused.Failed)
		}
		f.allows("acme/modules")
		for _, want := range []string{"# one\n", "# two\n"} {
			p, err := f.Prepare(n)
			if want != "# one\n" {
				p = f.push(n, double.Files{"vendor/mod": double.Submodule(two)})
			}
			if err != nil || len(p.Failed) != 0 || !slices.Equal(names(p), []string{"app"}) {
				t.Fatalf("reach: %v: %v, %+v, %v", reach, names(p), p.Failed, err)
			}
			if got, err := f.sourceOf(p, "app").ReadFile("vendor/mod/modules/vpc/main.tf"); err != nil || string(got) != want {
				t.Errorf("reach: %v: the module is %q, %v", reach, got, err)
			}
		}
	}
}

// What cannot be fetched refuses the projects that reach it, and no others.
func TestASubmoduleThatCannotBeFetchedRefusesItsProjects(t *testing.T) {
	f, commit := withModules(t)
	good := commit(double.Files{"modules/vpc/main.tf": "# good\n"})
	f.allows("acme/modules", "acme/private")
	other := func(i int) double.Files { return double.Files{"other/main.tf": root + fmt.Sprintf("# %d\n", i)} }
	n, _ := f.Open(other(0))
	for i, c := range []struct {
		gitmodules, sha, says string
	}{
		{strings.Replace(gitmodules, "modules.git", "private.git", 1), good, "have the App installed on that repository"},
		{gitmodules, strings.Repeat("ab", 20), "does not have commit"},
		{strings.Replace(gitmodules, "../modules", "../../else/modules", 1), good, "of else/modules, which is not fetched"},
		{strings.Replace(gitmodules, "../modules.git", "ext::sh", 1), good, "not one of a repository on the same GitHub"},
	} {
		files := other(i + 1)
		maps.Copy(files, double.Files{".gitmodules": c.gitmodules, "vendor/mod": double.Submodule(c.sha), "app/main.tf": root + fmt.Sprintf("module \"m\" {\n  source = \"../vendor/mod/modules/vpc\"\n}\n# %d\n", i)})
		p := f.push(n, files)
		if got := slices.Sorted(maps.Keys(p.Failed)); !slices.Equal(got, []string{"app"}) || !slices.Equal(names(p), []string{"app", "other"}) || !strings.Contains(p.Failed["app"].Detail, c.says) {
			t.Errorf("%s: %v, %+v", c.says, names(p), p.Failed)
		}
	}
}

// A project may lie in a submodule, when the file names it.
func TestAProjectInASubmodule(t *testing.T) {
	f, commit := withModules(t)
	sha := commit(double.Files{"live/main.tf": root, "other/main.tf": root})
	if _, err := f.GitHub.Commit(repository, "main", "ana", "x", double.Files{"lockkeeper.yml": "version: 1\nprojects:\n  - {name: inside, dir: vendor/mod/live}\n"}); err != nil {
		t.Fatal(err)
	}
	n, _ := f.Open(double.Files{".gitmodules": gitmodules, "vendor/mod": double.Submodule(sha)})
	p, err := f.Prepare(n)
	if err != nil || !slices.Equal(names(p), []string{"inside"}) || p.Failed["inside"].Code != "source" {
		t.Errorf("not allowed: %v, %+v, %v", names(p), p.Failed, err)
	}
	f.allows("acme/modules")
	p, err = f.Prepare(n)
	if err != nil || !slices.Equal(names(p), []string{"inside"}) || len(p.Failed) != 0 {
		t.Errorf("allowed: %v, %+v, %v", names(p), p.Failed, err)
	}
}
