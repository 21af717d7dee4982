package server

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// TestWhatIsAppliedAndNotMergedIsReleasedWithAReason: the next plan of another pull
// request would undo it.
func TestWhatIsAppliedAndNotMergedIsReleasedWithAReason(t *testing.T) {
	applied := locked("a-1", 3, func(l *run.Lock) { l.Applied = true })
	left := run.Left{Holder: applied.Holder, Project: "gone", Keys: []string{"dir:7:gone"}, Merged: true}
	for line, want := range map[string]struct{ asked, said string }{
		"/unlock a-1":               {"", "This pull request applied `a-1` and is not merged"},
		"/unlock a-1 reason=moved":  {"unlock 7/3 a-1", "the next plan of it by another pull request would undo it"},
		"/unlock gone":              {"", "has to be put right. If it may stay so, say why"},
		"/unlock gone reason=known": {"unlock 7/3 gone", "`gone` is no longer on the list"},
		"/unlock b":                 {"unlock 7/3 b", "Released `b`"},
	} {
		f := newFixture(t)
		*f.locks = run.Locks{Locks: []run.Lock{applied, locked("b", 3)}, Left: []run.Left{left}}
		f.deliver("g", "issue_comment", comment(t, line, func(e m) { e["comment"].(m)["user"], e["sender"] = user("rui"), user("rui") }))
		f.settle()
		if got := strings.Join(f.runs.asked, ","); got != want.asked {
			t.Errorf("%s: asked for %q, want %q", line, got, want.asked)
		}
		if said := strings.Join(f.said(), "\n"); !strings.Contains(said, want.said) {
			t.Errorf("%s: said %q, want %q", line, said, want.said)
		}
	}
}

func TestStatesAreCountedOncePerProject(t *testing.T) {
	applied := func(l *run.Lock) { l.Applied = true }
	l := run.Locks{Locks: []run.Lock{locked("a", 3, applied), locked("a", 3, applied), locked("b", 3)},
		Left: []run.Left{{Project: "x", Merged: true}, {Project: "y", Merged: true}, {Project: "z"}}}
	if got, want := StatesOf(l), (States{Applied: 1, Unmerged: 1, Merged: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
