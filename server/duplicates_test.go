package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/sandbox/webhooks"
)

// outcome is everything that deliveries led to: runs by key, and notices.
func (f *fixture) outcome() []string {
	f.Helper()
	out := f.said()
	active, err := f.store.ActiveRuns(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range active {
		out = append(out, "run "+r.Key)
	}
	slices.Sort(out)
	return out
}

// TestT26EveryFixtureDeliveredAgainActsOnce delivers each of GitHub's example
// payloads twice under one GUID, and ten times at once under two, and compares
// with delivering it once.
func TestT26EveryFixtureDeliveredAgainActsOnce(t *testing.T) {
	examples, err := webhooks.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"/plan", "/apply", "/unlock", "/why", "/help", "/cancel", "/nope"} {
		examples = append(examples, webhooks.Example{Event: "issue_comment", Payload: comment(t, line)})
	}
	acting := 0
	for i, e := range examples {
		t.Run(fmt.Sprintf("%s %d", e.Event, i), func(t *testing.T) {
			once := newFixture(t)
			once.deliver("a", e.Event, e.Payload)
			once.settle()
			want := once.outcome()
			if len(want) > 0 {
				acting++
			}

			again := newFixture(t)
			for range 2 {
				again.deliver("a", e.Event, e.Payload)
				again.settle()
			}
			if d := cmp.Diff(want, again.outcome()); d != "" {
				t.Errorf("twice with one GUID (-once +twice):\n%s", d)
			}

			burst := newFixture(t)
			var wg sync.WaitGroup
			for n := range 10 {
				wg.Go(func() { burst.deliver(string(rune('a'+n%2)), e.Event, e.Payload) })
			}
			wg.Wait()
			burst.settle()
			if d := cmp.Diff(want, burst.outcome()); d != "" {
				t.Errorf("ten times at once with two GUIDs (-once +ten):\n%s", d)
			}
		})
	}
	if acting < 8 {
		t.Errorf("only %d payloads do something", acting)
	}
	if !slices.ContainsFunc(examples, func(e webhooks.Example) bool { return strings.HasPrefix(e.Event, "check") }) {
		t.Error("no check events among the fixtures")
	}
}
