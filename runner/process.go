package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
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

	cmd := j.command(ctx, step, args)
	files, err := j.outputs()
	if err != nil {
		return unexpected(err)
	}
	defer func() { _ = errors.Join(files[0].Close(), files[1].Close()) }()
	cmd.Stdout, cmd.Stderr = files[0], files[1]

	began := time.Now()
	if err := cmd.Start(); err != nil {
		return unexpected(fmt.Errorf("starting %s: %w", j.options.TerraformName, err))
	}
	live, watched := j.liveOf(step), make(chan struct{})
	go func() {
		defer close(watched)
		j.watch(ctx, step, live, cancel)
	}()
	err = cmd.Wait()
	cause := ended(ctx)
	j.forced = j.forced || cause != nil
	if cause != nil && signalOf(cmd.ProcessState) == syscall.SIGKILL {
		j.killed = true
	}
	cancel(nil)
	<-watched
	_ = live.end() // what nobody could read meanwhile is in the output
	j.steps = append(j.steps, run.StepTime{Name: step, Milliseconds: time.Since(began).Milliseconds()})
	j.wrote[step] = [2]part{
		{printedFile, j.before[0], j.size(printedFile)},
		{errorsFile, j.before[1], j.size(errorsFile)},
	}
	if step == "apply" && cmd.ProcessState.Success() {
		return nil // everything was done, however late the wish to end came
	}
	return j.outcome(step, err, cause)
}

// seen is the name under which terraform sees a directory of the job.
func (j *job) seen(dir string) string {
	if rel, ok := strings.CutPrefix(dir, j.options.Dir); ok && j.options.View != "" {
		return j.options.View + rel
	}
	return dir
}

// command is one terraform command, without its output.
func (j *job) command(ctx context.Context, step string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, j.options.Terraform, args...)
	cmd.Dir = j.seen(j.dir)
	// Go programs and shells take the name from PWD when the directory has several.
	cmd.Env = append(slices.Clone(j.env), "PWD="+cmd.Dir)
	if n := j.threads(step); n > 0 {
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(n))
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = j.options.Grace
	if j.alive != nil {
		cmd.ExtraFiles = []*os.File{j.alive}
	}
	return cmd
}

// signalOf is the signal that ended a process, 0 when it ended by itself.
func signalOf(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
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

// outputs opens the files for what a step prints, and notes where that begins.
func (j *job) outputs() (files [2]*os.File, err error) {
	for i, name := range []string{printedFile, errorsFile} {
		j.before[i] = j.size(name)
		files[i], err = os.OpenFile(j.path(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return files, fmt.Errorf("making an output file: %w", err)
		}
	}
	return files, nil
}

// outcome says what the end of a process means.
func (j *job) outcome(step string, err error, cause *run.Problem) *run.Problem {
	if p := j.tooLarge(step); p != nil {
		return p
	}
	if err == nil {
		return nil
	}
	if cause != nil {
		return cause
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return unexpected(fmt.Errorf("running %s: %w", step, err))
	}
	if signal := signalOf(exit.ProcessState); signal != 0 {
		return stepKilled(step, signal, j.detail(step))
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
	for looks := 1; ; looks++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if p := j.tooLarge(step); p != nil {
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
