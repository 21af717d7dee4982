package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/run"
)

type deliverer = func(context.Context, run.Message) error

// Seq of the messages of a job.
const (
	seqStarted  = 1
	seqFinished = 2
)

// Run implements run.Backend.
func (e *Engine) Run(ctx context.Context, deliver func(context.Context, run.Message) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.listen(ctx, deliver) })
	g.Go(func() error { return e.reconcile(ctx, deliver) })
	return g.Wait()
}

// pause is how long to wait after the queue could not be read.
const pause = 2 * time.Second

// listen takes messages until ctx is done. One that cannot be acted on stays in
// the queue, comes again, and ends among the dead letters.
func (e *Engine) listen(ctx context.Context, deliver deliverer) error {
	for ctx.Err() == nil {
		out, err := e.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &e.o.StatusQueue, MaxNumberOfMessages: 10, WaitTimeSeconds: int32(e.o.Poll.Seconds())})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			zerolog.Ctx(ctx).Error().Err(Explain(err)).Msg("reading the status queue")
			sleep(ctx, pause)
			continue
		}
		e.take(ctx, out.Messages, deliver)
	}
	return nil
}

// take acts on messages side by side and removes those that were acted on.
func (e *Engine) take(ctx context.Context, messages []types.Message, deliver deliverer) {
	done := make([]bool, len(messages))
	var g errgroup.Group
	for i, m := range messages {
		g.Go(func() error {
			err := e.hint(ctx, aws.ToString(m.Body), deliver)
			if done[i] = err == nil; err != nil && ctx.Err() == nil {
				zerolog.Ctx(ctx).Error().Err(err).Msg("acting on a status message")
			}
			return nil
		})
	}
	_ = g.Wait() // no error of theirs ends the others
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range messages {
		if done[i] {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
	}
	if len(entries) == 0 {
		return
	}
	// What is not removed comes again and changes nothing.
	if _, err := e.queue.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &e.o.StatusQueue, Entries: entries}); err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(Explain(err)).Msg("removing status messages")
	}
}

// hint looks at the job that a message is about. A job that is not known makes
// it a message that cannot be acted on.
func (e *Engine) hint(ctx context.Context, body string, deliver deliverer) error {
	h, err := parseHint(body)
	if err != nil || h.token == "" && e.over.has(h.jobID) {
		return err
	}
	in, err := e.input(ctx, h.jobID)
	if err != nil {
		return fmt.Errorf("status message about job %q: %w", h.jobID, err)
	}
	doc := in.JobDocument
	if h.ends {
		if err := e.awaitEnd(ctx, doc); err != nil {
			return err
		}
	}
	if h.token != "" {
		if err := e.takeToken(ctx, doc, h.token); err != nil {
			return err
		}
	}
	return e.look(ctx, doc, h.started, deliver)
}

// look delivers what is known of a job: that it is over, or that it began at
// started, if that is known. Two looks at a job wait for each other, so that
// the second one knows what the first one delivered.
func (e *Engine) look(ctx context.Context, doc run.JobDocument, started time.Time, deliver deliverer) error {
	defer e.looks.lock(doc.JobID)()
	if e.over.has(doc.JobID) {
		return nil
	}
	end, err := e.result(ctx, doc)
	if err != nil {
		return err
	}
	m := run.Message{JobID: doc.JobID, Fence: doc.Fence}
	switch {
	case end != nil:
		m.Seq, m.Kind, m.At, m.Result = seqFinished, run.MessageFinished, end.At, &end.Result
	case !started.IsZero():
		m.Seq, m.Kind, m.At = seqStarted, run.MessageStarted, started
	default:
		return nil
	}
	if err := e.report(ctx, m, deliver); err != nil {
		return err
	}
	if end != nil {
		e.over.add(doc.JobID)
	}
	return nil
}

// report delivers a message, and for a while tries again until it is taken. After
// that it is for the queue to bring the hint back, and for reconcile.
func (e *Engine) report(ctx context.Context, m run.Message, deliver deliverer) error {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		err := deliver(ctx, m)
		if err == nil || wait > 4*time.Second || ctx.Err() != nil {
			return err
		}
		sleep(ctx, wait)
	}
}

// hinted is what a message says.
type hinted struct {
	jobID   string
	ends    bool      // the execution says that it is about to end
	started time.Time // when its container or its wait began; zero when the message is about something else
	token   string    // of an execution that began to wait; anyone who has it can answer, so it is in no log
}

// parseHint finds out which job a message is about: one of the state machine, or an
// event of Step Functions or Batch (Amazon EventBridge user guide, "AWS Step
// Functions events", and AWS Batch user guide, "Batch EventBridge events").
func parseHint(body string) (h hinted, err error) {
	var m struct {
		JobID  string    `json:"job_id"`
		Kind   string    `json:"kind"`
		Since  time.Time `json:"since"`
		Token  string    `json:"token"`
		Detail struct {
			Status    string `json:"status"`
			JobName   string `json:"jobName"`   // of Batch
			StartedAt int64  `json:"startedAt"` // of Batch, in milliseconds
			Input     string `json:"input"`     // of Step Functions
		} `json:"detail"`
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return h, fmt.Errorf("reading a status message: %w", err)
	}
	switch {
	case m.JobID != "":
		h.jobID, h.started, h.token = m.JobID, m.Since.UTC(), m.Token
		h.ends = m.Kind == "finished" || m.Kind == "failed"
	case m.Detail.JobName != "":
		h.jobID = m.Detail.JobName
		if m.Detail.Status == "RUNNING" && m.Detail.StartedAt > 0 {
			h.started = time.UnixMilli(m.Detail.StartedAt).UTC()
		}
	default:
		var doc run.JobDocument
		if err := json.Unmarshal([]byte(m.Detail.Input), &doc); err != nil || doc.JobID == "" {
			return h, errors.New("reading a status message: it names no job")
		}
		h.jobID = doc.JobID
	}
	return h, nil
}

// reconcile looks at every open job now and then: at the start, for what
// happened while nobody listened, and for messages that got lost.
func (e *Engine) reconcile(ctx context.Context, deliver deliverer) error {
	for ctx.Err() == nil {
		if e.o.Open != nil {
			docs, err := e.o.Open(ctx)
			if err != nil && ctx.Err() == nil {
				zerolog.Ctx(ctx).Error().Err(err).Msg("listing open jobs")
			}
			for _, doc := range docs {
				if err := e.look(ctx, doc, time.Time{}, deliver); err != nil && ctx.Err() == nil {
					zerolog.Ctx(ctx).Error().Err(err).Str("job", doc.JobID).Msg("looking at an open job")
				}
			}
		}
		sleep(ctx, e.o.Reconcile)
	}
	return nil
}

// DeadLetters is how many status messages nobody could act on.
func (e *Engine) DeadLetters(ctx context.Context) (string, error) {
	out, err := e.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &e.o.DeadLetters, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
	})
	if err != nil {
		return "", fmt.Errorf("counting dead letters: %w", Explain(err))
	}
	return out.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)], nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
