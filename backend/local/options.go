package local

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Options configure an Engine. Dir, Artifacts, Executable and Terraform are
// needed; everything else has a default.
type Options struct {
	Dir        string   // directory of the jobs; one Engine at a time works on it
	Artifacts  string   // directory of artifacts, opened with artifact.OpenDir by the runner
	Executable []string // command that runs runner.Main with the arguments that follow, such as "/usr/bin/lockkeeper", "runner"
	Terraform  Binaries
	Keys       artifact.Keys // encrypt what jobs leave

	// Secrets resolves the secrets of an environment for one kind of run, as
	// environment variables of terraform. An error fails the job with its text.
	// nil means none.
	Secrets func(context.Context, run.JobEnvironment, run.Kind) (map[string]string, error)

	// Directories are those that an environment gives to its jobs. nil means none.
	Directories func(run.JobEnvironment) Directories

	Parallel   int           // jobs that have a terraform process at once; default: the number of processors
	Grace      time.Duration // between interrupt and kill; default runner.DefaultGrace
	ApplyGrace time.Duration // the same for what changes infrastructure; default runner.DefaultApplyGrace
	Keep       time.Duration // how long ended jobs are remembered, so that a second Start of one does nothing; default 7 days
	Providers  string        // directory of provider packages that jobs share; default Dir/.providers
	CLIConfig  string        // terraform's CLI configuration; default: written for each job
	Evaluator  string        // path of lockkeeper-evaluator; without it a plan that rules have to judge fails
	Isolation  jail.Mode     // what happens where what a job runs cannot be kept apart; the zero value is jail.Required
	Users      jail.Users    // user ids for jobs of a server that is root; zero is the default
	Cgroup     string        // directory of the control group in which each job has one of its own (jail.UseCgroup); empty where jobs are only watched
	Limits     jail.Limits   // of each job; zero is the default of each
	Disk       int64         // bytes that a job may have on the disk; 0 is the runner's default
	Reserve    int64         // bytes of the disk that stay free; 0 is the runner's default
	Pass       []string      // environment variables of this process that terraform gets as they are, such as HTTPS_PROXY
	Now        func() time.Time
}

// Directories are paths outside of a job that what it runs may use, absolute.
type Directories struct{ Read, Write []string }

// Binaries knows the terraform and tofu binaries of this machine.
type Binaries interface {
	// Binary finds the one for a version as in run.JobProject.Terraform. A
	// *run.Problem as error is shown to people.
	Binary(ctx context.Context, wanted string) (toolchain.Binary, error)
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" || o.Artifacts == "" || len(o.Executable) == 0 || o.Terraform == nil {
		return o, errors.New("local engine: Dir, Artifacts, Executable and Terraform are needed")
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.NumCPU()
	}
	if o.Grace <= 0 {
		o.Grace = runner.DefaultGrace
	}
	if o.ApplyGrace <= 0 {
		o.ApplyGrace = runner.DefaultApplyGrace
	}
	if o.Keep <= 0 {
		o.Keep = 7 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Providers == "" {
		o.Providers = filepath.Join(o.Dir, ".providers")
	}
	for _, p := range []*string{&o.Dir, &o.Artifacts, &o.Providers, &o.CLIConfig, &o.Evaluator} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return o, err
		}
		*p = abs
	}
	return o, nil
}
