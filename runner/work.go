package runner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
	"github.com/lockkeeper/lockkeeper/runner/variables"
)

// Bounds of a job whose document names none.
const (
	defaultSeconds   = 30 * 60
	defaultPlanBytes = 50 << 20
)

// Store is where a job finds its source and its plan and leaves its artifacts;
// artifact.Dir says what the methods promise.
type Store interface {
	Open(ctx context.Context, ref run.Artifact) (io.ReadCloser, error)
	Put(ctx context.Context, key string, r io.Reader) (run.Artifact, error)
	Claim(ctx context.Context, key, by string) error
	Claimant(ctx context.Context, key string) (by string, claimed bool, err error)
}

// job is one job while it runs. Nothing in it is shared between goroutines
// while it changes.
type job struct {
	options     Options
	doc         run.JobDocument
	dir         string // of the project in the source, absolute; known once that is unpacked
	store       Store
	keys        artifact.Keys     // of the store, when it is a directory of this machine
	given       map[string]string // secrets, by the name that terraform knows
	known       []string          // their values, and others that must not be shown
	secrets     *redactor
	masked      bool // secrets has what the plan marks as sensitive, too
	cliConfig   string
	offered     []string          // packages of the shared directory that the job may use, by their names there
	commit      commit            // what the source holds of Terraform
	tree        *os.Root          // the source: nothing that is read in it lies outside; nil before it is laid out
	shared      string            // the directory that is below the job's own of the source; empty for none
	sharing     *os.File          // says that it is used
	initial     initialModules    // what init made of it
	backend     []byte            // backendRecord, as init left it
	planned     [sha256.Size]byte // digest of the plan that was taken
	values      variables.Values  // that the plan must have; not known when there is valuesErr
	valuesErr   error
	settledAt   time.Time       // by the file system's clock, when init had left providers and lock file
	settledLock []byte          // as it was then
	drifted     []string        // what the state in the plan has otherwise than the backend
	gone        []string        // what of that it does not have
	stood       time.Time       // by the file system's clock, when nothing hostile had run yet
	brought     map[string]bool // files that init brought with modules; nil when it brought none
	broughtAt   time.Time       // when that was noted
	made        made            // files that planning made
	env         []string
	alive       *os.File
	turn        *os.File  // nil when nobody waits for the end of the last terraform process
	live        io.Writer // where people may see what a step prints while it runs; nil is nowhere
	steps       []run.StepTime
	before      [2]int64           // how long printedFile and errorsFile were when the present step began
	wrote       map[string][2]part // of each step that ended: in printedFile, in errorsFile
	recalled    bool               // the plan needed no init
	document    []byte             // the plan's JSON, where no terraform show printed it
	planRead    run.PlanRead       // how its JSON came about
	artifacts   map[string]run.Artifact
	counts      *run.Counts
	partial     bool
	keeps       run.Keeping       // of the plan
	policy      *run.PolicyResult // nil when no rules judged
	jail        *jail.Jail        // in which terraform runs; nil before it is needed
	outputs     [2]*os.File       // that it prints to
	missing     []string          // properties that the jail does not hold
	killed      bool              // terraform did not end when it was interrupted
	began       bool              // an apply may have changed something

	diagnostics []run.Diagnostic // of the errors that are reported
}

// path is a file or directory of the job.
func (j *job) path(name string) string { return filepath.Join(j.options.Dir, name) }

// work does the job once and writes its result.
func work(ctx context.Context, o Options) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := jail.Guard(); err != nil {
		return err
	}
	keys, err := inheritedKeys(o.KeysFD) // before anything else could inherit them
	if err != nil {
		return err
	}
	alive, err := stayAlive(o.AliveFD)
	if err != nil {
		return err
	}
	dir, err := artifact.OpenDir(o.Artifacts)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	dir.Keys = keys
	j := newJob(o, dir)
	j.keys = keys
	j.alive, j.turn = alive, turnFile(o.TurnFD)
	if o.Recover {
		return j.recoverJob(ctx)
	}
	if err := claim(o.Dir); err != nil {
		return err
	}
	problem := j.do(ctx)
	result := j.result(problem)
	return j.writeResultAtLast(result)
}

// Do does the job whose document lies in o.Dir once, with sources and artifacts
// in a store of the caller, and returns how it ended. SIGTERM, SIGINT and the end
// of ctx cancel it. An error means that nothing was done.
func Do(ctx context.Context, o Options, s Store) (run.Result, error) {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if err := jail.Guard(); err != nil {
		return run.Result{}, err
	}
	if err := claim(o.Dir); err != nil {
		return run.Result{}, err
	}
	j := newJob(o, s)
	return j.result(j.do(ctx)), nil
}

func newJob(o Options, s Store) *job {
	return &job{options: o, store: s, live: os.Stdout, secrets: newRedactor(nil), wrote: map[string][2]part{}, artifacts: map[string]run.Artifact{}}
}

// untilSignal is a context that ends when the process has to end.
func untilSignal(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	quiet := onSignal(func() { cancel(cancelled()) })
	return ctx, func() {
		quiet()
		cancel(nil)
	}
}

// stayAlive takes over the file whose lock says that the job has a process, and
// writes into it whom to ask to end. Signals must be listened for by now.
func stayAlive(fd int) (*os.File, error) {
	if fd <= 0 {
		return nil, nil
	}
	alive := os.NewFile(uintptr(fd), "alive")
	if alive == nil {
		return nil, fmt.Errorf("-alive-fd=%d is no open file", fd)
	}
	if _, err := alive.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil {
		return nil, fmt.Errorf("noting the process: %w", err)
	}
	return alive, nil
}

