package aws

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	deploy "github.com/lockkeeper/lockkeeper/deploy/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// A job that gets no machine is told after a while, once, and only of one of which
// Batch says so.
func TestWhoWaitsForAMachineIsTold(t *testing.T) {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	job := func(status string, created, started time.Duration) map[string]any {
		return map[string]any{"jobName": "run-0", "status": status, "createdAt": noon.Add(created).UnixMilli(), "startedAt": noon.Add(started).UnixMilli()}
	}
	type jobs = []map[string]any
	waits := run.Message{Seq: seqWaiting, Kind: run.MessageWaiting, At: noon, Until: noon.Add(600*time.Second + turn)}
	second, began, busy := waits, run.Message{Seq: seqStarted, Kind: run.MessageStarted, At: noon.Add(time.Minute)}, waits
	second.At, second.Until, busy.Until = second.At.Add(time.Minute), second.Until.Add(time.Minute), time.Time{}
	for name, row := range map[string]struct {
		jobs jobs
		in   bool // the function
		want run.Message
	}{
		"no machine":                    {jobs: jobs{job("RUNNABLE", 0, 0)}, want: waits},
		"an image that does not come":   {jobs: jobs{job("STARTING", 0, 0)}, want: waits},
		"the second attempt":            {jobs: jobs{job("FAILED", 0, 0), job("RUNNABLE", time.Minute, 0)}, want: second},
		"began, and the event was lost": {jobs: jobs{job("RUNNING", 0, time.Minute)}, want: began},
		"Batch does not take it":        {jobs: jobs{}, want: busy},
		"it is in the function":         {jobs: jobs{}, in: true},
		"its end was not told yet":      {jobs: jobs{job("SUCCEEDED", 0, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQuiet()
			doc := q.over("run-0")
			doc.Limits.Seconds = 600
			q.world.executions[executionName(doc)], q.jobs = "RUNNING", row.jobs
			now := noon
			e := q.engine(Options{
				Now: func() time.Time { return now }, Lambda: func(run.JobDocument) bool { return row.in },
				Open: func(context.Context) ([]run.JobDocument, error) { return []run.JobDocument{doc}, nil },
			})
			var told, want []run.Message
			for _, minute := range []int{0, 4, 5, 6, 60} {
				now = noon.Add(time.Duration(minute) * time.Minute)
				e.lookAtAll(zerolog.Nop().WithContext(t.Context()), func(_ context.Context, m run.Message) error {
					if minute < 5 {
						t.Errorf("told after %d minutes: %+v", minute, m)
					}
					told = append(told, m)
					return nil
				})
			}
			if row.want.Kind != "" {
				row.want.JobID, row.want.Fence = doc.JobID, doc.Fence
				want = append(want, row.want)
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// What nobody took is told again.
func TestWaitingIsToldUntilItIsTaken(t *testing.T) {
	q := newQuiet()
	doc := q.over("run-0")
	q.world.executions[executionName(doc)] = "RUNNING"
	q.jobs = []map[string]any{{"jobName": "run-0", "status": "RUNNABLE", "createdAt": 1}}
	now := time.Unix(1e9, 0)
	e := q.engine(Options{Now: func() time.Time { return now }})
	ctx, broken := context.WithCancel(zerolog.Nop().WithContext(t.Context()))
	refuse := func(context.Context, run.Message) error { broken(); return context.Canceled }
	if err := e.look(ctx, doc, time.Time{}, refuse); err != nil {
		t.Fatal(err)
	}
	now = now.Add(patient)
	e.patience.keep([]run.JobDocument{doc})
	if err := e.look(ctx, doc, time.Time{}, refuse); err == nil {
		t.Fatal("nobody took it")
	}
	told := 0
	ctx = zerolog.Nop().WithContext(t.Context())
	for range 2 {
		if err := e.look(ctx, doc, time.Time{}, func(context.Context, run.Message) error { told++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// With many jobs that wait Batch has other things to do than to say so.
func TestBatchIsNotAskedAboutAllWhoWaitAtOnce(t *testing.T) {
	var p patience
	noon, docs := time.Unix(1e9, 0), make([]run.JobDocument, 3*looksPerSweep)
	sweep := func(at time.Time) (asked int) {
		p.keep(docs)
		for i := range docs {
			docs[i].JobID = fmt.Sprint(i)
			if p.due(docs[i].JobID, at) {
				asked++
				p.end(docs[i].JobID)
			}
		}
		return asked
	}
	var got []int
	for _, after := range []time.Duration{0, 0, patient, patient, patient, patient} {
		got = append(got, sweep(noon.Add(after)))
	}
	if diff := cmp.Diff([]int{0, 0, looksPerSweep, looksPerSweep, looksPerSweep, 0}, got); diff != "" {
		t.Errorf("asked per sweep (-want +got):\n%s", diff)
	}
}

// What people read as the end of a wait is what the state machine does.
func TestTheEndOfAWaitIsTheStateMachines(t *testing.T) {
	if want := fmt.Sprintf("States.MathAdd($.limits.seconds, %.0f)", turn.Seconds()); !strings.Contains(deploy.StateMachine(), want) {
		t.Errorf("the state machine has no %s", want)
	}
}
