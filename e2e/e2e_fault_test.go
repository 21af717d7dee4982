package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// block puts a file where the server keeps a directory, so that nothing can be
// written below it, whoever runs the test. It returns what puts that right.
func (s *story) block(name string) (unblock func()) {
	s.Helper()
	path := filepath.Join(s.dir, "server", name)
	away := path + ".away"
	if err := os.Rename(path, away); err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	s.check(os.WriteFile(path, nil, 0o600))
	return func() {
		s.Helper()
		s.check(os.Remove(path))
		if err := os.Rename(away, path); err != nil && !os.IsNotExist(err) {
			s.Fatal(err)
		}
	}
}

func TestADiskThatTakesNothingIsSaidAndNothingHangs(t *testing.T) {
	for _, tt := range []struct{ name, directory string }{
		{"the source cannot be stored", "artifacts/sources"},
		{"the plan cannot be stored", "artifacts/runs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.directory == "artifacts/sources" {
				long(t)
			}
			s := newStory(t)
			n := s.planned("a")
			_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "more", aChange("more"))
			s.check(err)
			s.quiet()
			unblock := s.block(tt.directory)
			_, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "again", aChange("again"))
			s.check(err)
			s.quiet()
			if c := s.check1(n, "lockkeeper/plan"); c.Status != "completed" || c.Conclusion == "success" {
				t.Errorf("the check of what cannot be stored is %s %s", c.Status, c.Conclusion)
			}
			s.says(rui, n, "/plan")
			r := s.runs(n)[0]
			if r.State != run.StateFailed && r.State != run.StateRefused {
				t.Errorf("the run is %s", r.State)
			}
			s.wants(s.last(n), "/plan")
			for _, c := range s.said(n) {
				if got := c.Body; containsAny(got, s.dir, "goroutine ") {
					t.Errorf("the answer tells of the server's insides:\n%s", got)
				}
			}
			unblock()
			s.says(rui, n, "/plan")
			if r := s.runs(n)[0]; r.State != run.StateSucceeded {
				t.Errorf("when the disk is well again, the run is %s: %s", r.State, s.conversation(n))
			}
		})
	}
}

func TestAJobThatCannotBeTakenCanBeCancelled(t *testing.T) {
	s := terraformStory(t)
	n := s.planned("a")
	s.check(os.RemoveAll(filepath.Join(s.dir, "server", "jobs")))
	_, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/plan")
	s.check(err)
	s.poll("the run to be prepared", func() bool { return s.runs(n)[0].State == run.StateRunning })
	s.says(rui, n, "/cancel")
	if r := s.runs(n)[0]; r.State != run.StateCancelled {
		t.Errorf("the run is %s", r.State)
	}
	if c := s.check1(n, "lockkeeper/plan"); c.Status != "completed" {
		t.Errorf("the check is %s", c.Status)
	}
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}
