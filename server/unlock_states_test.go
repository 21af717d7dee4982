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

// What nobody knows has no name, and is not accepted along with something else.
func TestThatNobodyKnowsIsAcceptedWithAReason(t *testing.T) {
	unknown := run.Left{Holder: locked("", 3).Holder, Merged: true}
	gone := run.Left{Holder: unknown.Holder, Project: "gone", Keys: []string{"dir:7:gone"}, Merged: true}
	const ask = "nobody knows what it changed. When somebody has looked, say so in a comment: `/unlock reason=\"…\"`. Nothing was done."
	for name, c := range map[string]struct {
		locks             run.Locks
		line, asked, said string
	}{
		"alone":                {run.Locks{Left: []run.Left{unknown}}, "/unlock", "", ask},
		"with a lock":          {run.Locks{Left: []run.Left{unknown}, Locks: []run.Lock{locked("b", 3)}}, "/unlock", "", ask},
		"with something known": {run.Locks{Left: []run.Left{unknown, gone}}, "/unlock", "", "`/unlock gone reason=\"…\"`"},
		"the lock alone":       {run.Locks{Left: []run.Left{unknown}, Locks: []run.Lock{locked("b", 3)}}, "/unlock b", "unlock 7/3 b", "Released `b`"},
		"with a reason":        {run.Locks{Left: []run.Left{unknown}}, "/unlock reason=looked", "unlock 7/3 ", "no longer on the list of what has to be put right"},
	} {
		f := newFixture(t)
		*f.locks = c.locks
		f.deliver("g", "issue_comment", comment(t, c.line))
		f.settle()
		if got := strings.Join(f.runs.asked, ","); got != c.asked {
			t.Errorf("%s: asked for %q, want %q", name, got, c.asked)
		}
		if said := strings.Join(f.said(), "\n"); !strings.Contains(said, c.said) || strings.Contains(said, "``") {
			t.Errorf("%s: said %q, want %q", name, said, c.said)
		}
	}
}

func TestStatesAreCountedOncePerProject(t *testing.T) {
	applied := func(l *run.Lock) { l.Applied = true }
	l := run.Locks{Locks: []run.Lock{locked("a", 3, applied), locked("a", 3, applied), locked("b", 3)},
		Left: []run.Left{{Project: "x", Merged: true}, {Project: "y", Merged: true}, {Project: "z"}, {Merged: true}}}
	if got, want := StatesOf(l), (States{Applied: 1, Unmerged: 1, Merged: 2, Unknown: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
