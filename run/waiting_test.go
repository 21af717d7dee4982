package run

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// That jobs wait for a machine is shown when the first one does, and no more when
// none does: two updates for any number of jobs.
func TestWaitingForAMachineIsShown(t *testing.T) {
	for kind, shown := range map[Kind][]NoticeKind{KindPlan: {NoticeCheck}, KindApply: {NoticeComment, NoticeCheck}} {
		r := accepted()
		r.Kind = kind
		r = play(r, Prepared{At: noon, Preparation: preparation(2)}).Run
		waits := func(job int) Event {
			m := message(job, 1, MessageWaiting, "")
			m.Message.Until = noon.Add(time.Hour)
			return m
		}
		for _, step := range []struct {
			name  string
			event Event
			shown []NoticeKind
		}{
			{"the first one waits", waits(0), shown},
			{"the same again", waits(0), nil},
			{"the second one waits", waits(1), nil},
			{"the first one began", message(0, 2, MessageStarted, ""), nil},
			{"its wait is told late", waits(0), nil},
			{"the second one began", message(1, 2, MessageStarted, ""), shown},
		} {
			n := Step(r, step.event)
			wantNext(t, n, StateRunning, nil, step.shown)
			if r = n.Run; t.Failed() {
				t.Fatalf("%s: %s", kind, step.name)
			}
		}
		if j := r.Jobs[1]; !j.WaitsSince.Equal(noon.Add(time.Second)) || !j.WaitsUntil.Equal(noon.Add(time.Hour)) || j.WaitsForMachine() {
			t.Errorf("%s: %s", kind, cmp.Diff(Job{}, j))
		}
	}
}
