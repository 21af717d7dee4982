package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// Worker moves runs along: it carries out the effects that Step decides on and
// turns what comes back into the next event. It holds no state that matters:
// after a crash the next Worker finds everything in the Store.
type Worker struct {
	Store   run.Store
	Backend run.Backend
	// Prepare reads what a run needs. A *Problem refuses the run with it, a
	// *Temporary is tried again, any other error ends the run with a general
	// sentence and goes to the log.
	Prepare func(context.Context, run.Run) (run.Preparation, error)
	// Recheck says, immediately before jobs of a mutating run start, whether what
	// the run was judged by still holds. A *Problem ends the jobs with it, a
	// *Temporary is tried again for a while.
	Recheck func(context.Context, run.Run) error
	// JudgeGate finds out what stands between a plan and its apply, for people;
	// nil never does.
	JudgeGate func(context.Context, run.Run) (run.Gate, error)
	// Compare is JudgeGate for a plan whose gate was foreseen, with the jobs that are
	// over: it looks at the plan and what people had been shown, and asks GitHub
	// nothing. A nil gate means that nobody knows; nil never does.
	Compare func(context.Context, run.Run) (*run.Gate, error)
	// Changed says which projects a pull request that was merged changed on its base
	// branch, by the documents that their plans would have had. Its errors are *Problem
	// for what trying again does not help, or any other; nil never knows.
	Changed func(ctx context.Context, repo run.Repository, pull int) ([]run.JobDocument, error)
	// DigestKey is the key of the digests that a job makes (JobDocument.DigestKey), the
	// same for every job of one project; nil gives none.
	DigestKey func(run.JobDocument) string
	Options   run.Options
	Notify    func() // called after notices were written; may be nil
	Now       func() time.Time
	// RetryFor is how long temporary errors of Prepare are tried again, and how
	// long after that a Backend may refuse to take a job.
	RetryFor time.Duration
	// LiveInterval is the least time between two looks at what a run's jobs print; 0
	// is 15 seconds.
	LiveInterval time.Duration
	Log          zerolog.Logger // of what becomes of runs and jobs
	// Stepped, unless nil, sees a run before and after each step that was stored.
	Stepped func(before, after run.Run)

	mu       sync.Mutex
	wanted   []run.Effect        // guarded by mu
	inFlight map[run.Effect]bool // guarded by mu
	queue    *queue              // guarded by mu; made by init
	wake     loop.Signal         // given when wanted or queue may have changed; made by init
	once     sync.Once
	locks    keyedMutex // one effect at a time per job
	steps    keyedMutex // one step at a time per run, so that queue sees them in order

	rechecked map[string]time.Time // guarded by mu: when Recheck said yes, of the run that started last

	live live
}

// sweepInterval is how often the worker looks for effects that got lost, for
// example because the backend could not take a job.
const sweepInterval = 30 * time.Second

// Submit stores a new run and sets it going, or lets it join one that waits and
// will show the same. added is false when a run with the same Key exists, or
// joined; nothing happens then.
func (w *Worker) Submit(ctx context.Context, r run.Run, notices ...run.Notice) (added bool, err error) {
	w.init()
	if w.behindApply(r) {
		notices = append(slices.Clip(notices), run.RefreshComment(r.Repository, r.PullRequest)) // which says that it waits
	}
	stored, added, err := w.Store.SubmitRun(ctx, r, notices, func(waiting run.Run) bool {
		return r.Joins(&waiting) && !w.isAt(waiting.ID)
	})
	if err != nil || !added {
		return false, err
	}
	if stored.ID == r.ID {
		w.logAccepted(r)
	} else {
		w.logJoined(stored, r.Actor)
	}
	w.notify(len(notices))
	defer w.steps.lock(stored.ID)()
	return true, w.reload(ctx, stored.ID)
}

// reload takes note of how a run is now.
func (w *Worker) reload(ctx context.Context, id string) error {
	r, err := w.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	w.observe(r)
	return nil
}

func (w *Worker) observe(r run.Run) {
	w.init()
	w.mu.Lock()
	w.queue.observe(r)
	w.mu.Unlock()
	w.wake.Give()
}

func (w *Worker) behindApply(r run.Run) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.behindApply(r)
}

func (w *Worker) isAt(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.isAt(id)
}

// Cancel asks the active runs of a pull request to end and returns how many
// there were.
func (w *Worker) Cancel(ctx context.Context, repositoryID int64, pull int, by string) (int, error) {
	return w.stepActive(ctx, repositoryID, pull, run.CancelRequested{At: w.Now(), By: by})
}

// CancelRun asks one run to end and leaves the others of its pull request
// alone. It is idempotent; a run that has ended stays as it is.
func (w *Worker) CancelRun(ctx context.Context, id, by string) error {
	_, err := w.step(ctx, id, run.CancelRequested{At: w.Now(), By: by})
	return err
}

