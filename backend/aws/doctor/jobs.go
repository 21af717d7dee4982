package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// jobPatience is how long a harmless job may take: Fargate needs a minute or
// two.
const jobPatience = 10 * time.Minute

// checkPlanJob runs a plan whose source is not there.
func (d *doctor) checkPlanJob(ctx context.Context) (string, error) {
	return d.each(ctx, func(ctx context.Context, name string) (string, error) {
		doc := harmless(run.KindPlan, name)
		found, err := ends(ctx, d.batch, doc, "source_changed")
		if err == nil && name == d.names[0] {
			d.plan = doc
		}
		return found, err
	})
}

// checkApplyJob runs an apply that has no plan: its container refuses it, and
// claims that it never begins.
func (d *doctor) checkApplyJob(ctx context.Context) (string, error) {
	return d.each(ctx, func(ctx context.Context, name string) (string, error) {
		return ends(ctx, d.Engine, harmless(run.KindApply, name), "plan_mismatch")
	})
}

// checkFunction runs such a plan in the function. What fails there runs on
// Batch, and nobody would notice.
func (d *doctor) checkFunction(ctx context.Context) (string, error) {
	if d.o.Lambda == nil {
		return "not used: no environment has lambda: true", nil
	}
	return d.each(ctx, func(ctx context.Context, name string) (string, error) {
		doc := harmless(run.KindPlan, name)
		if !d.o.Lambda(doc) {
			return "", nil
		}
		found, err := ends(ctx, d.Engine, doc, "source_changed")
		if err != nil {
			return "", err
		}
		containers, err := d.Containers(ctx, doc)
		if err != nil {
			return "", err
		}
		return found, fellBack(doc, containers)
	})
}

func fellBack(doc run.JobDocument, containers []types.JobSummary) error {
	if len(containers) > 0 {
		return fmt.Errorf("the function did not do %s, and Batch did", doc.JobID)
	}
	return nil
}

// coldStart is how long the container of a plan may take to begin. Fargate
// needs 30 to 90 seconds.
const coldStart = 3 * time.Minute

// checkColdStart tells how long the container of the plan took to begin.
func (d *doctor) checkColdStart(ctx context.Context) (string, error) {
	if d.plan.JobID == "" {
		return "", errors.New("no plan ran on Batch, see above")
	}
	containers, err := d.Containers(ctx, d.plan)
	if err != nil {
		return "", err
	}
	return began(containers)
}

func began(containers []types.JobSummary) (string, error) {
	if len(containers) == 0 || containers[0].CreatedAt == nil || containers[0].StartedAt == nil {
		return "", warning{errors.New("AWS Batch does not say when the plan's container began")}
	}
	took := time.Duration(*containers[0].StartedAt-*containers[0].CreatedAt) * time.Millisecond
	if took > coldStart {
		return "", warning{fmt.Errorf("the plan's container began after %.0f s, and %.0f s are a lot", took.Seconds(), coldStart.Seconds())}
	}
	return fmt.Sprintf("the plan's container began after %.0f s", took.Seconds()), nil
}

// harmless is a job of an environment that can do nothing.
func harmless(command run.Kind, environment string) run.JobDocument {
	id := fmt.Sprintf("doctor-%d%s-0", time.Now().UnixMicro(), strings.ToLower(rand.Text()[:4]))
	return run.JobDocument{
		Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Command: command, Repository: "lockkeeper/doctor", Actor: "doctor",
		Project: run.JobProject{Name: "doctor", Dir: ".", Workspace: "default"}, Environment: run.JobEnvironment{Name: environment},
		Source: run.Artifact{Key: "sources/" + strings.Repeat("0", 64), SHA256: strings.Repeat("0", 64), Size: 1},
		Limits: run.JobLimits{Seconds: 60, PlanBytes: 1},
	}
}

// ends runs a job and wants that it ends with a problem.
func ends(ctx context.Context, e *engine.Engine, doc run.JobDocument, code string) (string, error) {
	began := time.Now()
	end, err := runs(ctx, e, doc)
	switch {
	case err != nil:
		return "", err
	case end.Problem != nil && end.Problem.Code == code:
		return fmt.Sprintf("%s started, read its document and wrote its result in %.0f s", doc.JobID, time.Since(began).Seconds()), nil
	}
	return "", fmt.Errorf("%s ended with %s", doc.JobID, howEnded(*end))
}

// runs runs a job to its end.
func runs(ctx context.Context, e *engine.Engine, doc run.JobDocument) (*run.Result, error) {
	if err := e.Start(ctx, doc); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	for {
		end, err := e.Result(ctx, doc)
		if end != nil || err != nil {
			return end, err
		}
		if sleep(ctx, pause); ctx.Err() != nil {
			return nil, fmt.Errorf("%s has not ended after %s", doc.JobID, jobPatience)
		}
	}
}

// checkIsolation has a plan and an apply try what would let them speak for another
// job. Their results are found only where ECS names the session of a task after it.
func (d *doctor) checkIsolation(ctx context.Context) (string, error) {
	return d.each(ctx, func(ctx context.Context, name string) (string, error) {
		for _, command := range []run.Kind{run.KindPlan, run.KindApply} {
			doc := harmless(command, name)
			end, err := runs(ctx, d.probing, doc)
			if err != nil {
				return "", err
			}
			if err := keptApart(doc, *end); err != nil {
				return "", err
			}
		}
		return "a plan and an apply wrote where only their tasks can, and were refused what is not theirs", nil
	})
}

func keptApart(doc run.JobDocument, r run.Result) error {
	if r.Outcome != run.OutcomeSucceeded {
		return fmt.Errorf("the %s %s: %s", doc.Command, doc.JobID, howEnded(r))
	}
	return nil
}
