package local

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Short tells the engine that the disk has become short of room, or has room
// again. As long as it is short no job begins, and with each call one more is
// ended, the one that takes the most first, until the disk is not short any more:
// a plan at once, with everything that it wrote; what changes infrastructure is
// requested to, so that it saves its state.
func (e *Engine) Short(ctx context.Context, short bool) {
	e.mu.Lock()
	e.short = short
	running := e.running()
	e.mu.Unlock()
	if !short {
		e.wake.Give()
		return
	}
	e.sweepSources(ctx, 0, 0)
	if j := nextToEnd(running); j != nil {
		j.makeRoom(ctx, noRoomSays)
	}
}

// running are the jobs that may have a process. e.mu is held.
func (e *Engine) running() (out []*job) {
	for _, j := range e.jobs {
		if j.stage == stageTurn || j.stage == stageWriting {
			out = append(out, j)
		}
	}
	return out
}

// nextToEnd is the job whose files take the most of those that were not requested to
// end; none while a plan is about to give its room back.
func nextToEnd(running []*job) (most *job) {
	top := int64(-1)
	for _, j := range running {
		if j.ended.Load() != nil {
			if !j.doc.Command.Traits().Changes {
				return nil
			}
			continue
		}
		if used := j.diskUse(); used > top {
			most, top = j, used
		}
	}
	return most
}

// makeRoom ends a job. Of a plan the runner is killed, and nothing else: what
// looks after its commands ends them then. A runner that has not said yet who it
// is stays until the next look.
func (j *job) makeRoom(ctx context.Context, why string) {
	if j.doc.Command.Traits().Changes {
		j.ended.Store(&why)
		j.cancel()
	} else {
		j.ended.Store(&why) // before its end can be seen
		if pid := j.files.pid(); pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
			j.ended.Store(nil)
			return
		}
	}
	zerolog.Ctx(ctx).Warn().Str("job", j.id).Str("why", why).Msg("ending a job")
}

// diskUse is what a job takes of the disk, also by files that are open and in no
// directory any more.
func (j *job) diskUse() int64 {
	used := diskUse(string(j.files))
	if pid := j.files.pid(); pid != 0 {
		bytes, files := jail.Nameless(pid)
		used += bytes + int64(files)*leastFile
	}
	return used
}

// leastFile is what a file counts in bytes, however little is in it: it takes one
// of the file system's inodes.
const leastFile = 4096

// diskUse is what the files below a directory take, in bytes. What vanishes
// meanwhile takes nothing; where nobody may look, it is more than anything.
func diskUse(dir string) (used int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			used = math.MaxInt64 / 2
			return fs.SkipAll
		}
		if err != nil {
			return nil // gone
		}
		if info, err := entry.Info(); err == nil {
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				used += max(s.Blocks*512, leastFile)
			}
		}
		return nil
	})
	return used
}

const noRoomSays = "The disk of the server was nearly full, and of all jobs this one took the most of it, so it was ended."

// noRoom is the problem of a plan that was ended for what its files took. shares says that
// its environment shares directories, where what it wrote stays.
func noRoom(why string, shares bool) *run.Problem {
	removed := "What it wrote is removed."
	if shares {
		removed = "What it wrote in its own directory is removed; what it wrote in directories that its environment shares (`directories.write`) stays there."
	}
	return &run.Problem{Code: "disk_full", Message: why + " " + removed + " Comment `/plan` to plan again; when it ends like this again, it has to need less disk, or your Lockkeeper administrator gives it more."}
}

// explain says why what changes infrastructure was ended.
func (j *job) explain(result *run.Result) {
	if why := j.ended.Load(); why != nil && result.Problem != nil && j.doc.Command.Traits().Changes {
		result.Problem.Message = *why + " " + result.Problem.Message
	}
}
