package prepare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/policy/rego"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

const ruleA = "package main\ndeny contains \"a\"\n"

// rulesFixture is a fixture whose archives can be read.
type rulesFixture struct {
	*fixture
	artifacts *artifact.Dir
}

func newRulesFixture(t *testing.T, where PlanPolicy, files double.Files) *rulesFixture {
	t.Helper()
	artifacts, err := artifact.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = artifacts.Close() })
	f := &rulesFixture{fixture: newFixture(t, files), artifacts: artifacts}
	f.preparer.PlanPolicy = where
	f.preparer.PutSource = func(ctx context.Context, r io.Reader) (run.Artifact, error) {
		f.stored.Add(1)
		return artifacts.PutContent(ctx, "sources", r)
	}
	return f
}

// unpacked is what a job would find.
func (f *rulesFixture) unpacked(ref *run.Artifact) map[string]string {
	f.Helper()
	if ref == nil {
		f.Fatal("there are no rules")
	}
	archive, err := f.artifacts.Open(f.Context(), *ref)
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
	f := newRulesFixture(t, PlanPolicy{Dir: "policy"}, with(twoProjects(), double.Files{
		"policy/a.rego": ruleA, "policy/teams/a.yaml": "k: v\n", "policy/a_test.rego": "nonsense", "policy/README.md": "x", "policy/.regal/c.yaml": "x",
		"policy2/b.rego": ruleA,
	}))
	number, _ := f.open(double.Files{"other/main.tf": root + "# changed\n", "policy/a.rego": "package main\n", "policy/b.rego": "package other\n"})
	out, err := f.prepare(number)
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
	if _, err := f.github.As("ana").MergePull(repository, number, "merge"); err != nil {
		t.Fatal(err)
	}
	number, _ = f.open(double.Files{"other/main.tf": root + "# changed again\n"})
	out, err = f.prepare(number)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.unpacked(out.Documents[0].Policy); got["policy/a.rego"] != "package main\n" || got["policy/b.rego"] == "" {
		t.Errorf("after the merge: %q", got)
	}
}

func TestEqualRulesAreStoredOnce(t *testing.T) {
	f := newRulesFixture(t, PlanPolicy{Dir: "policy"}, with(twoProjects(), double.Files{"policy/a.rego": ruleA}))
	number, _ := f.open(double.Files{"modules/net/main.tf": "# changed\n"})
	var stored []int64
	for range 2 {
		out, err := f.prepare(number)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Documents) != 2 || out.Documents[0].Policy == nil || *out.Documents[0].Policy != *out.Documents[1].Policy {
			t.Fatalf("%+v", out.Documents)
		}
		if len(out.Notes) > 0 {
			t.Errorf("%q", out.Notes)
		}
		stored = append(stored, f.stored.Load())
	}
	if stored[0] != 2 || stored[1] != 2 {
		t.Errorf("stored %v archives, want one source and one of rules, once", stored)
	}
}

// T08: what cannot be used as rules stops the plan.
func TestT08_WithoutUsableRulesNothingIsPlanned(t *testing.T) {
	many := double.Files{}
	for i := range maxRuleFiles + 1 {
		many[fmt.Sprintf("policy/%d.json", i)] = "{}"
	}
	for name, c := range map[string]struct {
		files      double.Files
		code, says string
	}{
		"no directory":    {double.Files{}, "policy_missing", "`policy` on the base branch cannot be used: no rules are there"},
		"no rules in it":  {double.Files{"policy/README.md": "x", "policy/a.json": "{}", "policy/a_test.rego": ruleA}, "policy_missing", "no rules are there"},
		"a file":          {double.Files{"policy": ruleA}, "policy_missing", "no rules are there"},
		"more than a few": {double.Files{"policy/a.rego": ruleA + strings.Repeat("# x\n", maxRuleBytes/4)}, "policy_refused", "`policy/a.rego` it has more than 8 MiB"},
		"very many files": {with(many, double.Files{"policy/a.rego": ruleA}), "policy_refused", "files, and at most 1000 are taken"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newRulesFixture(t, PlanPolicy{Dir: "policy"}, with(double.Files{"app/main.tf": root}, c.files))
			number, _ := f.open(double.Files{"app/main.tf": root + "# changed\n"})
			out, err := f.prepare(number)
			problem, ok := errors.AsType[*run.Problem](err)
			if !ok || problem.Code != c.code || !strings.Contains(problem.Message, c.says) || len(out.Documents) > 0 {
				t.Errorf("%v, %d documents", err, len(out.Documents))
			}
		})
	}
}

