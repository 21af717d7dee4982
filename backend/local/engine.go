package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Engine implements run.Backend. Make one with New.
//
// A goroutine that only waits for a job's processes may outlive Run by as long
// as they do: the operating system offers no other way to wait for them.
type Engine struct {
	o Options

	mu       sync.Mutex
	jobs     map[string]*job // guarded by mu: taken, and not delivered yet
	queue    []*job          // guarded by mu: not started, in the order in which they were taken
	short    bool            // guarded by mu: the disk has no room for more jobs
	draining bool            // guarded by mu: no more jobs begin
	offer    jail.Offer      // set by New

	shares *fair.Shares // guarded by mu: who has turns

	views sync.Mutex // held while links of viewsDir change

	wake loop.Signal // given when the queue or a job's stage may have changed
}

var _ run.Backend = (*Engine)(nil)

// job is one that this engine has in hand.
type job struct {
	id        string
	files     files
	doc       run.JobDocument
	cancelled chan struct{} // closed when its end is requested
	once      sync.Once     // closes cancelled

	handed atomic.Bool            // was ended to be made again
	ended  atomic.Pointer[string] // why it was ended by this engine, as the beginning of a sentence for people

	stage stage // guarded by Engine.mu; grows only
	taken bool  // guarded by Engine.mu: counted in Engine.shares
}

// stage is how far a job has come, as far as it matters to other jobs.
type stage int

const (
	stageTaken   stage = iota
	stageQueued        // waits for its turn
	stageTurn          // may have a terraform process
	stageWriting       // its runner is there, but starts no more terraform
	stageOver          // has no process
)

func (j *job) cancel() { j.once.Do(func() { close(j.cancelled) }) }

func (j *job) isCancelled() bool {
	select {
	case <-j.cancelled:
		return true
	default:
		return false
	}
}

// New checks the options, prepares the directory and finds out what jails can do
// here. For that a process without rights has to open itself to its neighbours for
// a moment, so call it before anything hostile may run; no job does before Run.
func New(ctx context.Context, o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDirs(o); err != nil {
		return nil, fmt.Errorf("making the directory of jobs: %w", err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, CgroupFile), []byte(o.Cgroup), 0o600); err != nil {
		return nil, fmt.Errorf("noting what limits jobs: %w", err)
	}
	e := &Engine{o: o, jobs: map[string]*job{}, shares: fair.New(fair.Limits{}), wake: loop.NewSignal()}
	if e.offer, err = jail.Offers(ctx, e.sources(), o.Isolation, o.Users); err != nil {
		return nil, err
	}
	return e, nil
}

// makeDirs makes the directories of the engine, for its own user alone. When that
// is root, each job has a user id of its own, which has to come through to what is
// the job's.
func makeDirs(o Options) error {
	for _, dir := range []string{viewsDir, sourcesDir} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	for _, dir := range []string{o.Dir, filepath.Join(o.Dir, viewsDir), o.Providers} {
		if err := os.Chmod(dir, 0o711); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Start implements run.Backend. The job is taken when its document is on disk.
func (e *Engine) Start(_ context.Context, doc run.JobDocument) error {
	if !isJobID(doc.JobID) {
		return fmt.Errorf("taking a job: %.120q is no job id", doc.JobID)
	}
	if err := doc.CheckLimit(); err != nil {
		return err
	}
	taken, err := take(e.o.Dir, doc)
	if err != nil {
		return fmt.Errorf("taking job %s: %w", doc.JobID, err)
	}
	if !taken {
		return e.sameFence(doc)
	}
	e.mu.Lock()
	e.enqueue(e.job(doc))
	e.mu.Unlock()
	e.wake.Give()
	return nil
}

// sameFence refuses a job id that was taken with another fence: one of the two
// callers lost the project's lock in between.
func (e *Engine) sameFence(doc run.JobDocument) error {
	have, err := e.files(doc.JobID).document()
	if err != nil {
		return fmt.Errorf("reading job %s: %w", doc.JobID, err)
	}
	if have.Fence != doc.Fence {
		return fmt.Errorf("job %s was taken with fence %d, not %d", doc.JobID, have.Fence, doc.Fence)
	}
	return nil
}

// Cancel implements run.Backend.
func (e *Engine) Cancel(_ context.Context, id string) error {
	f, ended, err := e.lookUp(id)
	if err != nil || ended {
		return err
	}
	doc, err := f.document()
	if err != nil {
		return fmt.Errorf("reading job %s: %w", id, err)
	}
	if doc.Command == run.KindApproval {
		return e.settle(f, doc, run.ApprovalCancelled())
	}
	if err := f.mark(cancelFile); err != nil {
		return fmt.Errorf("marking job %s to end: %w", id, err)
	}
	e.ask(id)
	return nil
}

// ask tells a job that its end was requested.
func (e *Engine) ask(id string) {
	e.mu.Lock()
	if j := e.jobs[id]; j != nil {
		j.cancel()
	}
	e.mu.Unlock()
	e.wake.Give()
}

// Withdraw implements run.Backend. It takes the claim that the job makes before
// it changes something (runner.AppliedKey); a job that was faster goes on.
func (e *Engine) Withdraw(ctx context.Context, id string) error {
	f, ended, err := e.lookUp(id)
	if err != nil || ended {
		return err
	}
	doc, err := f.document()
	if err != nil {
		return fmt.Errorf("reading job %s: %w", id, err)
	}
	if doc.Command.Traits().Changes {
		withdrawn, err := e.withdraw(ctx, doc)
		if err != nil || !withdrawn {
			return err
		}
	}
	return e.Cancel(ctx, id)
}

func (e *Engine) withdraw(ctx context.Context, doc run.JobDocument) (bool, error) {
	store, err := artifact.OpenDir(e.o.Artifacts)
	if err != nil {
		return false, err
	}
	defer func() { _ = store.Close() }()
	key := runner.AppliedKey(doc)
	if err := store.Claim(ctx, key, runner.Withdrawn); err == nil || !errors.Is(err, artifact.ErrClaimed) {
		return err == nil, err
	}
	by, _, err := store.Claimant(ctx, key)
	return by == runner.Withdrawn, err
}

// lookUp finds the files of a job that was taken, or run.ErrNotFound.
func (e *Engine) lookUp(id string) (f files, ended bool, err error) {
	if !isJobID(id) {
		return "", false, run.ErrNotFound
	}
	f = e.files(id)
	if _, err := os.Stat(string(f)); errors.Is(err, fs.ErrNotExist) {
		return "", false, run.ErrNotFound
	} else if err != nil {
		return "", false, fmt.Errorf("looking for job %s: %w", id, err)
	}
	return f, f.result() != nil, nil
}

func (e *Engine) files(id string) files { return files(filepath.Join(e.o.Dir, id)) }

// job makes the entry of a job, or finds it. e.mu is held.
func (e *Engine) job(doc run.JobDocument) *job {
	j := e.jobs[doc.JobID]
	if j == nil {
		j = &job{id: doc.JobID, files: e.files(doc.JobID), doc: doc, cancelled: make(chan struct{})}
		e.jobs[j.id] = j
	}
	if j.files.has(cancelFile) {
		j.cancel()
	}
	return j
}

// enqueue appends a job unless it was queued before: Start and Run may both
// find it new. e.mu is held.
func (e *Engine) enqueue(j *job) {
	if j.stage != stageTaken || j.files.has(runner.ClaimFile) || j.files.has(runner.ResultFile) {
		return
	}
	j.stage = stageQueued
	e.queue = append(e.queue, j)
}

// lockDir waits until no other engine works on the directory.
func (e *Engine) lockDir(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(e.o.Dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
