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
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
	"github.com/lockkeeper/lockkeeper/worker"
)

// fakeBackend keeps the contract of run.Backend in memory. Jobs end when a test
// says so.
type fakeBackend struct {
	mu       sync.Mutex
	jobs     map[string]run.JobDocument // guarded by mu
	starts   map[string]int             // guarded by mu: calls of Start per job
	startErr error                      // guarded by mu: answer of the next Start
	full     bool                       // guarded by mu: takes nothing
	messages chan run.Message
}

func newFakeBackend() *fakeBackend {
	return &fakeBackend{jobs: map[string]run.JobDocument{}, starts: map[string]int{}, messages: make(chan run.Message, 100)}
}

func (b *fakeBackend) Start(_ context.Context, doc run.JobDocument) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.starts[doc.JobID]++
	if b.full {
		return errors.New("disk full")
	}
	if err := b.startErr; err != nil {
		b.startErr = nil
		return err
	}
	b.jobs[doc.JobID] = doc
	return nil
}

func (b *fakeBackend) Withdraw(ctx context.Context, jobID string) error { return b.Cancel(ctx, jobID) }

func (b *fakeBackend) Approve(context.Context, string, string) error { return run.ErrNotFound }

func (b *fakeBackend) Reject(context.Context, string, string, string) error { return run.ErrNotFound }

func (b *fakeBackend) Cancel(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.jobs[id]; !taken {
		return run.ErrNotFound
	}
	b.messages <- finished(id, 9, run.OutcomeCancelled)
	return nil
}

func (b *fakeBackend) Run(ctx context.Context, deliver func(context.Context, run.Message) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-b.messages:
			b.mu.Lock()
			m.Fence = b.jobs[m.JobID].Fence
			b.mu.Unlock()
			for deliver(ctx, m) != nil && ctx.Err() == nil {
				time.Sleep(time.Millisecond) // the contract: again until it is taken
			}
		}
	}
}

func (b *fakeBackend) started(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.starts[id]
}

func finished(id string, seq int, o run.Outcome) run.Message {
	return run.Message{JobID: id, Seq: seq, Kind: run.MessageFinished, Result: &run.Result{Outcome: o}}
}

type workerFixture struct {
	*testing.T
	store   *sqlite.Store
	backend *fakeBackend
	worker  *worker.Worker
	recheck func(context.Context, run.Run) error
	stop    func() // stops the worker and waits for it

	behind    int      // commits of the base branch that heads do not have
	untouched []string // projects that are planned and that pull requests do not change
}

// withWorker runs f inside a synctest bubble, so that waiting for the worker is
// exact and its timers are free.
func withWorker(t *testing.T, prepare func(context.Context, run.Run) (run.Preparation, error), f func(*workerFixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), sqlitetest.File(t))
		if err != nil {
			t.Fatal(err)
		}
		fx := &workerFixture{T: t, store: s, backend: newFakeBackend()}
		fx.start(prepare)
		f(fx)
		fx.stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

func (f *workerFixture) start(prepare func(context.Context, run.Run) (run.Preparation, error)) {
	f.worker = &worker.Worker{Store: f.store, Backend: f.backend, Prepare: prepare, Now: time.Now, RetryFor: 10 * time.Minute, Options: run.Options{Merge: true},
		Recheck: func(ctx context.Context, r run.Run) error {
			if f.recheck == nil {
				return nil
			}
			return f.recheck(ctx, r)
		}}
	ctx, cancel := context.WithCancel(f.Context())
	done := make(chan error, 1)
	w := f.worker
	go func() { done <- w.Run(ctx) }()
	f.stop = func() {
		cancel()
		if err := <-done; err != nil {
			f.Error(err)
		}
	}
}

func (f *workerFixture) submit(key string) run.Run {
	f.Helper()
	r := run.Run{ID: run.NewID(time.Now()), Key: key, Kind: run.KindPlan, Trigger: run.TriggerComment, State: run.StateAccepted,
		Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 3}, CreatedAt: time.Now()}
	if _, err := f.worker.Submit(f.Context(), r); err != nil {
		f.Fatal(err)
	}
	return r
}

