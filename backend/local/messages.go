package local

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// The numbers of a job's messages. The end is always the second, also of a job
// that never ran: then it does not matter whether a beginning was reported before a
// crash.
const (
	seqStarted  = 1
	seqFinished = 2
)

// Waits between two tries to deliver a message.
const (
	firstWait = 50 * time.Millisecond
	longest   = 30 * time.Second
)

// tell delivers a message, again and again until it is taken or ctx ends.
func (e *Engine) tell(ctx context.Context, deliver deliverer, m run.Message) error {
	wait := firstWait
	for {
		err := deliver(ctx, m)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", m.JobID).Str("message", string(m.Kind)).Msg("delivering a message, will try again")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, longest)
	}
}

// tellStarted tells that a job began, when one of its files was written, unless
// it is over soon. stop ends that, and waits for it.
func (e *Engine) tellStarted(ctx context.Context, j *job, file string, deliver deliverer) (stop func()) {
	told := make(chan struct{})
	running, cancel := context.WithCancel(ctx)
	go func() {
		defer close(told)
		select { // nobody needs to know that a job began which is over already
		case <-running.Done():
			return
		case <-time.After(worthTelling):
		}
		_ = e.tell(running, deliver, run.Message{
			JobID: j.id, Fence: j.doc.Fence, Seq: seqStarted, Kind: run.MessageStarted, At: j.files.time(file, e.o.Now),
		}) // an error means that the job is over, or that the next Run tells it again
	}()
	return func() {
		cancel()
		<-told
	}
}

// end writes down how a job ended, unless it did so itself, and tells it.
// problem is for a job that left no result.
func (e *Engine) end(ctx context.Context, j *job, problem *run.Problem, deliver deliverer) {
	log := zerolog.Ctx(ctx).With().Str("job", j.id).Logger()
	result, stored := j.files.result(), true
	if result == nil && j.doc.Command.Traits().Changes && j.files.has(runner.ClaimFile) {
		stored = e.recoverJob(ctx, j)
		if ctx.Err() != nil {
			return
		}
		result = j.files.result()
	}
	if result == nil && !j.doc.Command.Traits().Changes {
		if err := j.files.tidy(); err != nil { // what it wrote may be what there is no room for
			log.Error().Err(err).Msg("tidying up after a job")
		}
	}
	if result == nil {
		result = e.conclude(ctx, j, problem)
	}
	j.explain(result)
	err := e.tell(ctx, deliver, run.Message{
		JobID: j.id, Fence: j.doc.Fence, Seq: seqFinished, Kind: run.MessageFinished,
		At: j.files.time(runner.ResultFile, e.o.Now), Result: result,
	})
	if err != nil {
		return // ctx ended; the next Run tells it again
	}
	if err := j.files.delivered(); err != nil {
		log.Error().Err(err).Msg("noting that a message was delivered")
	}
	if stored { // else what is there may be all that is known of an apply
		if err := errors.Join(e.unview(j), j.files.tidy()); err != nil {
			log.Error().Err(err).Msg("tidying up after a job")
		}
	}
	if err := jail.RemoveCgroup(e.cgroup(j.id)); err != nil {
		log.Error().Err(err).Msg("tidying up after a job")
	}
	e.mu.Lock()
	e.give(j)
	delete(e.jobs, j.id)
	e.mu.Unlock()
}

// conclude writes down how a job ended that did not do so itself.
func (e *Engine) conclude(ctx context.Context, j *job, problem *run.Problem) *run.Result {
	result := &run.Result{Outcome: run.OutcomeFailed, Problem: problem}
	switch problem.Code {
	case "cancelled":
		result.Outcome = run.OutcomeCancelled
	case "interrupted":
		result.Began = e.mayHaveBegun(ctx, j)
		result.Problem = runner.Interrupted(result.Began)
	}
	if err := j.files.conclude(*result); err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("job", j.id).Msg("writing the result of a job")
	}
	return result
}

// mayHaveBegun reports whether an apply may have changed something.
func (e *Engine) mayHaveBegun(ctx context.Context, j *job) bool {
	store, err := artifact.OpenDir(e.o.Artifacts)
	if err == nil {
		defer func() { _ = store.Close() }()
		var began bool
		if began, err = runner.MayHaveBegun(ctx, store, j.doc); err == nil {
			return began
		}
	}
	zerolog.Ctx(ctx).Error().Err(err).Str("job", j.id).Msg("looking how far a job came")
	return true
}

// cancelledBefore is the problem of a job that was cancelled in the queue.
func cancelledBefore(doc run.JobDocument) *run.Problem {
	next := "Comment `/plan` to plan again."
	if doc.Command.Traits().Changes {
		next = "Nothing was changed. Comment `/plan`, then `/apply`."
	}
	return &run.Problem{Code: "cancelled", Message: "Cancelled before it began. " + next}
}

var errNotBegun = errors.New("the runner ended before it began the job")

// lost is the problem of a job whose processes are gone without a result.
func (e *Engine) lost(j *job) *run.Problem {
	switch {
	case j.ended.Load() != nil && !j.doc.Command.Traits().Changes:
		shares := e.o.Directories != nil && len(e.o.Directories(j.doc.Environment).Write) > 0
		return noRoom(*j.ended.Load(), shares)
	case j.files.has(runner.ClaimFile) && j.doc.Command.Traits().Changes:
		return runner.Interrupted(true) // conclude finds out
	case j.files.has(runner.ClaimFile):
		return &run.Problem{Code: "job_lost", Message: "The job ended without saying how, because its process was killed or the server restarted. It is not known how far it came, and it was not repeated. A plan changes nothing: comment `/plan` to plan again."}
	case j.isCancelled():
		return cancelledBefore(j.doc)
	}
	p := problemOf("runner_failed", errNotBegun)
	if content, err := os.ReadFile(j.files.path(runner.OutputFile)); err == nil && len(content) > 0 {
		p.Detail = string(content[:min(len(content), 4<<10)])
	}
	return p
}
