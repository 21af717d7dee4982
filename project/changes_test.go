package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/project/repotest"
)

// What a change touches is at least what it changes: terraform plans the projects of a
// generated repository before and after, and whoever has another plan must be touched.
func TestAChangeTouchesWhatItChanges(t *testing.T) {
	t.Parallel()
	seeds, changes := 2, 3
	if longtest.On() {
		seeds, changes = 500, 1
	}
	changed := 0
	for seed := range seeds {
		// Plans of what is touched prove only that the changes change something.
		all := seed < 4
		t.Run(fmt.Sprint(seed), func(t *testing.T) { changed += changesOf(t, uint64(seed), changes, all) })
	}
	if changed == 0 {
		t.Error("no change changed a plan: nothing was tried")
	}
}

// changesOf tries some changes of one repository and returns how many plans they
// changed. Without all, only what is not touched is planned again.
func changesOf(t *testing.T, seed uint64, changes int, all bool) (changed int) {
	repository := repotest.Generate(seed)
	names := repository.Changes()
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	before := plansOf(t, repository, repository.Projects)
	for dir, plan := range before {
		if plan == nil {
			t.Fatalf("terraform cannot plan %s", dir)
		}
	}
	var cfg Config
	for _, dir := range repository.Projects {
		cfg.Projects = append(cfg.Projects, Project{Name: dir, Dir: dir})
	}
	check := func(what, name string, after repotest.Repository) {
		touched := strings.Fields(touched(Affected(cfg, graphOf(t, newTree(after.Files)), differing(repository, after), "main")))
		again := slices.Clone(repository.Projects)
		if !all {
			again = slices.DeleteFunc(again, func(dir string) bool { return slices.Contains(touched, dir) })
		}
		for dir, plan := range plansOf(t, after, again) {
			if bytes.Equal(plan, before[dir]) {
				continue
			}
			changed++
			if !slices.Contains(touched, dir) {
				t.Errorf("%s %s changes the plan of %s, and touches only %q", what, name, dir, touched)
			}
		}
	}
	for i, name := range names[:min(changes, len(names))] {
		check("another", name, repository.Change(name))
		if i%2 == 0 {
			check("no", name, repository.Without(name))
			check("nothing in", path.Dir(name), repository.Without(path.Dir(name)))
		}
	}
	return changed
}

// differing are the paths that differ between two commits.
func differing(before, after repotest.Repository) []string {
	var out []string
	for name, content := range before.Files {
		if is, there := after.Files[name]; !there || is != content {
			out = append(out, name)
		}
	}
	for name := range after.Files {
		if _, there := before.Files[name]; !there {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// plansOf is what terraform plans in directories, without when; nothing where it cannot
// plan, as without a file that is read.
func plansOf(t *testing.T, r repotest.Repository, dirs []string) map[string][]byte {
	t.Helper()
	root := t.TempDir()
	if err := r.Write(root); err != nil {
		t.Fatal(err)
	}
	plans := map[string][]byte{}
	for _, dir := range dirs {
		failed := false
		run := func(args ...string) []byte {
			cmd := exec.CommandContext(t.Context(), "terraform", args...)
			cmd.Dir = filepath.Join(root, dir)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "CHECKPOINT_DISABLE=1", "GOGC=400", "TF_IN_AUTOMATION=1"}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if failed = err != nil; failed && args[0] != "plan" {
				t.Fatalf("terraform %v in %s: %v\n%s%s", args, dir, err, out, &stderr)
			}
			return out
		}
		run("init", "-input=false", "-backend-config=path="+filepath.Join(root, "state"))
		run("plan", "-input=false", "-lock=false", "-out="+filepath.Join(root, "plan"))
		if failed {
			plans[dir] = nil
			continue
		}
		var shown map[string]any
		if err := json.Unmarshal(run("show", "-json", filepath.Join(root, "plan")), &shown); err != nil {
			t.Fatal(err)
		}
		plan, err := json.Marshal([]any{shown["resource_changes"], shown["output_changes"], shown["variables"]})
		if err != nil {
			t.Fatal(err)
		}
		plans[dir] = plan
	}
	return plans
}
