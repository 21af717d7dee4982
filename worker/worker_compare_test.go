package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/lockkeeper/lockkeeper/run"
)

// foreseen prepares plans of one project that someone approved before.
func foreseen(context.Context, run.Run) (run.Preparation, error) {
	return run.Preparation{HeadSHA: "aaa", Documents: []run.JobDocument{{Command: run.KindPlan}}, Gate: &run.Gate{Preview: true}}, nil
}

// What people approved is compared with a plan before the first word about it, and
// when that cannot be, the whole gate is asked.
func TestAForeseenGateIsJudgedWithTheLastMessage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		compare func(context.Context, run.Run) (*run.Gate, error)
		judged  int32
	}{
		{"it can be compared", func(_ context.Context, r run.Run) (*run.Gate, error) {
			if r.State != run.StateSucceeded || r.Jobs[0].Result == nil {
				return nil, errors.New("the plan is not over")
			}
			return &run.Gate{Allowed: true}, nil
		}, 0},
		{"nobody remembers", func(context.Context, run.Run) (*run.Gate, error) { return nil, nil }, 1},
		{"an error", func(context.Context, run.Run) (*run.Gate, error) { return nil, errors.New("disk") }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withWorker(t, foreseen, func(f *workerFixture) {
				var judged atomic.Int32
				f.worker.Compare = tt.compare
				f.worker.JudgeGate = func(context.Context, run.Run) (run.Gate, error) {
					judged.Add(1)
					return run.Gate{Allowed: true}, nil
				}
				r := f.submit("k")
				f.state(r.ID)
				f.backend.messages <- finished(run.JobID(r.ID, 0), 1, run.OutcomeSucceeded)
				synctest.Wait()
				got, err := f.store.Run(f.Context(), r.ID)
				if err != nil || got.Gate == nil || !got.Gate.Allowed || judged.Load() != tt.judged {
					t.Errorf("gate %+v, judged %d times, %v", got.Gate, judged.Load(), err)
				}
			})
		})
	}
}

// The key of digests goes to the job and nowhere else.
func TestTheKeyOfDigestsIsNotStored(t *testing.T) {
	withWorker(t, foreseen, func(f *workerFixture) {
		f.worker.DigestKey = func(run.JobDocument) string { return "secret" }
		r := f.submit("k")
		f.state(r.ID)
		f.backend.mu.Lock()
		doc := f.backend.jobs[run.JobID(r.ID, 0)]
		f.backend.mu.Unlock()
		got, err := f.store.Run(f.Context(), r.ID)
		if err != nil || doc.DigestKey != "secret" || got.Jobs[0].Document.DigestKey != "" {
			t.Errorf("the job got %q, stored is %q, %v", doc.DigestKey, got.Jobs[0].Document.DigestKey, err)
		}
	})
}
