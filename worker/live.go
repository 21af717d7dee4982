package worker

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// How often people see what running jobs print. GitHub counts every update, so
// what takes long is shown less often, and the server looks at one run at a time,
// three times as often as at the same one: 12 updates a minute at most.
const (
	liveInterval = 15 * time.Second // between two looks at a run, at least
	liveMost     = 4                // times as much between two looks at an old one
	liveJobs     = 20               // of a run
)

// liveInterval is w.LiveInterval or what it is without.
func (w *Worker) liveInterval() time.Duration { return cmp.Or(w.LiveInterval, liveInterval) }

// live knows what jobs printed last. It is in memory alone: after a restart the
// next look finds it again.
type live struct {
	mu    sync.Mutex
	lines map[string]run.Lines // by job id; guarded by mu
	last  map[string]time.Time // by run id: when it was looked at; guarded by mu
}

// Live is what a job that runs has printed last; nothing when nobody looked.
func (w *Worker) Live(jobID string) run.Lines {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	return w.live.lines[jobID]
}

// watch looks at what running jobs print until ctx is done.
func (w *Worker) watch(ctx context.Context) error {
	tailer, ok := w.Backend.(run.Tailer)
	if !ok {
		return nil
	}
	return loop.Every(ctx, w.liveInterval()/3, "looking at what jobs print", func(ctx context.Context) error {
		return w.look(ctx, tailer)
	})
}

// look asks for what the jobs of one run print, and has its check run brought up
// to date when that is something else than before.
func (w *Worker) look(ctx context.Context, tailer run.Tailer) error {
	active, err := w.Store.ActiveRuns(ctx)
	if err != nil {
		return err
	}
	r, jobs := w.live.next(active, w.Now(), w.liveInterval())
	changed := false
	for _, j := range jobs {
		text, err := tailer.Tail(ctx, j.Document)
		if err != nil {
			return err // the engine is not well: the next look is soon enough
		}
		changed = w.live.put(j.ID, text, w.Now()) || changed
	}
	if !changed {
		return nil
	}
	notices := 0
	_, err = w.Store.UpdateRun(ctx, r.ID, func(r *run.Run) ([]run.Notice, error) {
		if r.State.Final() {
			return nil, nil // it shows already how it ended
		}
		notices = 1
		return []run.Notice{run.RefreshCheck(*r)}, nil
	})
	w.notify(notices)
	return err
}

// next chooses the run that is due and was looked at longest ago, and those of
// its jobs that have been running for a while.
func (l *live) next(active []run.Run, now time.Time, every time.Duration) (next run.Run, jobs []run.Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(active)
	for _, r := range active {
		long := longRunning(r, now.Add(-every*2/3))
		if len(long) == 0 || now.Sub(l.last[r.ID]) < min(max(now.Sub(long[0].StartedAt)/8, every), liveMost*every) {
			continue
		}
		if len(jobs) == 0 || l.last[r.ID].Before(l.last[next.ID]) {
			next, jobs = r, long
		}
	}
	if len(jobs) > 0 {
		l.last[next.ID] = now
	}
	return next, jobs
}

// longRunning lists jobs that have been running since before, the oldest first:
// most are over sooner.
func longRunning(r run.Run, before time.Time) []run.Job {
	jobs := slices.DeleteFunc(slices.Clone(r.Jobs), func(j run.Job) bool {
		return j.State != run.JobRunning || j.StartedAt.After(before)
	})
	slices.SortStableFunc(jobs, func(a, b run.Job) int { return a.StartedAt.Compare(b.StartedAt) })
	return jobs[:min(len(jobs), liveJobs)]
}

// forget drops runs and jobs that are over. l.mu is held.
func (l *live) forget(active []run.Run) {
	lines, last := map[string]run.Lines{}, map[string]time.Time{}
	for _, r := range active {
		if at, ok := l.last[r.ID]; ok {
			last[r.ID] = at
		}
		for _, j := range r.Jobs {
			if known, ok := l.lines[j.ID]; ok && j.State == run.JobRunning {
				lines[j.ID] = known
			}
		}
	}
	l.lines, l.last = lines, last
}

// put stores what a job printed, and reports whether that is news.
func (l *live) put(jobID, text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text == l.lines[jobID].Text {
		return false
	}
	l.lines[jobID] = run.Lines{Text: text, At: now}
	return true
}