// Object notifies the active applies of a pull request about an objection, and what
// it is about: the commit that an approval was of, or the base that there is now.
// It is idempotent.
func (w *Worker) Object(ctx context.Context, repositoryID int64, pull int, o run.Objection, about string) error {
	e := run.Objected{At: w.Now(), Objection: o, Commit: about}
	if o == run.ObjectionBase {
		e.Commit, e.Base = "", about
	}
	_, err := w.stepActive(ctx, repositoryID, pull, e)
	return err
}

// Supersede notifies the active runs of a pull request that its head is now sha.
func (w *Worker) Supersede(ctx context.Context, repositoryID int64, pull int, sha string) (int, error) {
	return w.stepActive(ctx, repositoryID, pull, run.NewerCommit{At: w.Now(), SHA: sha})
}

func (w *Worker) stepActive(ctx context.Context, repositoryID int64, pull int, e run.Event) (int, error) {
	active, err := w.Store.ActiveRuns(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range active {
		if r.Repository.ID != repositoryID || r.PullRequest != pull {
			continue
		}
		after, err := w.step(ctx, r.ID, e)
		if err != nil {
			return n, err
		}
		if after.Ending() {
			n++
		}
	}
	return n, nil
}

// Run works until ctx is done and everything it started has returned. Jobs in
// the backend go on.
func (w *Worker) Run(ctx context.Context) error {
	w.init()
	if err := w.resume(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return fmt.Errorf("resuming runs: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.Backend.Run(ctx, w.deliver) })
	g.Go(func() error { return w.loop(ctx) })
	g.Go(func() error { return w.watch(ctx) })
	return g.Wait()
}

func (w *Worker) init() {
	w.once.Do(func() {
		w.wake = loop.NewSignal()
		w.inFlight = make(map[run.Effect]bool)
		w.queue = newQueue()
	})
}

func (w *Worker) loop(ctx context.Context) error {
	var effects errgroup.Group // no error of theirs ends the worker
	defer func() { _ = effects.Wait() }()
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		for _, e := range w.take() {
			effects.Go(func() error {
				defer w.finished(e)
				w.act(ctx, e)
				return nil
			})
		}
		for id, ok := w.next(); ok; id, ok = w.next() {
			effects.Go(func() error {
				defer w.done(id)
				if !w.act(ctx, run.Effect{Kind: run.EffectPrepare, RunID: id}) {
					w.waitForSweep(id)
				}
				return nil
			})
		}
		retry := time.NewTimer(w.untilRetry())
		select {
		case <-ctx.Done():
			retry.Stop()
			return nil
		case <-w.wake:
		case <-retry.C:
		case <-sweep.C:
			if err := w.resume(ctx); err != nil && ctx.Err() == nil {
				zerolog.Ctx(ctx).Error().Err(err).Msg("looking for runs to go on with")
			}
		}
		retry.Stop()
	}
}

func (w *Worker) next() (id string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.next(w.Now())
}

// done gives the turn of a run back.
func (w *Worker) done(id string) {
	w.mu.Lock()
	w.queue.done(id)
	w.mu.Unlock()
	w.wake.Give()
}

// waitForSweep leaves a run alone until the next sweep.
func (w *Worker) waitForSweep(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.putOff(id, w.Now().Add(sweepInterval))
}

// untilRetry is how long until a run that was put off may go on.
func (w *Worker) untilRetry() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.wait(w.Now(), sweepInterval)
}

func (w *Worker) resume(ctx context.Context) error {
	active, err := w.Store.ActiveRuns(ctx)
	if err != nil {
		return err
	}
	for _, r := range active {
		if err := w.goOn(ctx, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// goOn issues what must be under way for a run.
func (w *Worker) goOn(ctx context.Context, id string) error {
	defer w.steps.lock(id)()
	r, err := w.Store.Run(ctx, id) // as it is now: the list is older
	if err != nil {
		return err
	}
	w.observe(r)
	w.want(run.Pending(r))
	return nil
}

// want puts effects on the list unless they are on it or under way. Preparing is
// not for the list: what waits for that is in the queue.
func (w *Worker) want(effects []run.Effect) {
	if len(effects) == 0 {
		return
	}
	w.init()
	w.mu.Lock()
	for _, e := range effects {
		if e.Kind != run.EffectPrepare && !w.inFlight[e] {
			w.inFlight[e] = true
			w.wanted = append(w.wanted, e)
		}
	}
	w.mu.Unlock()
	w.wake.Give()
}

func (w *Worker) take() []run.Effect {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.wanted
	w.wanted = nil
	return out
}

func (w *Worker) finished(e run.Effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, e)
}

func (w *Worker) notify(n int) {
	if n > 0 && w.Notify != nil {
		w.Notify()
	}
}