// state waits until nothing moves and returns the run's state.
func (f *workerFixture) state(id string) run.State {
	f.Helper()
	synctest.Wait()
	r, err := f.store.Run(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	return r.State
}

func jobs(n int) func(context.Context, run.Run) (run.Preparation, error) {
	return func(context.Context, run.Run) (run.Preparation, error) {
		return run.Preparation{HeadSHA: "aaa", Documents: make([]run.JobDocument, n)}, nil
	}
}

func TestWorkerTakesARunFromCommandToEnd(t *testing.T) {
	withWorker(t, jobs(2), func(f *workerFixture) {
		r := f.submit("k")
		if got := f.state(r.ID); got != run.StateRunning {
			t.Fatalf("state %s", got)
		}
		for n := range 2 {
			f.backend.messages <- finished(run.JobID(r.ID, n), 1, run.OutcomeSucceeded)
		}
		if got := f.state(r.ID); got != run.StateSucceeded {
			t.Errorf("state %s", got)
		}
	})
}

func TestWorkerSubmitsOneRunPerKey(t *testing.T) {
	withWorker(t, jobs(1), func(f *workerFixture) {
		first, second := f.submit("k"), f.submit("k")
		if got := f.state(first.ID); got != run.StateRunning {
			t.Errorf("state %s", got)
		}
		if _, err := f.store.Run(f.Context(), second.ID); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("the second is there: %v", err)
		}
	})
}

func TestWorkerGoesOnWhereAnotherStopped(t *testing.T) {
	block := func(ctx context.Context, _ run.Run) (run.Preparation, error) {
		<-ctx.Done()
		return run.Preparation{}, ctx.Err()
	}
	withWorker(t, block, func(f *workerFixture) {
		r := f.submit("k")
		if got := f.state(r.ID); got != run.StateAccepted {
			t.Fatalf("state %s", got)
		}
		f.stop()
		f.start(jobs(1))
		if got := f.state(r.ID); got != run.StateRunning {
			t.Fatalf("state %s after the restart", got)
		}
		f.stop()
		f.backend.messages <- finished(run.JobID(r.ID, 0), 1, run.OutcomeSucceeded)
		f.start(jobs(0))
		if got := f.state(r.ID); got != run.StateSucceeded {
			t.Errorf("state %s in the end", got)
		}
	})
}

func TestWorkerTriesTemporaryErrorsAgainAndThenSaysSo(t *testing.T) {
	for _, tt := range []struct {
		name     string
		failures int
		state    run.State
		code     string
	}{
		{"GitHub is well again soon", 3, run.StateRunning, ""},
		{"GitHub stays away", 1 << 30, run.StateRefused, "github_unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			prepare := func(ctx context.Context, r run.Run) (run.Preparation, error) {
				if calls++; calls <= tt.failures {
					return run.Preparation{}, fmt.Errorf("reading: %w", &run.Temporary{Err: errors.New("502")})
				}
				return jobs(1)(ctx, r)
			}
			withWorker(t, prepare, func(f *workerFixture) {
				r := f.submit("k")
				time.Sleep(20 * time.Minute) // of the bubble's clock
				if got := f.state(r.ID); got != tt.state {
					t.Errorf("state %s, want %s", got, tt.state)
				}
				if r, _ = f.store.Run(f.Context(), r.ID); r.Problem != nil && r.Problem.Code != tt.code {
					t.Errorf("problem %+v", r.Problem)
				}
			})
		})
	}
}

func TestWorkerAnswersWhatItCannotPrepare(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		code   string
		notice bool
	}{
		{"a mistake of the person", fmt.Errorf("x: %w", &run.Problem{Code: "unknown_project", Message: "m"}), "unknown_project", true},
		{"nothing worth a word", &run.SilentRefusal{Problem: run.Problem{Code: "fork", Message: "m"}}, "fork", false},
		{"a bug", errors.New("secret detail"), "preparing", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prepare := func(context.Context, run.Run) (run.Preparation, error) { return run.Preparation{}, tt.err }
			withWorker(t, prepare, func(f *workerFixture) {
				r := f.submit("k")
				if got := f.state(r.ID); got != run.StateRefused {
					t.Errorf("state %s", got)
				}
				r, err := f.store.Run(f.Context(), r.ID)
				if err != nil || r.Problem.Code != tt.code || r.Problem.Message == "secret detail" {
					t.Errorf("problem %+v, error %v", r.Problem, err)
				}
				due, err := f.store.DueNotices(f.Context(), time.Now(), 9)
				if err != nil || (len(due) == 1) != tt.notice {
					t.Errorf("notices %+v, error %v", due, err)
				}
			})
		})
	}
}

