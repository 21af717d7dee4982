package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// What is wrong with one comment is no fault of another one of the same person.
func TestWhoAskedTwiceIsAnsweredForTheCommentThatStands(t *testing.T) {
	for _, code := range []string{"comment_unchanged", "late"} {
		t.Run(code, func(t *testing.T) {
			var first string
			g := &gated{problem: func(r run.Run) error {
				if r.ID == first {
					return &run.Problem{Code: code, Message: "no"}
				}
				return nil
			}}
			withWorker(t, g.prepare, func(f *workerFixture) {
				g.open = make(chan struct{}) // of the bubble
				for n := range 20 {
					f.asked(1, 10, 100+n, "ana")
				}
				synctest.Wait()
				refused := f.asked(1, 10, 3, "rui")
				first = refused.ID
				again := f.asked(1, 10, 3, "rui")
				time.Sleep(time.Millisecond) // of the bubble's clock: ids are in the order of time
				close(g.open)
				if got := f.run(refused.ID).State; got != run.StateRefused {
					t.Fatalf("the first is %s", got)
				}
				runs, err := f.store.PullRuns(f.Context(), 10, 3, 10)
				if err != nil || len(runs) != 2 || runs[0].Key != again.Key || runs[0].State != run.StateRunning {
					t.Errorf("the second comment has no run of its own: %+v, %v", runs, err)
				}
			})
		})
	}
}

// A plan that read the pull request before a push, and is noted after it, is not shown
// as one of the head.
func TestAPlanThatReadTheHeadBeforeAPushIsOfAnOlderCommit(t *testing.T) {
	for name, c := range map[string]struct{ read, newer string }{
		"the old head": {"aaa", "bbb"},
		"the new head": {"bbb", ""},
	} {
		t.Run(name, func(t *testing.T) {
			read := make(chan struct{})
			prepare := func(context.Context, run.Run) (run.Preparation, error) {
				<-read
				return run.Preparation{HeadSHA: c.read, Documents: make([]run.JobDocument, 1)}, nil
			}
			withWorker(t, prepare, func(f *workerFixture) {
				read = make(chan struct{}) // of the bubble
				r := f.submit("plan")
				synctest.Wait()
				if err := f.worker.Pushed(f.Context(), run.Repository{ID: 7}, 3, "bbb"); err != nil {
					t.Fatal(err)
				}
				close(read)
				if got := f.run(r.ID); got.HeadSHA != c.read || got.NewerHead != c.newer {
					t.Errorf("a plan of %s says that the head is %q now, want %q", got.HeadSHA, got.NewerHead, c.newer)
				}
			})
		})
	}
}
