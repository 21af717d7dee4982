package runner

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lockkeeper/lockkeeper/run"
)

// takePlan copies the plan that terraform made to where nothing else can write.
// No process of the plan is alive any more.
func (j *job) takePlan() *run.Problem {
	from, err := os.Open(j.path(madePlan))
	if err != nil {
		return unexpected(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(j.path(run.ArtifactPlan), os.O_WRONLY|os.O_TRUNC, 0) // the jail shows this file
	if err != nil {
		return unexpected(err)
	}
	_, err = io.Copy(to, io.LimitReader(from, j.doc.Limits.PlanBytes))
	if err := errors.Join(err, to.Close()); err != nil {
		return unexpected(fmt.Errorf("taking the plan: %w", err))
	}
	return nil
}
