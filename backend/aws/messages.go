package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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
	seqWaiting  = 1
	seqStarted  = 2
	seqFinished = 3
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

// sideBySide is how many batches of messages, and how many open jobs, are looked
// at at once.
const sideBySide = 8

// listen takes messages until ctx is done. One that cannot be acted on stays in
// the queue, comes again, and ends among the dead letters.
func (e *Engine) listen(ctx context.Context, deliver deliverer) error {
	var batches sync.WaitGroup
	defer batches.Wait()
	free := make(chan struct{}, sideBySide)
	for {
		select { // a batch that is received is hidden from others, and must not wait here
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		messages, err := e.receive(ctx)
		if err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("reading the status queue")
			sleep(ctx, pause)
		}
		batches.Go(func() {
			e.take(ctx, messages, deliver)
			<-free
		})
	}
}

// receive waits for messages, at most ten of them.
func (e *Engine) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Poll+within)
	defer cancel()
	out, err := e.polls.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &e.o.StatusQueue, MaxNumberOfMessages: 10, WaitTimeSeconds: int32(e.o.Poll.Seconds())})
	if err != nil {
		return nil, Explain(err)
	}
	return out.Messages, nil
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
	e.message.set(e.o.Now())
	ctx, cancel := context.WithTimeout(ctx, AnswersWithin)
	defer cancel()
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
	ctx, cancel := bounded(ctx)
	defer cancel()
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
	unlock, err := e.looks.lock(ctx, doc.JobID)
	if err != nil {
		return fmt.Errorf("waiting for another look at job %s: %w", doc.JobID, err)
	}
	defer unlock()
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
		if m, err = e.waits(ctx, doc); err != nil || m.Kind == "" {
			return err
		}
	}
	if err := e.report(ctx, m, deliver); err != nil {
		return err
	}
	e.patience.end(doc.JobID)
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
			Name      string `json:"name"`      // of Step Functions: executionName
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
	default: // the event of a large execution lacks its input, and never its name
		if h.jobID = jobOfExecution(m.Detail.Name); h.jobID == "" {
			return h, errors.New("reading a status message: it names no job")
		}
	}
	return h, nil
}

// reconcile looks at every open job now and then: at the start, for what
// happened while nobody listened, and for messages that got lost.
func (e *Engine) reconcile(ctx context.Context, deliver deliverer) error {
	for e.o.Open != nil && ctx.Err() == nil {
		e.lookAtAll(ctx, deliver)
		sleep(ctx, e.o.Reconcile)
	}
	return nil
}

// lookAtAll looks at all open jobs, some side by side.
func (e *Engine) lookAtAll(ctx context.Context, deliver deliverer) {
	docs, err := e.o.Open(ctx)
	if err != nil {
		if ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("listing open jobs")
		}
		return
	}
	e.patience.keep(docs)
	var looks errgroup.Group
	looks.SetLimit(sideBySide)
	for _, doc := range docs {
		looks.Go(func() error {
			own, cancel := bounded(ctx)
			defer cancel()
			if err := e.look(own, doc, time.Time{}, deliver); err != nil && ctx.Err() == nil {
				zerolog.Ctx(ctx).Error().Err(err).Str("job", doc.JobID).Msg("looking at an open job")
			}
			return nil
		})
	}
	_ = looks.Wait() // no error of theirs ends the others
	e.sweep.set(e.o.Now())
}

// DeadLetters is how many status messages nobody could act on.
func (e *Engine) DeadLetters(ctx context.Context) (string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
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
