package local

import (
	"context"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// Short tells the engine that the disk has become short of room, or has room
// again. As long as it is short no job begins, and with each call one more is
// ended, the one that takes the most first, until the disk is not short any more:
// a plan at once, with everything that it wrote; what changes infrastructure is
// asked to, so that it saves its state.
func (e *Engine) Short(ctx context.Context, short bool) {
	e.mu.Lock()
	e.short = short
	var running []*job
	for _, j := range e.jobs {
		if j.stage == stageTurn || j.stage == stageWriting {
			running = append(running, j)
		}
	}
	e.mu.Unlock()
	if !short {
		e.awake()
		return
	}
	j := nextToEnd(running)
	if j == nil || !j.makeRoom() {
		return
	}
	j.noRoom.Store(true)
	zerolog.Ctx(ctx).Warn().Str("job", j.id).Msg("ending a job, because the disk is short of room")
}

// nextToEnd is the job whose files take the most of those that were not told to
// end; none while a plan is about to give its room back.
func nextToEnd(running []*job) (most *job) {
	top := int64(-1)
	for _, j := range running {
		if j.noRoom.Load() {
			if !j.doc.Command.Mutating() {
				return nil
			}
			continue
		}
		if used := diskUse(string(j.files)); used > top {
			most, top = j, used
		}
	}
	return most
}

// makeRoom ends a job. Of a plan the runner is killed, and nothing else: what
// looks after its commands ends them then. It reports false when the runner has
// not said yet who it is.
func (j *job) makeRoom() bool {
	if j.doc.Command.Mutating() {
		j.ask()
		return true
	}
	pid := j.files.pid()
	return pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil
}

// diskUse is what the files below a directory take, in bytes. What vanishes
// meanwhile takes nothing.
func diskUse(dir string) (used int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it is gone, or nobody can look into it
		}
		if info, err := entry.Info(); err == nil {
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				used += s.Blocks * 512
			}
		}
		return nil
	})
	return used
}

const noRoomSays = "The disk of the server was nearly full, and of all jobs this one took the most of it, so it was ended."

// noRoom is the problem of a plan that was ended because the disk was short of
// room.
func noRoom() *run.Problem {
	return &run.Problem{Code: "disk_full", Message: noRoomSays + " What it wrote is removed. Comment `/plan` to plan again; when it ends like this again, it needs less disk, or the server more."}
}

// explain says why what changes infrastructure was asked to end.
func (j *job) explain(result *run.Result) {
	if j.noRoom.Load() && result.Problem != nil && j.doc.Command.Mutating() {
		result.Problem.Message = noRoomSays + " " + result.Problem.Message
	}
}
