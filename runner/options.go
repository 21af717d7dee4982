package runner

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/runner/jail"
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

// Options is what an engine decides about a runner. None of what is for a runner
// process is secret: it is visible in the process list.
type Options struct {
	Dir           string        // the job's directory, absolute; holds DocumentFile
	View          string        // another name of Dir, absolute, under which terraform sees it; the same for a plan and its apply. Empty is Dir
	Artifacts     string        // directory of artifacts, absolute
	Terraform     string        // the binary for this job, absolute, already checked
	TerraformName string        // what people call it, such as "Terraform 1.11.4"
	Providers     string        // directory of provider packages shared by all jobs of this machine, absolute; empty for none
	Sources       string        // directory of unpacked sources shared by all jobs of this machine, on the file system of Dir, absolute; empty where none can be
	CLIConfig     string        // terraform's CLI configuration, absolute; empty for one that Lockkeeper writes. With it Providers is not used
	Pass          []string      // names of environment variables of the runner that terraform gets as they are
	Grace         time.Duration // 0 is DefaultGrace
	AliveFD       int           // open file whose lock lasts as long as any process of the job; terraform does not get it. 0 for none
	Threads       int           // threads that terraform computes with; 0 lets it use every processor
	Recover       bool          // the job's runner was killed: store what it left and write the result, do nothing else
	TurnFD        int           // open file to which the runner writes a byte when it starts no more terraform; 0 for none
	KeysFD        int           // open file with the text of artifact.Keys, which the runner reads to its end and closes; 0 for none
	Isolation     jail.Mode     // what happens where terraform cannot be kept apart; the zero value is jail.Required
	Read, Write   []string      // further files and directories that terraform may read, or write, absolute
	OwnMachine    bool          // the machine ends with the job: files outside of Write do, too
	Given         []string      // directories that are for this job alone, which terraform reads, absolute; what is in them may be replaced meanwhile
	Cgroup        string        // directory of a control group that the job makes and that limits it, absolute; empty where it is only watched
	Limits        jail.Limits   // of everything that runs in the job; zero is the default of each
	Users         jail.Users    // user ids for jobs of a runner that is root; zero is the default
	Disk          int64         // bytes that the job may have in Dir; 0 is 10 GiB
	DiskFiles     int64         // files that the job may have in Dir, its source among them; 0 is 150,000
	DiskReserve   int64         // bytes that stay free where Dir is; 0 is 512 MiB
	Prefix        string        // begins the keys of what the job stores; empty is that of its run. Not for a runner process
	Claim         string        // key that an apply claims before it begins, if not AppliedKey; may be secret. Not for a runner process
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
	if o.Sources != "" {
		args = append(args, "-sources="+o.Sources)
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
	if o.Disk != 0 {
		args = append(args, "-disk="+strconv.FormatInt(o.Disk, 10))
	}
	if o.DiskFiles != 0 {
		args = append(args, "-disk-files="+strconv.FormatInt(o.DiskFiles, 10))
	}
	if o.DiskReserve != 0 {
		args = append(args, "-disk-reserve="+strconv.FormatInt(o.DiskReserve, 10))
	}
	if o.OwnMachine {
		args = append(args, "-own-machine")
	}
	if o.Recover {
		args = append(args, "-recover")
	}
	if o.Evaluator != "" {
		args = append(args, "-evaluator="+o.Evaluator)
	}
	return append(args, o.isolationArgs()...)
}

// isolationArgs are those of Args that say how terraform is kept apart.
func (o Options) isolationArgs() []string {
	var args []string
	if o.Isolation != "" {
		args = append(args, "-isolation="+string(o.Isolation))
	}
	for _, path := range o.Read {
		args = append(args, "-read="+path)
	}
	for _, path := range o.Write {
		args = append(args, "-write="+path)
	}
	for _, path := range o.Given {
		args = append(args, "-given="+path)
	}
	if o.Cgroup != "" {
		args = append(args, "-cgroup="+o.Cgroup)
	}
	if o.Users != (jail.Users{}) {
		args = append(args, "-users="+o.Users.String())
	}
	for name, n := range map[string]int64{
		"memory": o.Limits.Memory, "processes": int64(o.Limits.Processes), "files": int64(o.Limits.Files), "file-size": o.Limits.FileSize,
	} {
		if n != 0 {
			args = append(args, fmt.Sprintf("-%s=%d", name, n))
		}
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
	flags.StringVar(&o.Sources, "sources", "", "directory of shared sources")
	flags.StringVar(&o.CLIConfig, "cli-config", "", "terraform CLI configuration")
	flags.StringVar(&pass, "pass", "", "environment variables to pass on, separated by commas")
	flags.DurationVar(&o.Grace, "grace", DefaultGrace, "time between interrupt and kill")
	flags.IntVar(&o.Threads, "threads", 0, "threads of terraform")
	flags.IntVar(&o.TurnFD, "turn-fd", 0, "open file to write a byte to after the last terraform process")
	flags.IntVar(&o.KeysFD, "keys-fd", 0, "open file with the keys of artifacts")
	flags.Int64Var(&o.Disk, "disk", 0, "bytes that the job may have on the disk")
	flags.Int64Var(&o.DiskFiles, "disk-files", 0, "files that the job may have on the disk")
	flags.Int64Var(&o.DiskReserve, "disk-reserve", 0, "bytes of the disk that stay free")
	flags.BoolVar(&o.OwnMachine, "own-machine", false, "the machine ends with the job")
	flags.BoolVar(&o.Recover, "recover", false, "store what a killed runner left")
	flags.StringVar(&o.Evaluator, "evaluator", "", "what judges plans by rules")
	flags.IntVar(&o.AliveFD, "alive-fd", 0, "open file that is locked as long as the job has a process")
	flags.StringVar((*string)(&o.Isolation), "isolation", "", "required, best_effort or off")
	flags.Func("read", "a path that terraform may read", func(path string) error { o.Read = append(o.Read, path); return nil })
	flags.Func("write", "a path that terraform may write", func(path string) error { o.Write = append(o.Write, path); return nil })
	flags.Func("given", "a directory for this job alone", func(path string) error { o.Given = append(o.Given, path); return nil })
	flags.StringVar(&o.Cgroup, "cgroup", "", "control group of the job")
	flags.TextVar(&o.Users, "users", &jail.Users{}, "user ids for jobs")
	flags.Int64Var(&o.Limits.Memory, "memory", 0, "bytes of memory of all processes")
	flags.IntVar(&o.Limits.Processes, "processes", 0, "processes and threads")
	flags.IntVar(&o.Limits.Files, "files", 0, "open files of one process")
	flags.Int64Var(&o.Limits.FileSize, "file-size", 0, "bytes of one file")
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
	for _, path := range slices.Concat(o.Read, o.Write, o.Given) {
		if !filepath.IsAbs(path) {
			wrong = append(wrong, fmt.Errorf("-read, -write and -given need absolute paths, got %q", path))
		}
	}
	switch o.Isolation {
	case "", jail.Required, jail.BestEffort, jail.Off:
	default:
		wrong = append(wrong, fmt.Errorf("-isolation is required, best_effort or off, got %q", o.Isolation))
	}
	return errors.Join(wrong...)
}
