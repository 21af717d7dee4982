package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// terminate asks the server to stop, as a service manager does, and waits for
// it at most that long.
func (s *stage) terminate(within time.Duration) {
	s.Helper()
	s.mu.Lock()
	cmd := s.process
	s.process = nil
	s.mu.Unlock()
	s.check(cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.Errorf("after SIGTERM the server ended with %v", err)
		}
	case <-time.After(within):
		_ = cmd.Process.Kill()
		s.Fatalf("the server still runs %s after SIGTERM", within)
	}
}

func TestAStopDuringAPlanLosesNothingAndTheJobGoesOn(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t, aScript)}
	s.script(holding)
	gate := gate{s.stage}
	s.launch()
	defer s.kill()
	n := s.open("a", aChange("a"))
	gate.await(1)
	s.terminate(20 * time.Second) // with terraform still at the gate

	asked, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/help")
	s.check(err) // nobody listens; that this is found later is T28
	gate.open()
	s.poll("the job that nobody watches", func() bool {
		results, err := filepath.Glob(filepath.Join(s.dir, "server", "jobs", "*", runner.ResultFile))
		return err == nil && len(results) == 1
	})
	s.launch()
	s.quiet()
	if got := gate.plans(); got != 1 {
		t.Errorf("terraform planned %d times, want once: the job is not repeated", got)
	}
	if r := s.runs(n)[0]; r.State != run.StateSucceeded {
		t.Errorf("the run is %s", r.State)
	}
	if got := len(s.plans(n)); got != 1 {
		t.Errorf("%d plan comments, want 1:\n%s", got, s.conversation(n))
	}
	if got := s.reactions(n, asked); len(got) != 0 {
		t.Errorf("reactions %v to what never arrived", got)
	}
}
