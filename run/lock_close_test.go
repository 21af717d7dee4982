package run

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestT34NoOrderOfACloseAndAPlanLeavesALock carries out what a plan and a close
// do to the store in every order, even when what the plan read from GitHub was
// old: the run is made, its runs are told of the close, its locks are closed, the
// run is prepared, a lock becomes free for it. Nothing is held in the end, but
// by a plan that was requested after the close, as after a reopening.
func TestT34NoOrderOfACloseAndAPlanLeavesALock(t *testing.T) {
	orders := permutations([]string{"create", "tell", "close", "prepare", "turn"})
	tried := 0
	for _, order := range orders {
		at := func(step string) int { return slices.Index(order, step) }
		if at("create") > at("prepare") || at("tell") > at("close") {
			continue
		}
		tried++
		t.Run(strings.Join(order, " "), func(t *testing.T) {
			held := closeRace(order)
			if want := at("create") > at("close"); held != want {
				t.Errorf("holds a lock: %v, want %v", held, want)
			}
		})
	}
	if tried != 30 {
		t.Errorf("%d orders, want 30", tried)
	}
}

// closeRace carries out the steps and reports whether the pull request holds
// something in the end.
func closeRace(order []string) bool {
	now := noon
	l := &Locks{}
	l.Claim(pull(4), claimed("p0"), true, now) // someone else
	var r *Run
	for _, step := range order {
		now = now.Add(time.Second)
		switch step {
		case "create":
			made := accepted()
			made.CreatedAt = now
			r = &made
		case "tell":
			if r != nil {
				next, _ := StepWithLocks(*r, PullClosed{At: now}, l, Options{}, now)
				*r = next.Run
			}
		case "close":
			l.Close(pull(3), true, now)
		case "prepare":
			p := Preparation{HeadSHA: "aaa", Documents: []JobDocument{projectDocument("p0", 0)}}
			next, _ := StepWithLocks(*r, Prepared{At: now, Preparation: p}, l, Options{}, now)
			*r = next.Run
		case "turn":
			l.Close(pull(4), true, now)
			l.turnRuns(now)
		}
	}
	return len(l.Held(pull(3))) > 0
}

func permutations(items []string) (out [][]string) {
	if len(items) == 0 {
		return [][]string{nil}
	}
	for i := range items {
		rest := slices.Delete(slices.Clone(items), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]string{items[i]}, p...))
		}
	}
	return out
}
