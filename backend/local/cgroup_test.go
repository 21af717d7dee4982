package local_test

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/run"
)

// Directories stand for control groups here: they are made and removed like them.
// Nothing limits a job in one, so it is watched; package jail tests that, too.
func TestControlGroupsOfJobsThatAreOverAreRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Cgroup = t.TempDir()
	engine := fnv.New32a()
	_, _ = engine.Write([]byte(f.options.Dir))
	made := func(name string) string {
		path := filepath.Join(f.options.Cgroup, strings.Replace(name, "ENGINE", fmt.Sprintf("%08x", engine.Sum32()), 1))
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gone := func(path string) bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	}

	signals := backendtest.NewSignals(t)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{signals.Flag()}
	e, inbox := f.open(t), backendtest.NewInbox()
	stop := backendtest.Serve(t, e, inbox)
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "the plan runs", func() bool { return signals.Runs() == 1 })
	stop()

	living, over := made("job-ENGINE-run-0"), made("job-ENGINE-run-9")
	others := []string{made("job-00000000-run-9"), made("server"), made("trial-1")}
	backendtest.Serve(t, f.open(t), inbox)
	backendtest.Eventually(t, "the group of a job that is over is removed", func() bool { return gone(over) })
	if gone(living) {
		t.Error("the group of a job that runs is removed")
	}
	signals.Go(t)
	if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("%+v", r.Problem)
	}
	backendtest.Eventually(t, "the group is removed with its job", func() bool { return gone(living) })
	for _, path := range others {
		if gone(path) {
			t.Errorf("%s is removed", path)
		}
	}
	if noted, err := os.ReadFile(filepath.Join(f.options.Dir, local.CgroupFile)); err != nil || string(noted) != f.options.Cgroup {
		t.Errorf("%q, %v", noted, err)
	}
}
