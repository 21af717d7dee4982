package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// asked submits a plan that someone requested in a comment.
func (f *workerFixture) asked(installation, repository int64, pull int, actor string) run.Run {
	f.Helper()
	r := run.Run{ID: run.NewID(time.Now()), Kind: run.KindPlan, Trigger: run.TriggerComment, State: run.StateAccepted, Actor: actor,
		Subject:   run.Subject{Repository: run.Repository{ID: repository, Owner: fmt.Sprint("o", installation), Name: fmt.Sprint("r", repository), InstallationID: installation}, PullRequest: pull},
		CreatedAt: time.Now()}
	r.Key = "key/" + r.ID
	f.submits(r)
	return r
}

func (f *workerFixture) submits(r run.Run) {
	f.Helper()
	if _, err := f.worker.Submit(f.Context(), r, run.ReactionTo(r.Repository, r.PullRequest, r.CommentID, "eyes")); err != nil {
		f.Fatal(err)
	}
}

// S1: an organisation whose rate limit is used up for 15 minutes.
func TestS1RunsThatWaitForARateLimitHoldNoSlot(t *testing.T) {
	limited := func(ctx context.Context, r run.Run) (run.Preparation, error) {
		if r.Repository.InstallationID == 1 {
			return run.Preparation{}, &run.Temporary{After: 9 * time.Minute, Err: errors.New("rate limit")}
		}
		return jobs(1)(ctx, r)
	}
	withWorker(t, limited, func(f *workerFixture) {
		var loud []run.Run
		for n := range 60 {
			loud = append(loud, f.asked(1, 10, n+1, "ana"))
		}
		synctest.Wait()
		quiet := f.asked(2, 20, 1, "zoe")
		if got := f.state(quiet.ID); got != run.StateRunning { // no time has passed
			t.Fatalf("the plan of another organisation is %s", got)
		}
		first := f.run(loud[0].ID)
		if first.State != run.StateAccepted || time.Until(first.RetryAt) != 9*time.Minute || first.Tries != 1 {
			t.Errorf("the run that waits is %s, tried %d times, and goes on in %s", first.State, first.Tries, time.Until(first.RetryAt))
		}
		f.stop()
		var mu sync.Mutex
		tried := 0
		f.start(func(ctx context.Context, r run.Run) (run.Preparation, error) {
			mu.Lock()
			tried++
			mu.Unlock()
			return jobs(1)(ctx, r)
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if tried != 0 {
			t.Errorf("after a restart %d runs were tried before their time", tried)
		}
		time.Sleep(9 * time.Minute)
		for _, r := range loud {
			if got := f.state(r.ID); got != run.StateRunning {
				t.Fatalf("a run is %s when the limit is over", got)
			}
		}
	})
}

// S4: fetches of a monorepo that take for ever.
func TestS4SlowFetchesOfARepositoryLeaveSlotsForOthers(t *testing.T) {
	slow := func(ctx context.Context, r run.Run) (run.Preparation, error) {
		if r.Repository.ID == 10 {
			<-ctx.Done()
			return run.Preparation{}, ctx.Err()
		}
		return jobs(1)(ctx, r)
	}
	for _, tt := range []struct {
		name                     string
		installation, repository int64
	}{{"another organisation", 2, 20}, {"another repository of the organisation", 1, 11}} {
		t.Run(tt.name, func(t *testing.T) {
			withWorker(t, slow, func(f *workerFixture) {
				for n := range 100 {
					f.asked(1, 10, n+1, "ana")
				}
				synctest.Wait()
				quiet := f.asked(tt.installation, tt.repository, 1, "zoe")
				if got := f.state(quiet.ID); got != run.StateRunning {
					t.Errorf("its plan is %s", got)
				}
			})
		})
	}
}

// One plan of a quiet repository behind hundreds of a loud one, each of which
// takes two seconds to prepare.
func TestAQuietRepositoryIsPreparedNextBehindManyOfALoudOne(t *testing.T) {
	slow := func(ctx context.Context, r run.Run) (run.Preparation, error) {
		time.Sleep(2 * time.Second) // of the bubble's clock
		return jobs(1)(ctx, r)
	}
	for _, tt := range []struct {
		name                     string
		installation, repository int64
	}{{"another organisation", 2, 20}, {"the same organisation", 1, 11}} {
		t.Run(tt.name, func(t *testing.T) {
			withWorker(t, slow, func(f *workerFixture) {
				for n := range 200 {
					f.asked(1, 10, n+1, fmt.Sprint("p", n%50))
				}
				synctest.Wait()
				quiet := f.asked(tt.installation, tt.repository, 1, "zoe")
				time.Sleep(4 * time.Second)
				if got := f.state(quiet.ID); got != run.StateRunning {
					t.Errorf("after 4 seconds its plan is %s", got)
				}
			})
		})
	}
}

// gated prepares when it is let.
type gated struct {
	mu       sync.Mutex
	prepared []run.Run // guarded by mu
	open     chan struct{}
	problem  func(run.Run) error
}

func (g *gated) prepare(ctx context.Context, r run.Run) (run.Preparation, error) {
	select {
	case <-g.open:
	case <-ctx.Done():
		return run.Preparation{}, ctx.Err()
	}
	g.mu.Lock()
	g.prepared = append(g.prepared, r)
	g.mu.Unlock()
	if g.problem != nil {
		if err := g.problem(r); err != nil {
			return run.Preparation{}, err
		}
	}
	return jobs(1)(ctx, r)
}

func (f *workerFixture) active() (out []run.Run) {
	f.Helper()
	synctest.Wait()
	out, err := f.store.ActiveRuns(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return out
}

func TestEqualPlansThatWaitBecomeOne(t *testing.T) {
	g := &gated{}
	withWorker(t, g.prepare, func(f *workerFixture) {
		g.open = make(chan struct{}) // of the bubble
		first := f.asked(1, 10, 3, "ana")
		synctest.Wait()              // it is being prepared: it may have read the pull request already
		time.Sleep(time.Millisecond) // of the bubble's clock: ids are in the order of time
		second := f.asked(1, 10, 3, "rui")
		for n := range 23 {
			f.asked(1, 10, 3, fmt.Sprint("p", n))
		}
		if got := f.active(); len(got) != 2 || got[0].ID != first.ID || got[1].ID != second.ID || len(got[1].Joined) != 23 {
			t.Fatalf("%d runs for 25 commands", len(got))
		}
		if due, err := f.store.DueNotices(f.Context(), time.Now(), 100); err != nil || len(due) != 1 {
			t.Errorf("%d reactions to the one comment, error %v", len(due), err)
		}
		close(g.open)
		if got := f.run(second.ID); f.run(first.ID).State != run.StateRunning || got.State != run.StateAccepted {
			t.Fatalf("while the first is under way, the second is %s", got.State)
		}
		f.backend.messages <- finished(run.JobID(first.ID, 0), 1, run.OutcomeSucceeded)
		if got := f.run(second.ID); got.State != run.StateRunning || got.Joined[0].Actor != "p0" {
			t.Errorf("when the first is over, the second is %s, joined %+v", got.State, got.Joined)
		}
	})
}

func TestWhatIsNotTheSameDoesNotJoin(t *testing.T) {
	g := &gated{}
	withWorker(t, g.prepare, func(f *workerFixture) {
		g.open = make(chan struct{}) // of the bubble
		like := func(change func(*run.Run)) {
			r := run.Run{ID: run.NewID(time.Now()), Kind: run.KindPlan, Trigger: run.TriggerComment, State: run.StateAccepted, Actor: "ana",
				Subject: run.Subject{Repository: run.Repository{ID: 10, InstallationID: 1}, PullRequest: 3}, CreatedAt: time.Now()}
			r.Key = "key/" + r.ID
			change(&r)
			f.submits(r)
		}
		for range 20 { // takes the repository's slots
			like(func(r *run.Run) { r.PullRequest = 1000 + len(f.active()) })
		}
		before := len(f.active())
		like(func(*run.Run) {})
		for _, change := range []func(*run.Run){
			func(r *run.Run) { r.PullRequest = 4 },
			func(r *run.Run) { r.Repository.ID = 11 },
			func(r *run.Run) { r.Selectors = []string{"a"} },
			func(r *run.Run) { r.Flags = []string{"-refresh=false"} },
			func(r *run.Run) { r.Kind = run.KindApply },
			func(r *run.Run) { r.Trigger = run.TriggerTurn },
			func(r *run.Run) { r.Branch = "gh-readonly-queue/main/pr-3-a" },
			func(r *run.Run) { r.Trigger, r.HeadSHA = run.TriggerPush, "bbb" },
		} {
			before := len(f.active())
			like(change)
			if got := len(f.active()); got != before+1 {
				t.Errorf("another one joined")
			}
		}
		now := len(f.active())
		like(func(*run.Run) {})
		like(func(r *run.Run) { r.Trigger = run.TriggerButton })
		if got := len(f.active()); got != now || now != before+9 {
			t.Errorf("%d runs after two equal ones, want %d", got, now)
		}
	})
}

func TestACommandJoinsTheAutoplanThatWaits(t *testing.T) {
	g := &gated{}
	withWorker(t, g.prepare, func(f *workerFixture) {
		g.open = make(chan struct{}) // of the bubble
		var push run.Run
		for n := range 30 { // the last ones wait
			push = run.Run{ID: run.NewID(time.Now()), Key: fmt.Sprint("push/", n), Kind: run.KindPlan, Trigger: run.TriggerPush, State: run.StateAccepted,
				HeadSHA: "aaa", Actor: "ana", Subject: run.Subject{Repository: run.Repository{ID: 10, Owner: "o1", Name: "r10", InstallationID: 1}, PullRequest: n}, CreatedAt: time.Now()}
			f.submits(push)
			time.Sleep(time.Millisecond) // ids in order
		}
		synctest.Wait()
		f.asked(1, 10, push.PullRequest, "rui")
		if got := f.run(push.ID); len(got.Joined) != 1 || got.Joined[0].Actor != "rui" {
			t.Fatalf("joined: %+v", got.Joined)
		}
		// A newer push ends the autoplan, not what someone requested.
		if _, err := f.worker.Supersede(f.Context(), 10, push.PullRequest, "bbb"); err != nil {
			t.Fatal(err)
		}
		close(g.open)
		if got := f.run(push.ID).State; got != run.StateSuperseded {
			t.Errorf("the autoplan is %s", got)
		}
		mine := f.active()[len(f.active())-1]
		if mine.Actor != "rui" || mine.State != run.StateRunning || mine.Trigger != run.TriggerComment || mine.PullRequest != push.PullRequest {
			t.Errorf("what was asked for is %s by %s", mine.State, mine.Actor)
		}
	})
}

func TestWhoJoinedIsNotRefusedForWhoAskedFirst(t *testing.T) {
	g := &gated{problem: func(r run.Run) error {
		if r.Actor == "outsider" {
			return &run.Problem{Code: "may_plan", Message: "no"}
		}
		return nil
	}}
	withWorker(t, g.prepare, func(f *workerFixture) {
		g.open = make(chan struct{}) // of the bubble
		for n := range 20 {
			f.asked(1, 10, 100+n, "ana")
		}
		synctest.Wait()
		refused := f.asked(1, 10, 3, "outsider")
		f.asked(1, 10, 3, "outsider")
		joined := f.asked(1, 10, 3, "rui")
		f.asked(1, 10, 3, "zoe")
		time.Sleep(time.Millisecond) // of the bubble's clock: ids are in the order of time
		close(g.open)
		if got := f.run(refused.ID).State; got != run.StateRefused {
			t.Fatalf("the outsider's run is %s", got)
		}
		runs, err := f.store.PullRuns(f.Context(), 10, 3, 10)
		if err != nil || len(runs) != 2 {
			t.Fatalf("%d runs, error %v", len(runs), err)
		}
		if got := runs[0]; got.Actor != "rui" || got.State != run.StateRunning || len(got.Joined) != 1 || got.Key != joined.Key {
			t.Errorf("the others' run is %s by %s with %d more", got.State, got.Actor, len(got.Joined))
		}
		if added, err := f.worker.Submit(f.Context(), joined); added || err != nil {
			t.Errorf("a command that comes again is added: %v, %v", added, err)
		}
	})
}

func TestACommandThatJoinedIsNotTakenTwice(t *testing.T) {
	g := &gated{}
	withWorker(t, g.prepare, func(f *workerFixture) {
		g.open = make(chan struct{}) // of the bubble
		for n := range 20 {
			f.asked(1, 10, 100+n, "ana")
		}
		synctest.Wait()
		first, joined := f.asked(1, 10, 3, "ana"), f.asked(1, 10, 3, "rui")
		for _, again := range []run.Run{first, joined} {
			again.ID = run.NewID(time.Now())
			if added, err := f.worker.Submit(f.Context(), again); added || err != nil {
				t.Errorf("added: %v, error %v", added, err)
			}
		}
		if got := f.run(first.ID); len(got.Joined) != 1 {
			t.Errorf("joined: %+v", got.Joined)
		}
		f.stop()
		f.start(g.prepare)
		joined.ID = run.NewID(time.Now())
		if added, err := f.worker.Submit(f.Context(), joined); added || err != nil {
			t.Errorf("after a restart: added %v, error %v", added, err)
		}
		close(g.open)
		if got := f.run(first.ID); got.State != run.StateRunning || len(got.Joined) != 1 {
			t.Errorf("after a restart it is %s, joined %+v", got.State, got.Joined)
		}
	})
}
