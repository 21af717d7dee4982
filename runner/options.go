package runner

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The files in a job's directory that runner and engine share.
const (
	DocumentFile = "job.json"    // the job document; written by the engine before it starts a runner
	ClaimFile    = "claimed"     // made by the runner before anything else: this job has begun and never begins again
	ResultFile   = "result.json" // a run.Result; written by the runner as its last act, complete or not at all
	OutputFile   = "runner.log"  // what the runner process itself prints
)

// SecretPrefix begins the names of environment variables that hold the job's
// secrets: LOCKKEEPER_SECRET_TF_VAR_token becomes TF_VAR_token of terraform.
const SecretPrefix = "LOCKKEEPER_SECRET_"

// MaskPrefix begins the names of environment variables whose values terraform
// does not get but might print, because they were secrets of the plan.
const MaskPrefix = "LOCKKEEPER_MASK_"

// How long terraform may take to end after an interrupt before it is killed. An
// apply that is interrupted first waits for the changes that are under way, and
// then writes the state.
const (
	DefaultGrace      = 30 * time.Second
	DefaultApplyGrace = 10 * time.Minute
)

// Options is what an engine decides about a runner process. None of it is
// secret: it is visible in the process list.
type Options struct {
	Dir           string        // the job's directory, absolute; holds DocumentFile
	View          string        // another name of Dir, absolute, under which terraform sees it; the same for a plan and its apply. Empty is Dir
	Artifacts     string        // directory of artifacts, absolute
	Terraform     string        // the binary for this job, absolute, already checked
	TerraformName string        // what people call it, such as "Terraform 1.11.4"
	Providers     string        // directory of provider packages shared by all jobs of this machine, absolute; empty for none
	CLIConfig     string        // terraform's CLI configuration, absolute; empty for one that Lockkeeper writes. With it Providers is not used
	Pass          []string      // names of environment variables of the runner that terraform gets as they are
	Grace         time.Duration // 0 is DefaultGrace
	AliveFD       int           // open file that terraform inherits, so that its lock lasts as long as any process of the job; 0 for none
	Threads       int           // threads that terraform computes with; 0 lets it use every processor
	Salvage       bool          // the job's runner was killed: store what it left and write the result, do nothing else
	TurnFD        int           // open file to which the runner writes a byte when it starts no more terraform; 0 for none
	KeysFD        int           // open file with the text of artifact.Keys, which the runner reads to its end and closes; 0 for none
	Evaluator     string        // lockkeeper-evaluator, absolute; empty when there is none, and then a plan that rules have to judge fails
}

// Args are the command line arguments that Main understands as these options.
func (o Options) Args() []string {
	args := []string{
		"-dir=" + o.Dir, "-artifacts=" + o.Artifacts,
		"-terraform=" + o.Terraform, "-terraform-name=" + o.TerraformName,
	}
	if o.View != "" {
		args = append(args, "-view="+o.View)
	}
	if o.Providers != "" {
		args = append(args, "-providers="+o.Providers)
	}
	if o.CLIConfig != "" {
		args = append(args, "-cli-config="+o.CLIConfig)
	}
	if len(o.Pass) > 0 {
		args = append(args, "-pass="+strings.Join(o.Pass, ","))
	}
	if o.Grace != 0 {
		args = append(args, "-grace="+o.Grace.String())
	}
	if o.AliveFD != 0 {
		args = append(args, "-alive-fd="+strconv.Itoa(o.AliveFD))
	}
	if o.Threads != 0 {
		args = append(args, "-threads="+strconv.Itoa(o.Threads))
	}
	if o.TurnFD != 0 {
		args = append(args, "-turn-fd="+strconv.Itoa(o.TurnFD))
	}
	if o.KeysFD != 0 {
		args = append(args, "-keys-fd="+strconv.Itoa(o.KeysFD))
	}
	if o.Salvage {
		args = append(args, "-salvage")
	}
	if o.Evaluator != "" {
		args = append(args, "-evaluator="+o.Evaluator)
	}
	return args
}

// parseOptions is the inverse of Args.
func parseOptions(args []string) (Options, error) {
	o := Options{Grace: DefaultGrace}
	var pass string
	flags := flag.NewFlagSet("runner", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.Dir, "dir", "", "the job's directory")
	flags.StringVar(&o.View, "view", "", "the name under which terraform sees that directory")
	flags.StringVar(&o.Artifacts, "artifacts", "", "directory of artifacts")
	flags.StringVar(&o.Terraform, "terraform", "", "terraform binary")
	flags.StringVar(&o.TerraformName, "terraform-name", "", "its name and version")
	flags.StringVar(&o.Providers, "providers", "", "directory of shared provider packages")
	flags.StringVar(&o.CLIConfig, "cli-config", "", "terraform CLI configuration")
	flags.StringVar(&pass, "pass", "", "environment variables to pass on, separated by commas")
	flags.DurationVar(&o.Grace, "grace", DefaultGrace, "time between interrupt and kill")
	flags.IntVar(&o.Threads, "threads", 0, "threads of terraform")
	flags.IntVar(&o.TurnFD, "turn-fd", 0, "open file to write a byte to after the last terraform process")
	flags.IntVar(&o.KeysFD, "keys-fd", 0, "open file with the keys of artifacts")
	flags.BoolVar(&o.Salvage, "salvage", false, "store what a killed runner left")
	flags.StringVar(&o.Evaluator, "evaluator", "", "what judges plans by rules")
	flags.IntVar(&o.AliveFD, "alive-fd", 0, "open file that terraform inherits")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if pass != "" {
		o.Pass = strings.Split(pass, ",")
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, o.check()
}

func (o Options) check() error {
	var wrong []error
	for name, path := range map[string]string{"dir": o.Dir, "artifacts": o.Artifacts, "terraform": o.Terraform} {
		if !filepath.IsAbs(path) {
			wrong = append(wrong, fmt.Errorf("-%s needs an absolute path, got %q", name, path))
		}
	}
	return errors.Join(wrong...)
}
