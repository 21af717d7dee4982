package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/lockkeeper/lockkeeper/run"
)

// Containers lists the Batch jobs of a job, which have its name; none before it was started.
func (e *Engine) Containers(ctx context.Context, doc run.JobDocument) ([]types.JobSummary, error) {
	in, err := e.input(ctx, doc.JobID)
	if err != nil && !errors.Is(err, run.ErrNotFound) {
		return nil, err
	}
	where, err := e.placed(in, doc)
	if err != nil {
		return nil, err
	}
	return e.containers(ctx, doc, where)
}

func (e *Engine) containers(ctx context.Context, doc run.JobDocument, where Batch) (found []types.JobSummary, err error) {
	pages := batch.NewListJobsPaginator(e.batch, &batch.ListJobsInput{
		JobQueue: &where.Queue, Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{doc.JobID}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for containers of job %s: %w", doc.JobID, Explain(err))
		}
		for _, j := range page.JobSummaryList {
			if aws.ToString(j.JobName) == doc.JobID { // the filter knows no upper and lower case
				found = append(found, j)
			}
		}
	}
	return found, nil
}

// newest is the container that was submitted last, of at least one.
func newest(containers []types.JobSummary) types.JobSummary {
	return slices.MaxFunc(containers, func(a, b types.JobSummary) int {
		return cmp.Compare(aws.ToInt64(a.CreatedAt), aws.ToInt64(b.CreatedAt))
	})
}

// tasks are the ARNs of the tasks that made the last attempt of each container, the
// newest container first. What an attempt before the last one wrote does not count:
// AWS took its machine, and its credentials last longer than it.
func (e *Engine) tasks(ctx context.Context, containers []types.JobSummary) (tasks []string, err error) {
	if len(containers) == 0 {
		return nil, nil
	}
	var ids []string
	for _, j := range containers[:min(len(containers), 100)] { // as many as can be described at once
		ids = append(ids, aws.ToString(j.JobId))
	}
	out, err := e.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: ids})
	if err != nil {
		return nil, fmt.Errorf("looking at the containers of a job: %w", Explain(err))
	}
	slices.SortStableFunc(out.Jobs, func(a, b types.JobDetail) int { return cmp.Compare(aws.ToInt64(b.CreatedAt), aws.ToInt64(a.CreatedAt)) })
	for _, j := range out.Jobs {
		if task := lastTask(j); task != "" {
			tasks = append(tasks, task)
		}
	}
	return tasks, nil
}

// lastTask is empty when no attempt came so far that it had a task.
func lastTask(j types.JobDetail) string {
	if n := len(j.Attempts); n > 0 && j.Attempts[n-1].Container != nil {
		return aws.ToString(j.Attempts[n-1].Container.TaskArn)
	}
	if j.Container != nil {
		return aws.ToString(j.Container.TaskArn)
	}
	return ""
}

// Alive reports whether a container runs or may still start: a stopped
// execution leaves it up to 30 seconds.
func Alive(j types.JobSummary) bool {
	return j.Status != types.JobStatusSucceeded && j.Status != types.JobStatusFailed
}

func join(cause, log string) string {
	if cause == "" || log == "" {
		return cause + log
	}
	return cause + "\n\n" + log
}
