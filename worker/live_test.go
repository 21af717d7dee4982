package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
	"github.com/lockkeeper/lockkeeper/worker"
)

// talking is an engine whose jobs print something.
type talking struct {
	*fakeBackend

	mu    sync.Mutex
	asked map[string]int              // guarded by mu: how often, by job
	text  func(n int) (string, error) // what a job has printed at the n-th look
}

func (b *talking) Tail(_ context.Context, doc run.JobDocument) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked[doc.JobID]++
	return b.text(b.asked[doc.JobID])
}

func (b *talking) looks() (all int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.asked {
		all += n
	}
	return all
}

type liveFixture struct {
	*testing.T
	store   *sqlite.Store
	backend *talking
	worker  *worker.Worker
}

// withLive runs f with a worker, one job per run, and the engine's text.
func withLive(t *testing.T, text func(n int) (string, error), f func(liveFixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), sqlitetest.File(t))
		if err != nil {
			t.Fatal(err)
		}
		b := &talking{fakeBackend: newFakeBackend(), asked: map[string]int{}, text: text}
		fx := liveFixture{t, s, b, &worker.Worker{Store: s, Backend: b, Prepare: jobs(1), Now: time.Now, RetryFor: 10 * time.Minute}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- fx.worker.Run(ctx) }()
		f(fx)
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// runs begins n runs whose jobs start at once, and forgets what was said of that.
func (f liveFixture) runs(n int) (ids []string) {
	f.Helper()
	for i := range n {
		r := run.Run{ID: fmt.Sprintf("run%02d", i), Key: fmt.Sprint(i), Kind: run.KindPlan, Trigger: run.TriggerComment,
			State: run.StateAccepted, Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: i}, CreatedAt: time.Now()}
		if _, err := f.worker.Submit(f.Context(), r); err != nil {
			f.Fatal(err)
		}
		synctest.Wait()
		f.backend.messages <- run.Message{JobID: run.JobID(r.ID, 0), Seq: 1, Kind: run.MessageStarted, At: time.Now()}
		ids = append(ids, r.ID)
	}
	synctest.Wait()
	f.sent()
	return ids
}

// sent empties the outbox and tells how many check runs were in it.
func (f liveFixture) sent() (checks int) {
	f.Helper()
	synctest.Wait()
	due, err := f.store.DueNotices(f.Context(), time.Now(), 1000)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range due {
		if n.Kind == run.NoticeCheck {
			checks++
		}
		if err := f.store.SentNotice(f.Context(), n); err != nil {
			f.Fatal(err)
		}
	}
	return checks
}

func TestWhatALongJobPrintsIsShownAndNothingOfAShortOne(t *testing.T) {
	said := func(n int) (string, error) { return fmt.Sprint("line ", (n+1)/2), nil } // each twice
	withLive(t, said, func(f liveFixture) {
		id := run.JobID(f.runs(1)[0], 0)
		time.Sleep(9 * time.Second)
		if n := f.sent(); n != 0 || f.backend.looks() != 0 {
			t.Fatalf("after 9 seconds there are %d notices and %d looks", n, f.backend.looks())
		}
		time.Sleep(6 * time.Second)
		first := time.Now()
		if n := f.sent(); n != 1 || f.worker.Live(id).Text != "line 1" || first.Sub(f.worker.Live(id).At) > 5*time.Second {
			t.Errorf("after 15 seconds there are %d notices about %+v", n, f.worker.Live(id))
		}
		time.Sleep(15 * time.Second)
		if n := f.sent(); n != 0 || f.backend.looks() != 2 || f.worker.Live(id).At.After(first) {
			t.Errorf("the same again makes %d notices after %d looks: %+v", n, f.backend.looks(), f.worker.Live(id))
		}
		time.Sleep(15 * time.Second)
		if n := f.sent(); n != 1 || f.worker.Live(id).Text != "line 2" {
			t.Errorf("news make %d notices about %+v", n, f.worker.Live(id))
		}
		f.backend.messages <- finished(id, 2, run.OutcomeSucceeded)
		f.sent()
		looks := f.backend.looks()
		time.Sleep(time.Minute)
		if n := f.sent(); n != 0 || f.backend.looks() != looks {
			t.Errorf("after the end there are %d notices and %d looks", n, f.backend.looks()-looks)
		}
	})
}

// GitHub allows an App 80 updates a minute and 500 an hour ("Rate limits for the
// REST API", "About secondary rate limits").
func TestLiveLinesCostFewUpdates(t *testing.T) {
	news := func(n int) (string, error) { return fmt.Sprint(n), nil }
	for runs, most := range map[int]struct{ minute, hour int }{1: {4, 75}, 50: {12, 720}} {
		withLive(t, news, func(f liveFixture) {
			f.runs(runs)
			time.Sleep(time.Second) // no look falls on the end of a minute
			for minute := range 60 {
				before := f.backend.looks()
				time.Sleep(time.Minute)
				if n := f.backend.looks() - before; n > most.minute {
					t.Errorf("%d runs, minute %d: %d updates", runs, minute, n)
				}
			}
			if n := f.backend.looks(); n > most.hour || n < most.hour/2 {
				t.Errorf("%d runs: %d updates in an hour", runs, n)
			}
			f.backend.mu.Lock()
			defer f.backend.mu.Unlock()
			if len(f.backend.asked) != runs {
				t.Errorf("only %d of %d runs were looked at", len(f.backend.asked), runs)
			}
		})
	}
}

func TestAnEngineThatIsNotWellShowsNothing(t *testing.T) {
	withLive(t, func(int) (string, error) { return "", errors.New("throttled") }, func(f liveFixture) {
		id := run.JobID(f.runs(1)[0], 0)
		time.Sleep(time.Minute)
		if n := f.sent(); n != 0 || f.worker.Live(id) != (run.Lines{}) || f.backend.looks() == 0 {
			t.Errorf("%d notices, %+v", n, f.worker.Live(id))
		}
	})
}

func TestLastLines(t *testing.T) {
	lines := func(n int, line string) string { return strings.TrimSuffix(strings.Repeat(line+"\n", n), "\n") }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":       {"", ""},
		"few":           {"a\nb\n", "a\nb"},
		"many":          {"first\n" + lines(30, "x"), lines(20, "x")},
		"long":          {lines(30, strings.Repeat("é", 500)), lines(3, strings.Repeat("é", 500))},
		"one very long": {strings.Repeat("é", 5000), strings.Repeat("é", 2000)},
	} {
		if got := run.LastLines(c.text); got != c.want {
			t.Errorf("%s: %d bytes, want %d: %.80q", name, len(got), len(c.want), got)
		}
	}
}
