package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox"
)

func TestT26ManyAppliesOfOnePlanAreOne(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *story, n int)
	}{
		{"every webhook twice", func(s *story, n int) {
			s.world.GitHub.Faults().DuplicateWebhooks(1000)
			s.says(ana, n, "/apply")
		}},
		{"two comments at once", func(s *story, n int) {
			all(2, func(i int) { _, _ = s.world.GitHub.As([]string{ana, rui}[i]).Comment(sandbox.Repository, n, "/apply") })
			s.quiet()
		}},
		{"ten comments at once", func(s *story, n int) {
			all(10, func(int) { _, _ = s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply") })
			s.quiet()
		}},
		{"one after the other", func(s *story, n int) {
			s.says(ana, n, "/apply")
			s.says(ana, n, "/apply")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "two comments at once" || tt.name == "one after the other" {
				long(t)
			}
			s := newScriptStory(t, countingApplies)
			n := s.planned("a")
			tt.do(s, n)
			if !s.applied("a") {
				t.Fatalf("not applied:\n%s", s.conversation(n))
			}
			if got := s.marks("applied"); got != 1 {
				t.Errorf("terraform apply ran %d times", got)
			}
			jobs := 0
			for _, r := range s.applies(n) {
				jobs += len(r.Jobs)
			}
			if jobs != 1 {
				t.Errorf("%d jobs applied one plan:\n%s", jobs, s.conversation(n))
			}
		})
	}
}

// countingApplies is a terraform that leaves a line in a file for each apply.
const countingApplies = `
[ "$1" != apply ] || echo "$$" >> "$dir/applied"
exec "$terraform" "$@"
`

// marks counts the lines that a script left in a file of the stage.
func (s *stage) marks(name string) int {
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return 0
	}
	return strings.Count(string(content), "\n")
}

func TestT14AnApplyWhoseCommentChangedIsNotCarriedOut(t *testing.T) {
	for name, change := range map[string]func(s *story, id int64) error{
		"edited": func(s *story, id int64) error {
			return s.world.GitHub.As(ana).EditComment(sandbox.Repository, id, "/apply please")
		},
		"deleted": func(s *story, id int64) error { return s.world.GitHub.As(ana).DeleteComment(sandbox.Repository, id) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			n := s.planned("a")
			s.world.GitHub.Faults().DelayWebhooks(time.Minute)
			id, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
			s.check(err)
			s.check(change(s, id))
			s.world.GitHub.Faults().DelayWebhooks(0)
			s.world.GitHub.Faults().Advance(time.Minute)
			s.quiet()
			s.refused(n)
		})
	}
}
