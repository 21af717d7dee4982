package local

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// lookEvery is how often Drain looks whether jobs have ended.
const lookEvery = 50 * time.Millisecond

const stoppedSays = "The server had to stop, and had waited for this as long as its config says (`drain`)."

// Drain makes room for the end of this machine, or of the container: from now on no
// job begins, those that run and change nothing are ended and handed back, for the
// next Run to make again, and those that change something are waited for. When ctx is
// done, these are interrupted, with the time that a cancelled one gets, and that is
// waited for, too. Run goes on meanwhile and delivers how jobs end.
//
// Where processes outlive the server nobody needs it: the next Run finds them.
func (e *Engine) Drain(ctx context.Context) {
	e.mu.Lock()
	e.draining = true
	e.mu.Unlock()
	left := ctx.Done()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		jobs := e.withProcess()
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			if !j.doc.Command.Traits().Changes && !j.isCancelled() {
				j.handed.Store(true)
				j.kill() // again, too: a runner may not have said yet who it is
			}
		}
		select {
		case <-look.C:
		case <-left:
			left = nil
			for _, j := range jobs {
				if j.doc.Command.Traits().Changes {
					why := stoppedSays
					j.ended.Store(&why) // before its end can be seen
					j.cancel()
				}
			}
		}
	}
}

// withProcess are the jobs that have one, or had until a moment ago.
func (e *Engine) withProcess() (jobs []*job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.jobs {
		if j.stage == stageTurn || j.stage == stageWriting {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// handBack makes of a job that was ended one that never began. It reports whether it
// did: one that left a result has ended.
func (j *job) handBack(ctx context.Context) bool {
	if !j.handed.Load() || j.files.result() != nil || j.doc.Command == run.KindApproval {
		return false
	}
	err := j.files.tidy()
	for _, name := range []string{runner.OutputFile, runner.ClaimFile} { // the claim last: without it the job is new
		if e := os.Remove(j.files.path(name)); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("job", j.id).Msg("handing a job back")
		return false
	}
	zerolog.Ctx(ctx).Info().Str("job", j.id).Str("project", j.doc.Project.Name).Msg("handed a job back: the next start makes it again")
	return true
}
