package aws

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// containers lists the Batch jobs of a job, which have its name.
func (e *Engine) containers(ctx context.Context, doc run.JobDocument) (found []types.JobSummary, err error) {
	queue := e.o.PlanQueue
	if doc.Command.Mutating() {
		queue = e.o.ApplyQueue
	}
	pages := batch.NewListJobsPaginator(e.batch, &batch.ListJobsInput{
		JobQueue: &queue, Filters: []types.KeyValuesPair{{Name: aws.String("JOB_NAME"), Values: []string{doc.JobID}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for containers of job %s: %w", doc.JobID, explain(err))
		}
		for _, j := range page.JobSummaryList {
			if aws.ToString(j.JobName) == doc.JobID { // the filter knows no upper and lower case
				found = append(found, j)
			}
		}
	}
	return found, nil
}

// alive reports whether a container runs or may still start: a stopped
// execution leaves it up to 30 seconds.
func alive(j types.JobSummary) bool {
	return j.Status != types.JobStatusSucceeded && j.Status != types.JobStatusFailed
}

// How much of a container's log is shown when it left no result.
const (
	lastEvents = 20
	lastBytes  = 4000
)

// lastLines is the end of the log of the newest container; empty when there is
// none that can be read. What terraform prints is not in it: the runner keeps
// that in an artifact, with secrets replaced.
func (e *Engine) lastLines(ctx context.Context, containers []types.JobSummary) string {
	stream, err := e.stream(ctx, containers)
	if err == nil && stream == "" {
		return ""
	}
	var out *cloudwatchlogs.GetLogEventsOutput
	if err == nil {
		out, err = e.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &e.o.LogGroup, LogStreamName: &stream, Limit: aws.Int32(lastEvents)})
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(explain(err)).Msg("reading the log of a container")
		return ""
	}
	var lines []string
	for _, event := range out.Events {
		lines = append(lines, aws.ToString(event.Message))
	}
	text := strings.Join(lines, "\n")
	for text = text[max(0, len(text)-lastBytes):]; text != "" && !utf8.RuneStart(text[0]); {
		text = text[1:]
	}
	return text
}

// stream is where the newest container wrote its log; empty when nowhere.
func (e *Engine) stream(ctx context.Context, containers []types.JobSummary) (string, error) {
	if e.o.LogGroup == "" || len(containers) == 0 {
		return "", nil
	}
	newest := containers[0]
	for _, j := range containers {
		if aws.ToInt64(j.CreatedAt) > aws.ToInt64(newest.CreatedAt) {
			newest = j
		}
	}
	out, err := e.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{aws.ToString(newest.JobId)}})
	if err != nil || len(out.Jobs) == 0 || out.Jobs[0].Container == nil {
		return "", err
	}
	return aws.ToString(out.Jobs[0].Container.LogStreamName), nil
}

func join(cause, log string) string {
	if cause == "" || log == "" {
		return cause + log
	}
	return cause + "\n\n" + log
}