// A link in place of a rule would be judged by nothing.
func TestLinkedRulesAreRefused(t *testing.T) {
	p := &Preparer{PlanPolicy: PlanPolicy{Dir: "./policy/"}, Now: time.Now}
	_, err := p.baseRules(t.Context(), project.Tree(linkTree{}))
	if problem, ok := errors.AsType[*run.Problem](err); !ok || !strings.Contains(problem.Message, "`policy/b.rego` is a symbolic link") {
		t.Errorf("%v", err)
	}
}

type linkTree struct{ project.Tree }

func (linkTree) Files(context.Context) ([]project.File, error) {
	return []project.File{{Path: "policy/a.rego", Mode: 0o100644}, {Path: "policy/b.rego", Mode: project.ModeSymlink}}, nil
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
	f := newRulesFixture(t, PlanPolicy{Server: dir}, with(twoProjects(), double.Files{"policy/evil.rego": "package main\n"}))
	number, _ := f.open(double.Files{"other/main.tf": root + "# changed\n", "policy/evil.rego": "package other\n"})
	for range 2 {
		out, err := f.prepare(number)
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
	if n := f.stored.Load(); n != 2 {
		t.Errorf("stored %d archives", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.rego"), []byte("package b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := f.prepare(number)
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
	number, _ := f.open(double.Files{"other/main.tf": root + "# changed\n"})
	for name, dir := range map[string]string{
		"no directory": filepath.Join(t.TempDir(), "gone"), "a link to itself": loop, "a link to nothing": dangling, "no rules": t.TempDir(),
	} {
		f.preparer.PlanPolicy = PlanPolicy{Server: dir}
		if out, err := f.prepare(number); err == nil {
			t.Errorf("%s: %+v", name, out.Documents)
		}
	}
}

// What is archived is what the evaluator loads.
func TestRuleFilesAreThoseOfTheEvaluator(t *testing.T) {
	names := []string{
		"a.rego", "b/c.rego", "a_test.rego", "b/a_test.rego", "a.json", "a.yaml", "a.yml", "a.YML", "a.REGO", "a.rego.bak", "README.md", "rego", ".rego", ".a.rego",
		".b/a.rego", "b/.c/a.json", "b/.json", "x.y.rego", "a_test.json", "json",
	}
	for _, name := range names {
		// Nonsense is a mistake exactly when it is loaded.
		tree := fstest.MapFS{"policy/ok.rego": {Data: []byte(ruleA)}, "policy/" + name: {Data: []byte("[")}}
		_, err := rego.Load(t.Context(), tree, "policy")
		if loaded := err != nil; loaded != isRuleFile(name) {
			t.Errorf("%s is archived: %v, loaded: %v", name, isRuleFile(name), loaded)
		}
	}
}

func TestEqualRulesGiveAnEqualArchive(t *testing.T) {
	files := []ruleFile{{"a.rego", []byte(ruleA)}, {"b/c.json", []byte("{}")}}
	one, err1 := rulesArchive(files)
	two, err2 := rulesArchive(slices.Clone(files))
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("%v, %v", err1, err2)
	}
	if _, err := rulesArchive(nil); err != nil {
		t.Error(err)
	}
}
