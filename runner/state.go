package runner

import (
	"context"
	"fmt"
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

// keepFile stores a state and says where it is. It is all that is known of what was
// made, so it stays in the job's directory when it cannot be stored.
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
		return path.Join("artifacts", j.artifacts[run.ArtifactErroredState].Key)
	}
	fmt.Fprintln(os.Stderr, err)
	if err := j.move(name, run.ArtifactErroredState); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return path.Join("jobs", j.doc.JobID, run.ArtifactErroredState)
}
