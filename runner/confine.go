package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// confine makes the jail in which every terraform command of the job runs, unless
// it stands already. The source is unpacked and nothing hostile has run by then.
func (j *job) confine(ctx context.Context) *run.Problem {
	if j.jail != nil {
		return nil
	}
	box, err := j.box()
	if err != nil {
		return unexpected(err)
	}
	for i, name := range []string{printedFile, errorsFile} {
		if j.outputs[i], err = os.OpenFile(j.path(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return unexpected(fmt.Errorf("making an output file: %w", err))
		}
	}
	c := jail.Config{Box: box, Mode: j.options.Isolation, Cgroup: j.options.Cgroup, Users: j.options.Users, Stdout: j.outputs[0], Stderr: j.outputs[1]}
	if j.alive != nil {
		c.Keep = []*os.File{j.alive}
	}
	if j.sharing != nil {
		c.Keep = append(c.Keep, j.sharing)
	}
	j.jail, err = jail.Start(ctx, c)
	var unmet *jail.Unmet
	switch {
	case errors.As(err, &unmet):
		return notIsolated(unmet.Missing)
	case err != nil:
		if p := ended(ctx); p != nil {
			return p
		}
		return unexpected(err)
	}
	if j.stood, err = j.clock(); err != nil {
		return unexpected(fmt.Errorf("reading the file system's clock: %w", err))
	}
	for _, p := range j.jail.Missing() {
		j.missing = append(j.missing, string(p))
	}
	if _, err := os.Lstat(j.options.View); err != nil && !j.jail.Renames() {
		j.options.View = "" // nothing is there to be seen
	}
	return nil
}

// leave ends the jail. Nothing of the job but this process is alive then.
func (j *job) leave() {
	if j.jail != nil {
		if err := j.jail.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err) // it has ended all the same
		}
	}
	for _, f := range j.outputs {
		if f != nil {
			_ = f.Close()
		}
	}
	Removable(j.options.Dir)
	if j.tree != nil {
		_ = j.tree.Close()
	}
	if j.sharing != nil {
		_ = j.sharing.Close()
	}
}

// box is what terraform may reach. Of the job's directory that is the source, a
// home, and to read the plan file: results and artifacts are the runner's.
func (j *job) box() (jail.Box, error) {
	plan := j.path(run.ArtifactPlan)
	f, err := os.OpenFile(plan, os.O_WRONLY|os.O_CREATE, 0o600) // an apply has it already; takePlan fills that of a plan
	if err != nil {
		return jail.Box{}, fmt.Errorf("making the plan file: %w", err)
	}
	if err := f.Close(); err != nil {
		return jail.Box{}, fmt.Errorf("making the plan file: %w", err)
	}
	b := jail.Box{
		Read:  slices.Concat([]string{j.options.Terraform}, j.certificates(), j.options.Read),
		Own:   []string{j.path("source"), j.path("home")},
		Given: slices.Concat([]string{plan, j.cliConfig}, j.options.Given),
		Write: j.options.Write, Limits: j.options.Limits,
	}
	if j.options.Providers != "" && j.options.CLIConfig == "" {
		b.Given = append(b.Given, j.path(mirrorDir))
		for _, rel := range j.offered {
			b.Read = append(b.Read, j.sharedPackages().path(packagesDir, rel))
		}
	}
	if j.shared != "" {
		b.Over = &jail.Over{Below: j.shared, At: j.path("source"), Work: j.path(overDir)}
	}
	if j.options.View != "" {
		b.Names = map[string]string{}
		for _, path := range b.Own {
			b.Names[j.seen(path)] = path
		}
	}
	return b, nil
}

// certificates are the files that variables which are passed on name.
func (j *job) certificates() []string {
	var out []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if slices.Contains(j.options.Pass, name) {
			out = append(out, filepath.SplitList(os.Getenv(name))...)
		}
	}
	return slices.DeleteFunc(out, func(path string) bool { return !filepath.IsAbs(path) })
}

// limitBroken is the problem of a command that came to one of its limits, nil
// when it ended for another reason. The system tells a program which one it was,
// and nobody else. A program may print whatever it likes, so what it printed counts
// only when it was seen to be near that limit.
func (j *job) limitBroken(exit jail.Exit, printed string) *run.Problem {
	limits := j.options.Limits.WithDefaults()
	says := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(printed, text) })
	}
	noMemory := exit.Signal == int(syscall.SIGSEGV) || says("annot allocate memory", "ut of memory")
	noProcess := says("Cannot fork", "fork: ", "failed to create new OS thread") || says("fork/exec") && says("temporarily unavailable")
	switch {
	case exit.Broke == jail.LimitMemory, exit.Memory >= limits.Memory,
		noMemory && (exit.Memory >= limits.Memory/2 || exit.Requested >= limits.Memory/4*3):
		return memoryExceeded(limits.Memory, printed)
	case exit.Broke == jail.LimitProcesses, noProcess && exit.Processes >= limits.Processes/2:
		return processesExceeded(limits.Processes, printed)
	case exit.Broke == jail.LimitWatches:
		return watchesExceeded(printed)
	case says("too many open files", "Too many open files") && exit.Files >= limits.Files/2:
		return filesExceeded(limits.Files, printed)
	case exit.Signal == fileTooLarge, says("file too large", "File too large", "File size limit exceeded") && j.hasFileOf(limits.FileSize):
		return fileSizeExceeded(limits.FileSize, printed)
	}
	return nil
}
