package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/run"
)

// keepState stores a state that is in the job's directory, which will be
// removed: one that terraform could not write to its backend, or that it wrote
// there because the project has no backend. nil is the usual case that there is
// none.
func (j *job) keepState() *run.Problem {
	p := j.doc.Project
	if name := filepath.Join(j.dir, run.ArtifactErroredState); j.holdsSomething(name) {
		return stateNotSaved(j.keepFile(name), p, j.detail("apply"))
	}
	for _, name := range []string{"terraform.tfstate", filepath.Join("terraform.tfstate.d", p.Workspace, "terraform.tfstate")} {
		if name = filepath.Join(j.dir, name); j.holdsSomething(name) {
			return stateNotRemote(j.keepFile(name), p, j.detail("apply"))
		}
	}
	return nil
}

// holdsSomething reports whether there is a plain file that is not empty, of
// whatever size.
func (j *job) holdsSomething(name string) bool {
	f, err := j.open(name, math.MaxInt64)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	return err == nil && info.Size() > 0
}

// keepFile stores a state and says in Markdown where it is. It is all that is known
// of what was made, so it stays in the job's directory when it cannot be stored,
// and there in clear when not even a copy can be encrypted.
func (j *job) keepFile(name string) (where string) {
	err := j.putAll(context.Background(), map[string]putting{
		run.ArtifactErroredState: func(ctx context.Context, key string) (run.Artifact, error) {
			f, err := j.open(name, maxState)
			if err != nil {
				return run.Artifact{}, err
			}
			defer func() { _ = f.Close() }()
			return j.store.Put(ctx, key, f)
		},
	})
	if err == nil {
		return j.storedAs(path.Join("artifacts", j.artifacts[run.ArtifactErroredState].Key))
	}
	fmt.Fprintln(os.Stderr, err)
	kept, inJob := j.path(run.ArtifactErroredState), path.Join("jobs", j.doc.JobID, run.ArtifactErroredState)
	if err := j.seal(name, kept); err != nil {
		fmt.Fprintln(os.Stderr, errors.Join(err, j.move(name, run.ArtifactErroredState)))
		return codeSpan(inJob)
	}
	return j.storedAs(inJob)
}

// storedAs names a file below the server's data directory.
func (j *job) storedAs(where string) string {
	if j.keys.Text(false) == "" {
		return codeSpan(where)
	}
	return codeSpan(where) + ", which is encrypted (decrypt it with `age --decrypt` and the server's key)"
}

// seal copies a file as the keys demand it, whole or not at all.
func (j *job) seal(name, to string) error {
	from, err := j.open(name, math.MaxInt64)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	temp := to + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	sealed, err := j.keys.Seal(f)
	if err == nil {
		_, err = io.Copy(sealed, from)
	}
	if err == nil {
		err = errors.Join(sealed.Close(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping a state: %w", err), os.Remove(temp))
	}
	return nil
}
