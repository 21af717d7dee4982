package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// begin starts a job from the queue and follows it to its end.
func (e *Engine) begin(ctx context.Context, j *job, deliver deliverer) {
	if j.doc.Command == run.KindApproval {
		e.await(ctx, j, deliver)
		return
	}
	if j.isCancelled() {
		e.reach(j, stageOver)
		e.end(ctx, j, cancelledBefore(j.doc), deliver)
		return
	}
	ended, problem := e.launch(ctx, j, runner.Options{})
	if problem != nil {
		e.reach(j, stageOver)
		if ctx.Err() == nil { // else the next Run starts it
			e.end(ctx, j, problem, deliver)
		}
		return
	}
	e.follow(ctx, j, ended, deliver)
}

// resume goes on with a job that began before this Run.
func (e *Engine) resume(ctx context.Context, j *job, deliver deliverer) {
	if !j.files.has(runner.ClaimFile) && j.files.has(runner.ResultFile) {
		e.reach(j, stageOver) // it never ran: cancelled in the queue, or impossible to start
		e.end(ctx, j, e.lost(j), deliver)
		return
	}
	ended, err := j.files.gone()
	if err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("job", j.id).Msg("waiting for a job")
		e.reach(j, stageOver)
		return
	}
	e.follow(ctx, j, ended, deliver)
}

// follow tells that a job began, waits for its end, and tells that.
func (e *Engine) follow(ctx context.Context, j *job, ended <-chan struct{}, deliver deliverer) {
	stop := e.tellStarted(ctx, j, runner.ClaimFile, deliver)
	gone := e.wait(ctx, j, ended)
	if gone && j.files.result() == nil {
		// The runner is gone. What it started may still run.
		if everything, err := j.files.gone(); err == nil {
			gone = e.wait(ctx, j, everything)
		}
	}
	if gone { // else only this Run ends, and the job keeps its turn
		e.reach(j, stageOver)
	}
	stop()
	if gone && !j.handBack(ctx) {
		e.end(ctx, j, e.lost(j), deliver)
	}
}

// launch starts the runner of a job. The returned channel is closed when that
// process has ended. A problem means that none was started.
func (e *Engine) launch(ctx context.Context, j *job, o runner.Options) (<-chan struct{}, *run.Problem) {
	binary, err := e.o.Terraform.Binary(ctx, j.doc.Project.Terraform)
	if err != nil {
		return nil, problemOf("terraform_missing", err)
	}
	env, err := e.environment(ctx, j.doc)
	if err != nil {
		return nil, problemOf("secrets_unavailable", err)
	}
	if o.View, err = e.view(j); err != nil {
		return nil, problemOf("runner_failed", err)
	}
	alive, free, err := j.files.lockFree()
	if err != nil {
		return nil, problemOf("runner_failed", err)
	}
	if !free {
		gone, err := j.files.gone()
		if err != nil {
			return nil, problemOf("runner_failed", err)
		}
		return gone, nil
	}
	// The runner inherits the lock, so there is no moment in which a job has a
	// process and is not locked.
	defer func() { _ = alive.Close() }()
	if err := alive.Truncate(0); err != nil { // a runner that died before it claimed
		return nil, problemOf("runner_failed", err)
	}
	log, err := os.OpenFile(j.files.path(runner.OutputFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, problemOf("runner_failed", err)
	}
	defer func() { _ = log.Close() }()
	said, says, err := os.Pipe()
	if err != nil {
		return nil, problemOf("runner_failed", err)
	}
	defer func() { _ = says.Close() }()
	keys, err := e.keysFor(j)
	if err != nil {
		_ = said.Close()
		return nil, problemOf("runner_failed", err)
	}
	defer func() { _ = keys.Close() }()

	cmd := e.command(j, o, binary, alive, says, keys)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	if err := cmd.Start(); err != nil {
		_ = said.Close()
		return nil, problemOf("runner_failed", err)
	}
	go e.nextTurn(j, said)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it left behind says how it ended
	}()
	return ended, nil
}