func TestWorkerStartsAJobThatTheBackendDidNotTakeAgain(t *testing.T) {
	withWorker(t, jobs(1), func(f *workerFixture) {
		f.backend.startErr = errors.New("disk full")
		r := f.submit("k")
		f.state(r.ID)
		time.Sleep(time.Minute)
		f.state(r.ID)
		if got := f.backend.started(run.JobID(r.ID, 0)); got < 2 {
			t.Errorf("started %d times", got)
		}
	})
}

func TestWorkerThatIsStoppedAtItsStartEndsWithoutAnError(t *testing.T) {
	withWorker(t, jobs(1), func(f *workerFixture) {
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		w := &worker.Worker{Store: f.store, Backend: newFakeBackend(), Prepare: jobs(1), Now: time.Now}
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestWorkerSaysThatABackendTakesNothing(t *testing.T) {
	withWorker(t, jobs(2), func(f *workerFixture) {
		f.backend.full = true
		r := f.submit("k")
		time.Sleep(5 * time.Minute) // of the bubble's clock
		if got := f.state(r.ID); got != run.StateRunning {
			t.Errorf("state %s while there is patience", got)
		}
		time.Sleep(10 * time.Minute)
		if got := f.state(r.ID); got != run.StateFailed {
			t.Errorf("state %s when patience is over", got)
		}
		r, err := f.store.Run(f.Context(), r.ID)
		if err != nil || r.Jobs[0].Result.Problem.Code != "not_taken" {
			t.Errorf("jobs %+v, error %v", r.Jobs, err)
		}
	})
}

func TestWorkerCancels(t *testing.T) {
	t.Run("a running job", func(t *testing.T) {
		withWorker(t, jobs(2), func(f *workerFixture) {
			r := f.submit("k")
			f.state(r.ID)
			if n, err := f.worker.Cancel(f.Context(), 7, 3, "rui"); n != 1 || err != nil {
				t.Errorf("cancelled %d, error %v", n, err)
			}
			if got := f.state(r.ID); got != run.StateCancelled {
				t.Errorf("state %s", got)
			}
		})
	})
	t.Run("a job that the backend never took", func(t *testing.T) {
		withWorker(t, jobs(1), func(f *workerFixture) {
			f.backend.startErr = errors.New("disk full")
			r := f.submit("k")
			f.state(r.ID)
			if _, err := f.worker.Cancel(f.Context(), 7, 3, "rui"); err != nil {
				t.Fatal(err)
			}
			if got := f.state(r.ID); got != run.StateCancelled {
				t.Errorf("state %s", got)
			}
		})
	})
	t.Run("nothing of another pull request", func(t *testing.T) {
		withWorker(t, jobs(1), func(f *workerFixture) {
			r := f.submit("k")
			f.state(r.ID)
			if n, err := f.worker.Cancel(f.Context(), 7, 4, "rui"); n != 0 || err != nil {
				t.Errorf("cancelled %d, error %v", n, err)
			}
			if got := f.state(r.ID); got != run.StateRunning {
				t.Errorf("state %s", got)
			}
		})
	})
	t.Run("plans of older commits", func(t *testing.T) {
		withWorker(t, jobs(1), func(f *workerFixture) {
			r := f.submit("k")
			f.state(r.ID)
			if n, err := f.worker.Supersede(f.Context(), 7, 3, "bbb"); n != 1 || err != nil {
				t.Errorf("superseded %d, error %v", n, err)
			}
			if got := f.state(r.ID); got != run.StateSuperseded {
				t.Errorf("state %s", got)
			}
		})
	})
}

func TestWorkerForgetsMessagesAboutUnknownRuns(t *testing.T) {
	withWorker(t, jobs(1), func(f *workerFixture) {
		f.backend.messages <- finished("nobody-0", 1, run.OutcomeSucceeded)
		r := f.submit("k")
		f.state(r.ID)
		f.backend.messages <- finished(run.JobID(r.ID, 0), 1, run.OutcomeSucceeded)
		if got := f.state(r.ID); got != run.StateSucceeded {
			t.Errorf("state %s", got)
		}
	})
}
