package server

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// hearing are the ways in which Lockkeeper hears of one comment, and what it
// does with it.
var hearing = map[string]func(f *fixture, c *Comments, body []byte){
	"webhook": func(f *fixture, _ *Comments, body []byte) { f.deliver("a", "issue_comment", body) },
	"other":   func(f *fixture, _ *Comments, body []byte) { f.deliver("b", "issue_comment", body) }, // the same under another GUID
	"sweep": func(f *fixture, c *Comments, _ []byte) {
		if err := c.sweep(f.Context()); err != nil {
			f.Error(err)
		}
	},
	"handled": func(f *fixture, _ *Comments, _ []byte) { f.settle() },
	"killed":  func(f *fixture, _ *Comments, _ []byte) { f.killed() },
}

// killed acts on what is in the inbox and ends before that is noted.
func (f *fixture) killed() {
	due, err := f.store.PendingDeliveries(f.Context(), noon, 1000)
	if err != nil {
		f.Error(err)
	}
	for _, d := range due {
		if err := f.inbox.handle(f.Context(), d); err != nil {
			f.Error(err)
		}
	}
}

// heard is what a comment leads to when Lockkeeper hears of it so, calls of the
// worker included unless one of the steps is "killed": acting is repeated then,
// to the same end.
func heard(t *testing.T, line string, steps ...string) []string {
	t.Helper()
	f := newFixture(t)
	f.locks.Locks = []run.Lock{locked("a", 3)}
	c := f.looking(newHub(written(line)))
	body := comment(t, line)
	for _, step := range steps {
		hearing[step](f, c, body)
	}
	f.settle()
	if slices.Contains(steps, "killed") {
		return f.outcome()
	}
	return append(f.outcome(), f.runs.asked...)
}

var everyCommand = []string{"/plan", "/apply", "/cancel", "/unlock a", "/status", "/why", "/help", "/nope", "/plann", "/plan key=value"}

func TestInvariant1ACommandIsActedOnOnceHoweverItIsHeardOf(t *testing.T) {
	for _, line := range everyCommand {
		t.Run(line, func(t *testing.T) {
			want := heard(t, line, "webhook")
			if len(want) == 0 && line != "/nope" {
				t.Fatal("it does nothing")
			}
			for _, steps := range []string{
				"sweep", "sweep sweep", "sweep handled sweep", "webhook sweep", "webhook handled sweep", "sweep webhook", "sweep handled webhook",
				"sweep handled webhook other sweep", "webhook other", "webhook handled other", "sweep killed webhook", "webhook killed sweep",
				"sweep killed handled webhook sweep",
			} {
				got, again := heard(t, line, strings.Fields(steps)...), want
				if strings.Contains(steps, "killed") {
					again = heard(t, line, "webhook", "killed")
				}
				if d := cmp.Diff(again, got); d != "" {
					t.Errorf("%s (-webhook +got):\n%s", steps, d)
				}
			}
		})
	}
}

func TestInvariant1AnyOrderOfHearingIsOne(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		line := everyCommand[r.IntN(len(everyCommand))]
		steps := []string{[]string{"webhook", "other", "sweep"}[r.IntN(3)]}
		for range 1 + r.IntN(8) {
			steps = append(steps, []string{"webhook", "other", "sweep", "handled", "killed"}[r.IntN(5)])
		}
		want := heard(t, line, "webhook")
		if slices.Contains(steps, "killed") {
			want = heard(t, line, "webhook", "killed")
		}
		if d := cmp.Diff(want, heard(t, line, steps...)); d != "" {
			t.Fatalf("%s: %s (-webhook +got):\n%s", line, strings.Join(steps, " "), d)
		}
	}
}

func TestInvariant1WebhookAndSweepAtOnceAreOne(t *testing.T) {
	for _, line := range everyCommand {
		want := heard(t, line, "webhook")
		f := newFixture(t)
		f.locks.Locks = []run.Lock{locked("a", 3)}
		c := f.looking(newHub(written(line)))
		body := comment(t, line)
		var wg sync.WaitGroup
		for _, step := range []string{"webhook", "sweep", "other", "sweep", "webhook", "sweep"} {
			wg.Go(func() { hearing[step](f, c, body) })
		}
		wg.Wait()
		f.settle()
		if d := cmp.Diff(want, append(f.outcome(), f.runs.asked...)); d != "" {
			t.Errorf("%s (-webhook +got):\n%s", line, d)
		}
	}
}
