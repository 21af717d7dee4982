package local

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/runner"
)

// worthTelling is how long a job runs before its beginning is reported. Each
// message is a transaction, and most plans are over by then.
const worthTelling = 500 * time.Millisecond

// Times that the engine gives beyond what the runner should need itself.
const (
	margin     = 30 * time.Second
	afterKill  = 5 * time.Second
	salvageFor = time.Minute
	askAgainIn = 20 * time.Millisecond
)

// wait returns true when the job has ended, false when ctx did. It passes a
// wish to cancel on, and kills what does not end in time.
func (e *Engine) wait(ctx context.Context, j *job, ended <-chan struct{}) bool {
	cancelled := j.cancelled
	deadline := time.NewTimer(e.timeLeft(j))
	defer deadline.Stop()
	var askAgain, kill, giveUp <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ended:
			return true
		case <-giveUp:
			j.killGroup() // a supervisor that hangs
			return true
		case <-cancelled:
			cancelled, kill = nil, time.After(e.grace(j)+margin)
			askAgain = j.interrupt()
		case <-askAgain:
			askAgain = j.interrupt()
		case <-deadline.C:
			j.kill()
			giveUp = time.After(afterKill)
		case <-kill:
			j.kill()
			giveUp = time.After(afterKill)
		}
	}
}

// timeLeft is how long a job may still take before it is killed from outside.
// The runner ends it much earlier, unless the runner itself hangs.
func (e *Engine) timeLeft(j *job) time.Duration {
	limit := time.Duration(j.doc.Limits.Seconds) * time.Second
	if limit <= 0 {
		limit = time.Hour
	}
	return time.Until(j.files.time(runner.ClaimFile, time.Now).Add(limit + e.grace(j) + margin))
}

// grace is how long terraform may take to end after an interrupt.
func (e *Engine) grace(j *job) time.Duration {
	if j.doc.Command.Traits().Changes {
		return e.o.ApplyGrace
	}
	return e.o.Grace
}

// interrupt asks the runner to end, or what a killed runner left: terraform acts
// on SIGINT, and its providers ignore it. It returns nil when that was done, else
// when to try again: the runner may not have said yet who it is.
func (j *job) interrupt() <-chan time.Time {
	pid := j.files.pid()
	if pid == 0 {
		return time.After(askAgainIn)
	}
	if errors.Is(syscall.Kill(pid, syscall.SIGTERM), syscall.ESRCH) {
		_ = syscall.Kill(-pid, syscall.SIGINT) // gone already is as good
	}
	return nil
}

// kill ends every process of the job: the supervisor of its jail, which is in the
// runner's group, kills what is there on SIGTERM, and nobody else could find it all.
func (j *job) kill() {
	if pid := j.files.pid(); pid != 0 {
		_ = syscall.Kill(-pid, syscall.SIGTERM)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (j *job) killGroup() {
	if pid := j.files.pid(); pid != 0 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// recoverJob lets a runner store what a killed one left and write the result. It
// reports whether that was done, or else at least should not be lost.
func (e *Engine) recoverJob(ctx context.Context, j *job) bool {
	ended, problem := e.launch(ctx, j, runner.Options{Recover: true})
	if problem != nil {
		zerolog.Ctx(ctx).Error().Str("job", j.id).Str("problem", problem.Detail).Msg("storing what a job left")
		return false
	}
	timeout := time.NewTimer(salvageFor)
	defer timeout.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
	case <-timeout.C:
		j.killGroup() // it has no jail
	}
	return j.files.result() != nil
}