// turnFile takes over the file through which giveTurn speaks. Terraform must
// not inherit it.
func turnFile(fd int) *os.File {
	if fd <= 0 {
		return nil
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "turn")
}

// giveTurn tells the engine that no terraform process of this job runs or will
// run, so that the next job starts while this one writes down what it found. The
// end of the file alone would not do: a runner that is killed leaves its
// terraform behind.
func (j *job) giveTurn() {
	if j.turn == nil {
		return
	}
	_, _ = j.turn.Write([]byte{1}) // an engine that is gone needs no turns
	_ = j.turn.Close()
}

// onSignal calls f when the runner has to end, until stop.
func onSignal(f func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case <-signals:
			f()
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// do is the job from the document to the artifacts.
func (j *job) do(ctx context.Context) (problem *run.Problem) {
	defer j.leave()
	defer func() { problem, j.diagnostics = j.located(problem) }()
	if err := j.prepare(); err != nil {
		return problemOf(err)
	}
	if err := j.lay(); err != nil {
		return problemOf(err)
	}

	limit := time.Duration(j.doc.Limits.Seconds) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timedOut(limit))
	defer cancel()
	switch j.doc.Command {
	case run.KindPlan:
		return j.plan(ctx)
	case run.KindApply:
		return j.apply(ctx)
	}
	return unexpected(fmt.Errorf("this runner does not know the command %q", j.doc.Command))
}

// prepare reads what the job is.
func (j *job) prepare() error {
	doc, err := readDocument(j.options.Dir)
	if err != nil {
		return err
	}
	j.doc = doc
	if j.doc.Command.Traits().Changes {
		if err := keepClaim(j.options.Dir); err != nil {
			return err
		}
	}
	if j.doc.Limits.Seconds <= 0 {
		j.doc.Limits.Seconds = defaultSeconds
	}
	if j.doc.Limits.PlanBytes <= 0 {
		j.doc.Limits.PlanBytes = defaultPlanBytes
	}
	var problem *run.Problem
	if j.given, j.known, problem = secretsIn(os.Environ()); problem != nil {
		return problem
	}
	j.secrets = newRedactor(j.known)
	return nil
}

// lay makes the directories of the job.
func (j *job) lay() error {
	for _, dir := range []string{"home", "source"} {
		if err := os.Mkdir(j.path(dir), 0o700); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chmod(j.options.Dir, 0o711) // the user of the jail comes through, and finds what it has
}

// problemOf makes any error one that can be reported.
func problemOf(err error) *run.Problem {
	var p *run.Problem
	if errors.As(err, &p) {
		return p
	}
	return unexpected(err)
}

func (j *job) result(problem *run.Problem) run.Result {
	r := run.Result{
		Diagnostics: j.diagnostics,
		Outcome:     run.OutcomeSucceeded, Problem: problem, Counts: j.counts, Partial: j.partial, Policy: j.policy, Keeping: j.keeps, BackendHash: j.backendHash(), PlanRead: j.planRead,
		Artifacts: j.artifacts, Terraform: j.options.TerraformName, Steps: j.steps, Began: j.began,
	}
	if mode := j.options.Isolation; j.jail != nil && (mode == jail.BestEffort || mode == jail.Off) {
		r.Isolation, r.Missing = string(mode), j.missing
	}
	if problem == nil {
		r.Made = j.made.result(j.redact)
	}
	if problem != nil {
		r.Outcome = run.OutcomeFailed
		if problem.Code == "cancelled" || problem.Code == "withdrawn" {
			r.Outcome = run.OutcomeCancelled
		}
		// A plan that is not a success must not look as if it could be applied.
		r.Counts, r.Policy, r.Keeping, r.BackendHash = nil, nil, "", ""
		delete(r.Artifacts, run.ArtifactPlan)
		delete(r.Artifacts, run.ArtifactMade)
		delete(r.Artifacts, run.ArtifactSummary)
	}
	return r
}

// key is where an artifact of this job is stored. Where the engine does not say
// otherwise all jobs of a run share a directory: a new one is one more thing to
// flush.
func (j *job) key(name string) string {
	if j.options.Prefix != "" {
		return path.Join(j.options.Prefix, j.doc.JobID+"."+name)
	}
	return key(j.doc.RunID, j.doc.JobID, name)
}

// isOf reports whether a job stored an artifact under a name. What begins its key
// is then known to the engine, which wrote the document.
func (j *job) isOf(jobID string, a run.Artifact, name string) bool {
	if j.options.Prefix != "" {
		return path.Base(a.Key) == jobID+"."+name
	}
	return a.Key == key(run.RunOfJob(jobID), jobID, name)
}

func key(runID, jobID, name string) string { return path.Join("runs", runID, jobID+"."+name) }

// putting stores one artifact under a key.
type putting func(ctx context.Context, key string) (run.Artifact, error)

// putAll stores artifacts side by side: each waits for the disk.
func (j *job) putAll(ctx context.Context, put map[string]putting) error {
	names := slices.Sorted(maps.Keys(put))
	refs := make([]run.Artifact, len(names))
	g, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		g.Go(func() (err error) {
			refs[i], err = put[name](ctx, j.key(name))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, name := range names {
		j.artifacts[name] = refs[i]
	}
	return nil
}
