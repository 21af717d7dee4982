package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

var _ run.Tailer = (*Engine)(nil)

// Tail implements run.Tailer: the end of the log of the job's newest container.
// The runner replaced secrets before it wrote. Nothing is shown of a function:
// it is over soon.
func (e *Engine) Tail(ctx context.Context, doc run.JobDocument) (string, error) {
	if e.o.LogGroup == "" {
		return "", nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	stream, known := e.streams.get(doc.JobID, e.o.Now())
	if !known {
		containers, err := e.Containers(ctx, doc)
		if err != nil {
			return "", err
		}
		if stream, err = e.stream(ctx, containers); err != nil || stream == "" {
			return "", err
		}
		e.streams.put(doc.JobID, stream, e.o.Now())
	}
	return e.lastEvents(ctx, stream)
}

// lastLines is the end of the log of the newest container; empty when there is
// none that can be read.
func (e *Engine) lastLines(ctx context.Context, containers []types.JobSummary) string {
	stream, err := e.stream(ctx, containers)
	text := ""
	if err == nil {
		text, err = e.lastEvents(ctx, stream)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("reading what a job printed")
	}
	return text
}

// lastEvents is the end of a log stream; empty for none, and for one that will
// be there when the container says something.
func (e *Engine) lastEvents(ctx context.Context, stream string) (string, error) {
	if stream == "" {
		return "", nil
	}
	out, err := e.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: &e.o.LogGroup, LogStreamName: &stream, Limit: aws.Int32(lastEvents),
	})
	if _, missing := errors.AsType[*logtypes.ResourceNotFoundException](err); missing {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the log of a container: %w", Explain(err))
	}
	var lines []string
	for _, event := range out.Events {
		lines = append(lines, aws.ToString(event.Message))
	}
	return run.LastLines(Masked(strings.Join(lines, "\n"))), nil
}

// lastEvents is how many events of a log are read: lines, of which not all are
// shown when they are long.
const lastEvents = 20

// stream is where the newest container writes its log; empty when nowhere.
func (e *Engine) stream(ctx context.Context, containers []types.JobSummary) (string, error) {
	if e.o.LogGroup == "" || len(containers) == 0 {
		return "", nil
	}
	out, err := e.batch.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{aws.ToString(newest(containers).JobId)}})
	if err != nil {
		return "", fmt.Errorf("looking for the log of a container: %w", Explain(err))
	}
	if len(out.Jobs) == 0 || out.Jobs[0].Container == nil {
		return "", nil
	}
	return aws.ToString(out.Jobs[0].Container.LogStreamName), nil
}

// streamsFresh is how long the log stream of a job is taken to be the same: AWS
// may repeat a plan, and the next attempt has a stream of its own. It saves two
// of three calls.
const streamsFresh = time.Minute

// streams remembers the log streams of jobs. The zero value is ready.
type streams struct {
	mu sync.Mutex
	of map[string]foundStream // by job id; guarded by mu
}

type foundStream struct {
	name string
	at   time.Time
}

func (s *streams) get(jobID string, now time.Time) (name string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.of[jobID]
	return f.name, ok && now.Sub(f.at) < streamsFresh
}

// put also drops what is too old to be used.
func (s *streams) put(jobID, name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[string]foundStream{jobID: {name, now}}
	for id, f := range s.of {
		if id != jobID && now.Sub(f.at) < streamsFresh {
			known[id] = f
		}
	}
	s.of = known
}
