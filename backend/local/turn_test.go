package local_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// Jobs have their turn in the order in which they were taken. A turn is over
// when the last terraform process of a job is, while the job itself may still
// write down what it found. So three things are proved here: who has a turn,
// how many terraform processes there are, and when a turn comes back.

// crew is terraform as a test controls it: each process is noted, show ends
// when the job may go on, and the plan of a slow job cannot be read at once.
type crew struct {
	dir    string
	jobs   string
	source run.Artifact
	plan   string // a plan file of it
}

// Its last step takes a moment in any case, so that a process too many is seen.
const crewTerraform = `#!/bin/sh
job=${HOME%/home} job=${job##*/} control=CONTROL
echo "+ $job $1" >> $control/trace
for last; do case "$last" in -out=*) cp PLAN "${last#-out=}" ;; esac; done
if [ "$1" = show ]; then
	while sleep 0.03; [ -d $control ] && [ ! -e $control/go-$job ] && [ ! -e $control/go ]; do :; done
	[ -e $control/slow-$job ] && while sleep 0.03; [ -d $control ] && [ ! -e $control/slowed-$job ]; do :; done
	echo '{"format_version":"1.2"}'
fi
echo "- $job $1" >> $control/trace
`

func newCrew(t *testing.T, f *fixture) *crew {
	t.Helper()
	c := &crew{
		dir: backendtest.Shared(t), jobs: f.options.Dir,
		source: backendtest.Source(t, f.artifacts, backendtest.FakeSource),
		plan:   backendtest.PlanFile(t, map[string]string{"main.tf": backendtest.FakeSource["app/main.tf"]}),
	}
	script := filepath.Join(t.TempDir(), "terraform")
	text := strings.NewReplacer("CONTROL", c.dir, "PLAN", c.plan).Replace(crewTerraform)
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err := os.WriteFile(script, []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	f.options.Parallel, f.options.Terraform = 2, binaries{real: script}
	t.Cleanup(func() { // what waits for a test that failed
		for i := range 100 {
			if pid := pidIn(filepath.Join(c.jobs, id(i), "alive")); pid > 1 && t.Failed() {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
	})
	return c
}

func id(n int) string { return fmt.Sprintf("run-%d", n) }

// start hands over jobs from the n-th on.
func (c *crew) start(t *testing.T, b run.Backend, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := b.Start(t.Context(), backendtest.Document(id(i), c.source)); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *crew) touch(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// slow makes the plan of a job one that cannot be read at once. Its last step waits
// for that.
func (c *crew) slow(t *testing.T, n int) {
	t.Helper()
	backendtest.Eventually(t, id(n)+" is at its last step", func() bool { return slices.Contains(c.did("+ show"), id(n)) })
	plan := filepath.Join(c.jobs, id(n), run.ArtifactPlan)
	if err := errors.Join(os.Remove(plan), syscall.Mkfifo(plan, 0o600)); err != nil {
		t.Fatal(err)
	}
	c.touch(t, "slowed-"+id(n))
}

// hand lets a slow job read its plan.
func (c *crew) hand(t *testing.T, n int) {
	t.Helper()
	var plan *os.File
	backendtest.Eventually(t, id(n)+" reads its plan", func() (open bool) {
		var err error
		plan, err = os.OpenFile(filepath.Join(c.jobs, id(n), run.ArtifactPlan), os.O_WRONLY|syscall.O_NONBLOCK, 0)
		return err == nil
	})
	content, err := os.ReadFile(c.plan)
	if err != nil {
		t.Error(err)
	}
	if _, err := plan.Write(content); err != nil {
		t.Error(err)
	}
	if err := plan.Close(); err != nil {
		t.Error(err)
	}
}

// trace lists what terraform processes did: "+ run-0 init" when one began.
func (c *crew) trace() []string {
	content, _ := os.ReadFile(filepath.Join(c.dir, "trace"))
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// did lists the jobs of which the trace has an event, by their numbers.
func (c *crew) did(what string) []string {
	var out []string
	for _, line := range c.trace() {
		if parts := strings.Fields(line); len(parts) == 3 && parts[0]+" "+parts[2] == what {
			out = append(out, parts[1])
		}
	}
	slices.Sort(out)
	return out
}

// await waits for an event of so many jobs, and checks that they are the first
// ones.
func (c *crew) await(t *testing.T, what string, n int) {
	t.Helper()
	backendtest.Eventually(t, fmt.Sprintf("%q of %d jobs", what, n), func() bool { return len(c.did(what)) >= n })
	var want []string
	for i := range n {
		want = append(want, id(i))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, c.did(what)); diff != "" {
		t.Fatalf("%q (-want +got):\n%s", what, diff)
	}
}

// most is how many terraform processes were there at once, but for those of
// some jobs.
func (c *crew) most(but ...string) int {
	running, most := 0, 0
	for _, line := range c.trace() {
		switch parts := strings.Fields(line); {
		case len(parts) != 3 || slices.Contains(but, parts[1]):
		case parts[0] == "+":
			running++
			most = max(most, running)
		default:
			running--
		}
	}
	return most
}

func TestJobsHaveTheirTurnInOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := newCrew(t, f)
	e, inbox := f.open(t), backendtest.NewInbox()
	const n = 12
	c.start(t, e, 0, n)
	backendtest.Serve(t, e, inbox)
	for i := range n {
		// Jobs up to i-1 have ended, and the next two are at their last step.
		c.await(t, "+ show", min(i+2, n))
		c.await(t, "+ plan", min(i+2, n))
		c.touch(t, "go-"+id(i))
		if r := inbox.Finished(t, id(i)); r.Outcome != run.OutcomeSucceeded {
			t.Fatalf("job %d: %+v", i, r.Problem)
		}
	}
	if most := c.most(); most != 2 {
		t.Errorf("%d terraform processes at once", most)
	}
}

func TestJobsOverlapAndTerraformDoesNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := newCrew(t, f)
	c.touch(t, "go")
	const n = 10
	for i := range n {
		c.touch(t, "slow-"+id(i))
	}
	e, inbox := f.open(t), backendtest.NewInbox()
	c.start(t, e, 0, n)
	backendtest.Serve(t, e, inbox)
	slowed := 0
	for i := range n {
		// Jobs up to i-1 have ended. Four more are through with terraform and
		// have not: that is as many as may pile up.
		for ; slowed < min(i+4, n); slowed++ {
			c.slow(t, slowed)
		}
		c.await(t, "- show", min(i+4, n))
		c.await(t, "+ plan", min(i+4, n))
		for k := i; k < n; k++ {
			if m := inbox.Of(id(k)); len(m) > 0 && m[len(m)-1].Kind == run.MessageFinished {
				t.Fatalf("job %d is over", k)
			}
		}
		c.hand(t, i)
		if r := inbox.Finished(t, id(i)); r.Outcome != run.OutcomeSucceeded {
			t.Fatalf("job %d: %+v", i, r.Problem)
		}
	}
	if most := c.most(); most > 2 {
		t.Errorf("%d terraform processes at once", most)
	}
}

// A job whose stage is not known has its turn as long as it has any process, and
// no longer.
func TestTurnsComeBack(t *testing.T) {
	t.Parallel()
	killRunner := func(t *testing.T, c *crew) {
		pid := pidIn(filepath.Join(c.jobs, id(0), "alive"))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		backendtest.Eventually(t, "the runner is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	}
	for name, test := range map[string]struct {
		slow    bool // job 0 is writing, else it is at its last step
		restart bool
		kill    bool
		outcome run.Outcome
	}{
		"from a runner that was killed":                   {kill: true, outcome: run.OutcomeFailed},
		"from a job that survived the engine":             {restart: true, outcome: run.OutcomeSucceeded},
		"from a job that wrote when the engine ended":     {restart: true, slow: true, outcome: run.OutcomeSucceeded},
		"from a runner that was killed after the restart": {restart: true, kill: true, outcome: run.OutcomeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c := newCrew(t, f)
			e, inbox := f.open(t), backendtest.NewInbox()
			stop := backendtest.Serve(t, e, inbox)
			c.start(t, e, 0, 1)
			c.await(t, "+ show", 1)
			if test.slow {
				c.touch(t, "slow-"+id(0))
				c.touch(t, "go-"+id(0))
				c.slow(t, 0)
				c.await(t, "- show", 1)
			}
			if test.restart {
				stop()
				e = f.open(t)
				backendtest.Serve(t, e, inbox)
			}
			if test.kill {
				killRunner(t, c)
			}

			const n = 6
			for i := 1; i < n; i++ {
				c.touch(t, "go-"+id(i))
			}
			c.start(t, e, 1, n)
			for i := 1; i < n; i++ {
				inbox.Finished(t, id(i))
			}
			if test.kill { // and so was its terraform
				inbox.Finished(t, id(0))
			} else if most := c.most(id(0)); most != 1 {
				t.Errorf("%d terraform processes at once beside that of the first job", most)
			}

			if !test.kill {
				c.touch(t, "go-"+id(0))
			}
			if test.slow {
				c.hand(t, 0)
			}
			if r := inbox.Finished(t, id(0)); r.Outcome != test.outcome {
				t.Errorf("%s: %+v", r.Outcome, r.Problem)
			}
			c.start(t, e, n, n+2)
			c.await(t, "+ show", n+2) // both at once
			c.touch(t, "go")
			inbox.Finished(t, id(n))
			inbox.Finished(t, id(n+1))
		})
	}
}
