package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/run"
)

// greedy is a terraform that keeps what it wrote, and does not end when asked to.
const greedy = `#!/bin/sh
trap '' INT TERM
[ "$1" = plan ] || exit 0
dd if=/dev/zero of="$HOME/kept" bs=1M count=SIZE 2> /dev/null
while :; do sleep 1; done
`

// greedyBy makes a terraform for each job, by the MiB that it keeps.
func greedyBy(t *testing.T, mib map[string]string) choice {
	t.Helper()
	dir, out := t.TempDir(), choice{}
	for id, size := range mib {
		out[id] = filepath.Join(dir, id)
		if err := os.WriteFile(out[id], []byte(strings.ReplaceAll(greedy, "SIZE", size)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// plans starts the plan of one of them.
func (f *fixture) plans(t *testing.T, e run.Backend, id string) {
	t.Helper()
	doc := backendtest.Document(id, backendtest.Source(t, f.artifacts, map[string]string{"app/main.tf": ""}))
	doc.Project.Terraform = id
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// A job whose files take more than one may is ended with everything that it
// wrote, and says so; one that takes less is not.
func TestAJobThatTakesTooMuchDiskIsEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Terraform, f.options.Disk, f.options.Parallel = greedyBy(t, map[string]string{"small-0": "1", "large-0": "64"}), 32<<20, 2
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	f.plans(t, e, "small-0")
	f.plans(t, e, "large-0")
	r := inbox.Finished(t, "large-0")
	if r.Outcome != run.OutcomeFailed || r.Problem.Code != "disk_exceeded" || !strings.HasPrefix(r.Problem.Message, "The job wrote more than the 32 MiB") {
		t.Errorf("it ended with %+v, %+v", r, r.Problem)
	}
	if _, err := os.Stat(filepath.Join(f.options.Dir, "large-0", "home")); !os.IsNotExist(err) {
		t.Errorf("what it wrote is still there: %v", err)
	}
	if told := inbox.Of("small-0"); len(told) > 1 {
		t.Errorf("the small one has ended, too: %+v", told)
	}
	cancel(t, e, inbox, "small-0")
}

// When the disk is short of room the job that takes the most ends, and none
// begins before there is room again.
func TestShortOfRoomTheLargestJobEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Terraform, f.options.Parallel = greedyBy(t, map[string]string{"small-0": "1", "large-0": "16", "late-0": "1"}), 2
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	f.plans(t, e, "small-0")
	f.plans(t, e, "large-0")
	until(t, "both to have written", func() bool {
		size := func(id string) int64 {
			info, err := os.Stat(filepath.Join(f.options.Dir, id, "home", "kept"))
			if err != nil {
				return 0
			}
			return info.Size()
		}
		return size("small-0") == 1<<20 && size("large-0") == 16<<20
	})
	e.(*local.Engine).Short(t.Context(), true)
	if r := inbox.Finished(t, "large-0"); r.Problem == nil || r.Problem.Code != "disk_full" {
		t.Errorf("the largest ended with %+v", r)
	}
	f.plans(t, e, "late-0")
	if told := inbox.Of("small-0"); len(told) > 1 {
		t.Errorf("the small one has ended, too: %+v", told)
	}
	if _, err := os.Stat(filepath.Join(f.options.Dir, "late-0", "claimed")); err == nil {
		t.Error("a job began while the disk was short of room")
	}
	e.(*local.Engine).Short(t.Context(), false)
	until(t, "the late one to begin", func() bool {
		_, err := os.Stat(filepath.Join(f.options.Dir, "late-0", "claimed"))
		return err == nil
	})
	cancel(t, e, inbox, "small-0", "late-0")
}

// nameless is a terraform that keeps files in no directory.
const nameless = `#!/bin/sh
trap '' INT TERM
[ "$1" = plan ] || exit 0
exec 3> "$HOME/kept" && rm "$HOME/kept"
dd if=/dev/zero bs=1M count=SIZE >&3 2> /dev/null
echo written > "$HOME/written"
while :; do sleep 1; done
`

// hides makes one of the terraforms hide what it keeps.
func (c choice) hides(t *testing.T, id, mib string) {
	t.Helper()
	if err := os.WriteFile(c[id], []byte(strings.ReplaceAll(nameless, "SIZE", mib)), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Files without a name count: the job that hides what it took is the one that ends.
func TestShortOfRoomAJobThatHidesItsFilesEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	terraforms := greedyBy(t, map[string]string{"small-0": "4", "large-0": "0"})
	terraforms.hides(t, "large-0", "16")
	f.options.Terraform, f.options.Parallel = terraforms, 2
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	f.plans(t, e, "small-0")
	f.plans(t, e, "large-0")
	until(t, "both to have written", func() bool {
		info, err := os.Stat(filepath.Join(f.options.Dir, "small-0", "home", "kept"))
		_, hidden := os.Stat(filepath.Join(f.options.Dir, "large-0", "home", "written"))
		return err == nil && info.Size() == 4<<20 && hidden == nil
	})
	e.(*local.Engine).Short(t.Context(), true)
	if r := inbox.Finished(t, "large-0"); r.Problem == nil || r.Problem.Code != "disk_full" {
		t.Errorf("the one that hides its files ended with %+v", r)
	}
	if told := inbox.Of("small-0"); len(told) > 1 {
		t.Errorf("the innocent one has ended, too: %+v", told)
	}
	e.(*local.Engine).Short(t.Context(), false)
	cancel(t, e, inbox, "small-0")
}

// The limit of one job sees them, too.
func TestAJobThatHidesItsFilesIsEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	terraforms := greedyBy(t, map[string]string{"large-0": "0"})
	terraforms.hides(t, "large-0", "64")
	f.options.Terraform, f.options.Disk = terraforms, 32<<20
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	f.plans(t, e, "large-0")
	if r := inbox.Finished(t, "large-0"); r.Problem == nil || r.Problem.Code != "disk_exceeded" {
		t.Errorf("it ended with %+v, %+v", r, r.Problem)
	}
}

// choice has a terraform for each version.
type choice map[string]string

func (c choice) Binary(_ context.Context, wanted string) (toolchain.Binary, error) {
	return toolchain.Binary{Path: c[wanted], Product: "Terraform", Version: "1"}, nil
}

func cancel(t *testing.T, e run.Backend, inbox *backendtest.Inbox, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := e.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
		inbox.Finished(t, id)
	}
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}
