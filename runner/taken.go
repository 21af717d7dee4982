package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// What terraform and the programs that it starts leave behind is an attacker's.
// The runner reads it only when none of them lives any more, and only so: below
// the job's directory, plain files alone, at most so many bytes.
//
//	what                                  read by           at most
//	plan.tfplan                           takePlan          JobLimits.PlanBytes
//	backend, variables, moves in it       readPlanMessage   maxBackend, maxGiven, maxChange; it passes over maxPlanJSON
//	states inside of it                   readState         maxPlanStates each; values of an object: maxDecoded, maxSteps
//	providers, before they are shown      exchangedProviders names and times alone, maxFiles
//	configuration inside of it            readPlan          maxPlanConfiguration, maxPlanEntries
//	terraform.out, terraform.err          clean, live       maxOutput; of show maxPlanJSON. Their own files: terraform has them open, no name of them
//	.terraform.lock.hcl                   lock              maxLockFile
//	.terraform/modules/modules.json       takeInit          maxInitFile
//	.terraform/terraform.tfstate          afterInit         maxInitFile
//	configuration of installed modules    foundFiles        maxPlanConfiguration, maxPlanEntries
//	files in the tree of the commit       findMade, putMade run.MaxMadeFiles, run.MaxMadeBytes; of maxFiles the names
//	packages in .terraform/providers      shareProviders    names alone: what is shared is downloaded again (providers.go)
//	errored.tfstate, local state files    keepState         maxState
const (
	maxLockFile = 4 << 20
	maxInitFile = 16 << 20
	maxState    = 1 << 30
)

// errNotPlain means that something else than a plain file was left where the
// runner looks for one.
var errNotPlain = errors.New("it is no plain file")

// errTooLong means that a file has more bytes than are read of it.
type tooLongError struct{ size, limit int64 }

func (e *tooLongError) Error() string {
	return fmt.Sprintf("it has %d bytes, at most %d are read", e.size, e.limit)
}

// below opens the directory of the job, such as source or home, in which terraform
// may have made anything, links too, and gives the name of a file in it. Nothing
// that is done with it leads out of it.
func (j *job) below(name string) (*os.Root, string, error) {
	rel, err := filepath.Rel(j.options.Dir, name)
	if err != nil {
		return nil, "", err
	}
	top, rest, _ := strings.Cut(filepath.ToSlash(rel), "/")
	if rest == "" {
		rest = "."
	}
	root, err := os.OpenRoot(filepath.Join(j.options.Dir, top))
	return root, filepath.FromSlash(rest), err
}

// remove removes a file or directory that terraform may have made.
func (j *job) remove(name string) error {
	root, rel, err := j.below(name)
	if err != nil {
		return err
	}
	return errors.Join(root.RemoveAll(rel), root.Close())
}

// move makes a file that terraform may have made one of the job's own files.
func (j *job) move(name, to string) error {
	root, err := os.OpenRoot(j.options.Dir)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(j.options.Dir, name)
	if err == nil {
		err = root.Rename(rel, to)
	}
	return errors.Join(err, root.Close())
}

// open opens a plain file that terraform may have made. name is absolute, below
// the job's directory. Links are followed nowhere out of it, and not at all at
// the end; nothing that is no file is waited for.
func (j *job) open(name string, limit int64) (*os.File, error) {
	root, rel, err := j.below(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := openPlain(root, rel, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", rel, err)
	}
	return f, nil
}

// openPlain opens a plain file below root.
func openPlain(root *os.Root, name string, limit int64) (*os.File, error) {
	named, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, errNotPlain
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO that came in between is not waited for
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || !os.SameFile(info, named):
		err = errNotPlain
	case info.Size() > limit:
		err = &tooLongError{info.Size(), limit}
	default:
		return f, nil
	}
	return nil, errors.Join(err, f.Close())
}

// read is open and reading all of it.
func (j *job) read(name string, limit int64) ([]byte, error) {
	f, err := j.open(name, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit))
}

// lock is the dependency lock file as it is now, nil when there is none.
func (j *job) lock() ([]byte, error) {
	content, err := j.read(filepath.Join(j.dir, lockFile), maxLockFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, errNotPlain) && len(j.commit.lock.Bytes()) > 0 {
		return j.commit.lock.Bytes(), nil // a link of the commit: terraform replaces it when it has something to change
	}
	return content, err
}
