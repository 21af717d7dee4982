package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// sweepEvery is how often old jobs are looked for.
const sweepEvery = time.Hour

// deliverer takes messages; see run.Backend.
type deliverer func(context.Context, run.Message) error

// Run implements run.Backend. When another engine works on the directory, as
// while one server takes over from another, it first waits for that one.
func (e *Engine) Run(ctx context.Context, deliver func(context.Context, run.Message) error) error {
	unlock, err := e.lockDir(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("locking the directory of jobs: %w", err)
	}
	defer unlock()
	var jobs sync.WaitGroup
	defer e.forget()
	defer jobs.Wait()
	found, err := e.find(ctx)
	if err != nil {
		return fmt.Errorf("looking for jobs: %w", err)
	}
	if err := e.dropBroken(ctx); err != nil {
		return fmt.Errorf("looking for sources of earlier jobs: %w", err)
	}
	if err := e.sweepCgroups(); err != nil { // nothing depends on it
		zerolog.Ctx(ctx).Error().Err(err).Msg("looking for control groups of earlier jobs")
	}
	if err := e.sweepViews(); err != nil {
		return fmt.Errorf("looking for views of old jobs: %w", err)
	}
	for _, j := range found {
		jobs.Go(func() { e.resume(ctx, j, deliver) })
	}
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for ctx.Err() == nil { // select alone might prefer a token to the end
		for j := e.next(); j != nil; j = e.next() {
			jobs.Go(func() { e.begin(ctx, j, deliver) })
		}
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-sweep.C:
			e.sweep(ctx)
		}
	}
	return nil
}

// next takes the job whose turn it is out of the queue. Turns are given fairly,
// and to what is of one person in the order in which jobs were taken; a job that
// was cancelled needs none, nor does one that waits for approval.
//
// Parallel jobs have their turn at once. As many again may still write down
// what they found: when that is slow, runners must not pile up. While all turns
// are in the hands of one installation, or of one repository, there is one more for
// another, or somebody whose plans take an hour would stop everybody for that long.
func (e *Engine) next() *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.queue, (*job).needsNoTurn)
	if i < 0 {
		if i = e.fair(); i < 0 {
			return nil
		}
	}
	j := e.queue[i]
	e.queue = slices.Delete(e.queue, i, i+1)
	j.stage = stageTurn
	if j.doc.Command == run.KindApproval {
		j.stage = stageOver
	} else {
		e.take(j)
	}
	return j
}

// fair is the index of the job whose turn it is, or -1 when there is none to
// give. e.mu is held.
func (e *Engine) fair() int {
	turns, writers := e.count()
	if len(e.queue) == 0 || e.short || e.draining || turns+writers > 2*e.o.Parallel || turns > e.o.Parallel {
		return -1
	}
	var keys []fair.Key
	var may []int // indexes of those that keys are of
	for i, j := range e.queue {
		if !e.viewTaken(j) {
			keys, may = append(keys, j.key()), append(may, i)
		}
	}
	if len(keys) == 0 {
		return -1
	}
	chosen := e.shares.Next(keys)
	i := may[chosen]
	if turns < e.o.Parallel && turns+writers < 2*e.o.Parallel {
		return i
	}
	if !e.inOneHand(keys[chosen]) {
		return -1
	}
	return i
}

// inOneHand reports whether everything in hand is of one installation, or one
// repository, and a job of this key is not. e.mu is held.
func (e *Engine) inOneHand(key fair.Key) bool {
	installations, repositories := map[string]bool{}, map[string]bool{}
	for _, j := range e.jobs {
		if j.taken {
			k := j.key()
			installations[k.Installation], repositories[k.Repository] = true, true
		}
	}
	return len(installations) == 1 && !installations[key.Installation] || len(repositories) == 1 && !repositories[key.Repository]
}

// take counts a job among those in hand, until it is over. e.mu is held.
func (e *Engine) take(j *job) {
	if !j.taken {
		j.taken = true
		e.shares.Take(j.key())
	}
}

// give ends that. e.mu is held.
func (e *Engine) give(j *job) {
	if j.taken && e.jobs[j.id] == j { // else it is of an earlier Run
		j.taken = false
		e.shares.Give(j.key())
	}
}

