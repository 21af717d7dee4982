package runner

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/run"
)

// recoverJob ends an apply whose processes are gone without a result: it stores
// what terraform printed and the state that it could not write, and says that
// nobody knows how far it got. It may be done twice.
func (j *job) recoverJob(ctx context.Context) error {
	if err := j.prepare(); err != nil {
		return err
	}
	if !filepath.IsLocal(j.doc.Project.Dir) {
		return errors.New("the project's directory is outside of the source")
	}
	j.dir = filepath.Join(j.path("source"), path.Clean(j.doc.Project.Dir))
	var err error
	if j.began, err = MayHaveBegun(ctx, j.store, j.doc); err != nil {
		return err
	}
	// Which step printed what is not known any more.
	j.steps = []run.StepTime{{Name: "apply"}}
	j.wrote["apply"] = [2]part{{printedFile, 0, j.size(printedFile)}, {errorsFile, 0, j.size(errorsFile)}}
	problem := Interrupted(j.began)
	problem.Detail = j.lastWords()
	if kept := j.keepState(); kept != nil {
		problem = kept
	}
	if err := j.putAll(ctx, map[string]putting{run.ArtifactOutput: j.putOutput}); err != nil {
		return err
	}
	result := j.result(problem)
	result.Steps = nil
	return writeResult(j.options.Dir, result)
}

// MayHaveBegun reports whether an apply job began to change something, as far
// as its claim tells. What is not known may have.
func MayHaveBegun(ctx context.Context, store Store, doc run.JobDocument) (bool, error) {
	by, claimed, err := store.Claimant(ctx, AppliedKey(doc))
	if err != nil {
		return true, fmt.Errorf("looking whether the apply began: %w", err)
	}
	return claimed && by != Withdrawn && (by == "" || by == doc.JobID), nil
}
