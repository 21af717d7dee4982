package prepare_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

const ruleA = "package main\ndeny contains \"a\"\n"

func newRulesFixture(t *testing.T, where prepare.PlanPolicy, files double.Files) *fixture {
	t.Helper()
	f := newFixture(t, files)
	f.Preparer.PlanPolicy = where
	return f
}

// unpacked is what a job would find.
func (f *fixture) unpacked(ref *run.Artifact) map[string]string {
	f.Helper()
	if ref == nil {
		f.Fatal("there are no rules")
	}
	archive, err := f.Artifacts.Open(f.Context(), *ref)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	dir := f.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := artifact.Unpack(archive, root, artifact.Limits{}); err != nil {
		f.Fatal(err)
	}
	found := map[string]string{}
	err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		found[rel] = string(content)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return found
}

// with adds files to others.
func with(files, more double.Files) double.Files {
	out := maps.Clone(files)
	maps.Copy(out, more)
	return out
}

// T08: rules come from the base branch. A pull request that changes, adds or
// removes some has no effect until it is merged, and is told so.
func TestT08_RulesComeFromTheBaseBranch(t *testing.T) {
	f := newRulesFixture(t, prepare.PlanPolicy{Dir: "policy"}, with(twoProjects(), double.Files{
		"policy/a.rego": ruleA, "policy/teams/a.yaml": "k: v\n", "policy/a_test.rego": "nonsense", "policy/README.md": "x", "policy/.regal/c.yaml": "x",
		"policy2/b.rego": ruleA,
	}))
	number, _ := f.Open(double.Files{"other/main.tf": root + "# changed\n", "policy/a.rego": "package main\n", "policy/b.rego": "package other\n"})
	out, err := f.Prepare(number)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"policy/a.rego": ruleA, "policy/teams/a.yaml": "k: v\n"}
	if diff := cmp.Diff(want, f.unpacked(out.Documents[0].Policy)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(out.Notes, func(n string) bool { return strings.Contains(n, "changes the rules in `policy`") }) {
		t.Errorf("%q", out.Notes)
	}
	if _, err := f.GitHub.As("ana").MergePull(repository, number, "merge"); err != nil {
		t.Fatal(err)
	}
	number, _ = f.Open(double.Files{"other/main.tf": root + "# changed again\n"})
	out, err = f.Prepare(number)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.unpacked(out.Documents[0].Policy); got["policy/a.rego"] != "package main\n" || got["policy/b.rego"] == "" {
		t.Errorf("after the merge: %q", got)
	}
}

func TestEqualRulesAreStoredOnce(t *testing.T) {
	f := newRulesFixture(t, prepare.PlanPolicy{Dir: "policy"}, with(twoProjects(), double.Files{"policy/a.rego": ruleA}))
	number, _ := f.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	var stored []int64
	for range 2 {
		out, err := f.Prepare(number)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Documents) != 2 || out.Documents[0].Policy == nil || *out.Documents[0].Policy != *out.Documents[1].Policy {
			t.Fatalf("%+v", out.Documents)
		}
		if len(out.Notes) > 0 {
			t.Errorf("%q", out.Notes)
		}
		stored = append(stored, f.Stored.Load())
	}
	if stored[0] != 2 || stored[1] != 2 {
		t.Errorf("stored %v archives, want one source and one of rules, once", stored)
	}
}

// T08: what cannot be used as rules stops the plan.
func TestT08_WithoutUsableRulesNothingIsPlanned(t *testing.T) {
	many := double.Files{}
	for i := range prepare.MaxRuleFiles + 1 {
		many[fmt.Sprintf("policy/%d.json", i)] = "{}"
	}
	for name, c := range map[string]struct {
		files      double.Files
		code, says string
	}{
		"no directory":    {double.Files{}, "policy_missing", "`policy` on the base branch cannot be used: no rules are there"},
		"no rules in it":  {double.Files{"policy/README.md": "x", "policy/a.json": "{}", "policy/a_test.rego": ruleA}, "policy_missing", "no rules are there"},
		"a file":          {double.Files{"policy": ruleA}, "policy_missing", "no rules are there"},
		"more than a few": {double.Files{"policy/a.rego": ruleA + strings.Repeat("# x\n", prepare.MaxRuleBytes/4)}, "policy_refused", "`policy/a.rego` it has more than 8 MiB"},
		"very many files": {with(many, double.Files{"policy/a.rego": ruleA}), "policy_refused", "files, and at most 1000 are taken"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRulesFixture(t, prepare.PlanPolicy{Dir: "policy"}, with(double.Files{"app/main.tf": root}, c.files))
			number, _ := f.Open(double.Files{"app/main.tf": root + "# changed\n"})
			out, err := f.Prepare(number)
			problem, ok := errors.AsType[*run.Problem](err)
			if !ok || problem.Code != c.code || !strings.Contains(problem.Message, c.says) || len(out.Documents) > 0 {
				t.Errorf("%v, %d documents", err, len(out.Documents))
			}
		})
	}
}

// serverDirectory writes rules as Kubernetes mounts a ConfigMap: each entry is
// a link into a hidden directory.
func serverDirectory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, "..data", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(name, "/")
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(dir, top)); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRulesOfTheServer(t *testing.T) {
	want := map[string]string{"policy/a.rego": ruleA, "policy/teams/a.yml": "k: v\n"}
	dir := serverDirectory(t, map[string]string{"a.rego": ruleA, "teams/a.yml": "k: v\n", "a_test.rego": "x", "notes.txt": "x"})
	f := newRulesFixture(t, prepare.PlanPolicy{Server: dir}, with(twoProjects(), double.Files{"policy/evil.rego": "package main\n"}))
	number, _ := f.Open(double.Files{"other/main.tf": root + "# changed\n", "policy/evil.rego": "package other\n"})
	for range 2 {
		out, err := f.Prepare(number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, f.unpacked(out.Documents[0].Policy)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(out.Notes) > 0 {
			t.Errorf("%q", out.Notes)
		}
	}
	if n := f.Stored.Load(); n != 2 {
		t.Errorf("stored %d archives", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.rego"), []byte("package b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := f.Prepare(number)
	if err != nil || len(f.unpacked(out.Documents[0].Policy)) != 3 {
		t.Errorf("a rule that was added to the server: %v", err)
	}
}

func TestRulesOfTheServerThatCannotBeRead(t *testing.T) {
	loop := serverDirectory(t, map[string]string{"a.rego": ruleA})
	dangling := serverDirectory(t, map[string]string{"a.rego": ruleA})
	if err := errors.Join(os.Symlink(".", filepath.Join(loop, "again")), os.Symlink("gone", filepath.Join(dangling, "b.rego"))); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, twoProjects())
	number, _ := f.Open(double.Files{"other/main.tf": root + "# changed\n"})
	for name, dir := range map[string]string{
		"no directory": filepath.Join(t.TempDir(), "gone"), "a link to itself": loop, "a link to nothing": dangling, "no rules": t.TempDir(),
	} {
		f.Preparer.PlanPolicy = prepare.PlanPolicy{Server: dir}
		if out, err := f.Prepare(number); err == nil {
			t.Errorf("%s: %+v", name, out.Documents)
		}
	}
}