// key says whose a job is. An installation of the App is one account, so its
// name stands for it.
func (j *job) key() fair.Key {
	owner, _, _ := strings.Cut(j.doc.Repository, "/")
	return fair.Key{Installation: owner, Repository: strconv.FormatInt(j.doc.RepositoryID, 10), Person: j.doc.Actor}
}

func (j *job) needsNoTurn() bool { return j.doc.Command == run.KindApproval || j.isCancelled() }

// count tells how many jobs have their turn, and how many are writing. e.mu is
// held.
func (e *Engine) count() (turns, writers int) {
	for _, j := range e.jobs {
		switch j.stage {
		case stageTurn:
			turns++
		case stageWriting:
			writers++
		}
	}
	return turns, writers
}

// reach notes that a job came to a stage, unless it is further already.
func (e *Engine) reach(j *job, s stage) {
	e.mu.Lock()
	if j.stage = max(j.stage, s); j.stage > stageTurn {
		e.give(j)
	}
	e.mu.Unlock()
	e.wake.Give()
}

// forget drops what is known from files when Run starts again.
func (e *Engine) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.jobs, e.queue, e.shares = map[string]*job{}, nil, fair.New(fair.Limits{})
}

// find reads the directory: jobs that never began are queued in the order in
// which they were taken, those that began are returned. What stage these are at
// is not known, so they have their turn until they end.
func (e *Engine) find(ctx context.Context) (begun []*job, err error) {
	entries, err := os.ReadDir(e.o.Dir)
	if err != nil {
		return nil, err
	}
	var waiting []*job
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, entry := range entries {
		f := e.files(entry.Name())
		if !isJobID(entry.Name()) || f.has(deliveredFile) {
			e.removeOld(ctx, entry.Name())
			continue
		}
		doc, err := f.document()
		if err != nil {
			zerolog.Ctx(ctx).Error().Err(err).Str("job", entry.Name()).Msg("reading a job")
			continue
		}
		j := e.job(doc)
		began, err := j.began()
		if err != nil {
			return nil, err
		}
		if began {
			j.stage = stageTurn
			e.take(j)
			begun = append(begun, j)
		} else {
			waiting = append(waiting, j)
		}
	}
	slices.SortFunc(waiting, func(a, b *job) int {
		now := e.o.Now
		return cmp.Or(
			a.files.time(runner.DocumentFile, now).Compare(b.files.time(runner.DocumentFile, now)),
			strings.Compare(a.id, b.id),
		)
	})
	for _, j := range waiting {
		e.enqueue(j)
	}
	return begun, nil
}

// began reports that a job has ended, was claimed, or has a process that is
// about to claim it.
func (j *job) began() (bool, error) {
	if j.files.has(runner.ClaimFile) || j.files.has(runner.ResultFile) {
		return true, nil
	}
	file, free, err := j.files.lockFree()
	if err != nil {
		return false, fmt.Errorf("locking job %s: %w", j.id, err)
	}
	if free {
		return false, file.Close()
	}
	return true, nil
}

// sweep removes old jobs.
func (e *Engine) sweep(ctx context.Context) {
	entries, err := os.ReadDir(e.o.Dir)
	if err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Msg("looking for old jobs")
		return
	}
	for _, entry := range entries {
		e.removeOld(ctx, entry.Name())
	}
	e.sweepSources(ctx, sourcesKept, sourcesFor)
}

// removeOld removes a job that ended, was reported, and is older than Keep; and
// what a crash left of a job that was being taken.
func (e *Engine) removeOld(ctx context.Context, name string) {
	f := e.files(name)
	before := e.o.Now().Add(-e.o.Keep)
	switch {
	case strings.HasPrefix(name, takingPrefix) && f.time("", e.o.Now).Before(e.o.Now().Add(-time.Hour)):
	case isJobID(name) && f.has(deliveredFile) && f.time(deliveredFile, e.o.Now).Before(before):
	default:
		return
	}
	runner.Removable(string(f))
	if err := os.RemoveAll(string(f)); err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("job", name).Msg("removing an old job")
	}
}
