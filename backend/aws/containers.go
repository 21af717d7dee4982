package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/lockkeeper/lockkeeper/run"
)

// Containers lists the Batch jobs of a job, which have its name.
func (e *Engine) Containers(ctx context.Context, doc run.JobDocument) (found []types.JobSummary, err error) {
	queue := e.queueOf(doc.Command)
	pages := batch.NewListJobsPaginator(e.batch, &batch.ListJobsInput{
		JobQueue: &queue, Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{doc.JobID}}},
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