// command is the runner of a job. alive, says and keys are the files that it
// inherits; keys may be nil.
func (e *Engine) command(j *job, o runner.Options, binary toolchain.Binary, alive, says, keys *os.File) *exec.Cmd {
	const inherited = 3 // the first of ExtraFiles
	o.Dir, o.Artifacts = string(j.files), e.o.Artifacts
	o.Terraform, o.TerraformName = binary.Path, binary.String()
	o.Providers, o.CLIConfig, o.Pass, o.Evaluator = e.o.Providers, e.o.CLIConfig, e.o.Pass, e.o.Evaluator
	o.Isolation, o.Users, o.Limits, o.Cgroup = e.o.Isolation, e.o.Users, e.o.Limits, e.cgroup(j.id)
	o.Disk, o.DiskReserve = e.o.Disk, e.o.Reserve
	if e.offer.Over {
		o.Sources = e.sources()
	}
	if e.o.Directories != nil {
		given := e.o.Directories(j.doc.Environment)
		o.Read, o.Write = given.Read, given.Write
	}
	o.Grace, o.Threads = e.grace(j), e.threads()
	o.AliveFD, o.TurnFD = inherited, inherited+1
	files := []*os.File{alive, says}
	if keys != nil {
		o.KeysFD = inherited + len(files)
		files = append(files, keys)
	}
	command := append(slices.Clone(e.o.Executable), o.Args()...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = string(j.files)
	cmd.ExtraFiles = files
	// A session of its own: signals for the server's group do not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// threads is how many threads the next terraform may compute with: one when
// there is a job for every processor, else as many as it likes.
func (e *Engine) threads() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if turns, _ := e.count(); turns+len(e.queue) >= runtime.NumCPU() {
		return 1
	}
	return 0
}

// nextTurn gives the turn of a job away when its runner says that it starts no
// more terraform: writing down what was found takes about as long as the next
// job needs to begin. A runner that ends without a word gives nothing away, as
// its terraform may still run: follow finds out. The wait ends with the runner.
func (e *Engine) nextTurn(j *job, said *os.File) {
	n, _ := said.Read(make([]byte, 1))
	_ = said.Close()
	if n == 1 {
		e.reach(j, stageWriting)
	}
}

// environment is that of the runner: what terraform may have of this process,
// and the job's secrets. The runner waits most of the time, so it gets one
// thread for Go code: that saves a tenth of its processor time.
func (e *Engine) environment(ctx context.Context, doc run.JobDocument) ([]string, error) {
	env := []string{"GOMAXPROCS=1"}
	for _, name := range append([]string{"PATH"}, e.o.Pass...) {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if e.o.Secrets == nil {
		return env, nil
	}
	secrets, err := e.o.Secrets(ctx, doc.Environment, doc.Command)
	if err != nil {
		return nil, err
	}
	for name, v := range secrets {
		if err := runner.CheckSecretName(name); err != nil {
			return nil, err
		}
		env = append(env, runner.SecretPrefix+name+"="+v)
	}
	if doc.Plan == nil {
		return env, nil
	}
	// They are in the plan, so the apply may print them.
	if secrets, err = e.o.Secrets(ctx, doc.Environment, run.KindPlan); err != nil {
		return nil, err
	}
	for name, v := range secrets {
		env = append(env, runner.MaskPrefix+name+"="+v)
	}
	return env, nil
}

// problemOf tells an error; one that is a problem already stays as it is.
func problemOf(code string, err error) *run.Problem {
	var p *run.Problem
	if errors.As(err, &p) {
		return p
	}
	sentences := map[string]string{
		"terraform_missing":   "The server has no Terraform for this project, so nothing ran. Contact your Lockkeeper administrator.",
		"secrets_unavailable": "The server could not get the secrets of this environment, so nothing ran. Comment `/plan` to try again; when it fails again, contact your Lockkeeper administrator.",
		"runner_failed":       "The server could not run the job. Comment `/plan` to try again; when it fails again, contact your Lockkeeper administrator.",
	}
	return &run.Problem{Code: code, Message: sentences[code], Detail: fmt.Sprint(err)}
}
