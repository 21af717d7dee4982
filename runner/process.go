package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Bounds in bytes of what one terraform process may write to its output files.
const (
	maxOutput   = 256 << 20
	maxPlanJSON = 200 << 20
)

// watchEvery is how often the sizes of files are looked at while a process
// runs. Limits of the operating system would end the process in the middle of a
// write, and would count downloads of providers, too.
const watchEvery = 250 * time.Millisecond

// terraform runs one terraform command for the project and waits for it. Output
// goes to files: a process that prints must not depend on somebody who reads. When ctx
// ends it is interrupted, given the grace time, and killed.
func (j *job) terraform(ctx context.Context, step string, args ...string) *run.Problem {
	if p := ended(ctx); p != nil {
		return p
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	if p := j.confine(ctx); p != nil {
		return p
	}
	j.before = [2]int64{j.size(printedFile), j.size(errorsFile)}
	began := time.Now()
	live, watched := j.liveOf(step), make(chan struct{})
	go func() {
		defer close(watched)
		j.watch(ctx, step, live, cancel)
	}()
	exit, err := j.jail.Run(ctx, j.command(step, args))
	cause := ended(ctx)
	j.killed = j.killed || exit.Killed
	cancel(nil)
	<-watched
	_ = live.end() // what nobody could read meanwhile is in the output
	if err != nil && !errors.Is(err, jail.ErrGone) {
		if cause != nil { // it did not run, and would not have to
			return cause
		}
		return unexpected(fmt.Errorf("starting %s: %w", j.options.TerraformName, err))
	}
	j.steps = append(j.steps, run.StepTime{Name: step, Milliseconds: time.Since(began).Milliseconds()})
	j.wrote[step] = [2]part{
		{printedFile, j.before[0], j.size(printedFile)},
		{errorsFile, j.before[1], j.size(errorsFile)},
	}
	if err != nil {
		exit.Signal = int(syscall.SIGKILL)
	}
	if step == "apply" && exit.Success() {
		return nil // everything was done, however late the wish to end came
	}
	return j.outcome(step, exit, cause)
}

// seen is the name under which terraform sees a directory of the job.
func (j *job) seen(dir string) string {
	if rel, ok := strings.CutPrefix(dir, j.options.Dir); ok && j.options.View != "" {
		return j.options.View + rel
	}
	return dir
}

// command is one terraform command.
func (j *job) command(step string, args []string) jail.Command {
	c := jail.Command{
		Args: append([]string{j.options.Terraform}, args...), Dir: j.seen(j.dir), Grace: j.options.Grace,
		Last: step == "apply", // what it has begun to change it ends
	}
	// Go programs and shells take the name from PWD when the directory has several.
	c.Env = slices.Concat(j.env, []string{"PWD=" + c.Dir}, j.workspace(step))
	if n := j.threads(step); n > 0 {
		c.Env = append(c.Env, "GOMAXPROCS="+strconv.Itoa(n))
	}
	return c
}

// threads is how many threads a step computes with, 0 for as many as there are
// processors. All but plan and apply do one thing after the other: more threads
// only cost processor time that another job needs.
func (j *job) threads(step string) int {
	if step == "plan" || step == "apply" {
		return j.options.Threads
	}
	return 1
}

// The files that hold what terraform prints. All steps share them: making and
// removing files is a good part of what a job costs (docs/adr/0009).
const (
	printedFile = "terraform.out"
	errorsFile  = "terraform.err"
)

// part is what one step wrote to one of the files: the bytes from, up to to.
type part struct {
	file     string
	from, to int64
}

// outcome says what the end of a process means.
func (j *job) outcome(step string, exit jail.Exit, cause *run.Problem) *run.Problem {
	if p := j.tooLarge(step); p != nil {
		return p
	}
	if exit.Success() {
		return nil
	}
	if cause != nil {
		return cause
	}
	if p := j.limitBroken(exit, j.detail(step)); p != nil {
		return p
	}
	if exit.Signal != 0 {
		return stepKilled(step, syscall.Signal(exit.Signal), j.detail(step))
	}
	return stepFailed(step, j.options.TerraformName, j.detail(step))
}

// ended is why the job has to end, nil as long as it has not.
func ended(ctx context.Context) *run.Problem {
	if ctx.Err() == nil {
		return nil
	}
	var p *run.Problem
	if errors.As(context.Cause(ctx), &p) {
		return p
	}
	return cancelled()
}

// watch ends a process that writes too much, and shows what it prints.
func (j *job) watch(ctx context.Context, step string, live *live, end context.CancelCauseFunc) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	disk := j.watchDisk()
	for looks := 1; ; looks++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p := j.tooLarge(step)
			if p == nil {
				p = disk.broken(j)
			}
			if p != nil {
				end(p)
				return
			}
			if looks%liveEvery == 0 {
				_ = live.pass() // the output will have it all
			}
		}
	}
}

// tooLarge tells which limit the files of a step exceed, if any.
func (j *job) tooLarge(step string) *run.Problem {
	printed := j.size(printedFile) - j.before[0]
	if step == "show" && printed > maxPlanJSON {
		return planTooLarge(maxPlanJSON)
	}
	if step == "plan" && j.size(madePlan) > j.doc.Limits.PlanBytes {
		return planTooLarge(j.doc.Limits.PlanBytes)
	}
	if printed+j.size(errorsFile)-j.before[1] > maxOutput {
		return outputTooLarge(maxOutput)
	}
	return nil
}

// size of a file of the job, in bytes; 0 when it is not there.
func (j *job) size(name string) int64 {
	info, err := os.Stat(j.path(name))
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return 0
	}
	return info.Size()
}
