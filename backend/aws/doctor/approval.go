package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// How long doctor waits for what takes seconds.
const (
	serverPatience = 5 * time.Second // for the server, which may run, to take a message
	answerPatience = time.Minute     // for a token, and for an execution that was told to go on
)

// checkApproval runs a wait for approval and approves it. The answer counts
// whether its execution hears of it or not, so that is looked at, too.
func (d *doctor) checkApproval(ctx context.Context) (string, error) {
	doc := harmless(run.KindApproval, d.names[0])
	doc.Limits.Seconds = 300
	if err := d.Start(ctx, doc); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerPatience)
	defer cancel()
	if err := d.awaitToken(ctx, doc); err != nil {
		return "", err
	}
	if err := d.Approve(ctx, doc.JobID, doc.Actor); err != nil {
		return "", err
	}
	// Approve has done it, or has kept to itself why it could not.
	if err := d.SendAnswer(ctx, doc, run.Decision{Approved: true, By: doc.Actor}); err != nil {
		return "", fmt.Errorf("%s was approved, and its execution cannot be told: %w", doc.JobID, err)
	}
	told := time.Now()
	end, err := d.awaitExecution(ctx, doc)
	if err != nil {
		return "", err
	}
	if !end.Succeeded {
		return "", fmt.Errorf("the execution of %s did not succeed: %s", doc.JobID, end.Cause)
	}
	r, err := d.Result(ctx, doc)
	if err != nil {
		return "", err
	}
	if r == nil || r.Decision == nil || !r.Decision.Approved {
		return "", fmt.Errorf("%s was approved, and that is not how it ended", doc.JobID)
	}
	return fmt.Sprintf("%s waited, was approved, and its execution succeeded %.0f s later", doc.JobID, time.Since(told).Seconds()), nil
}

// awaitToken waits until the token of an execution is kept: by the server, or
// from here when that does not run.
func (d *doctor) awaitToken(ctx context.Context, doc run.JobDocument) error {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	for began := time.Now(); ctx.Err() == nil; sleep(ctx, time.Second) {
		if there, err := d.HasToken(ctx, doc); there || err != nil {
			return err
		}
		if time.Since(began) > serverPatience {
			if err := d.takeOwn(ctx, doc); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the message with the task token of %s did not come in %s", doc.JobID, answerPatience)
}

// hidden is for how long doctor keeps messages of other jobs from the server. Each
// of its looks counts among the ten after which a message is dead.
const hidden = 20 * time.Second

// takeOwn reads the status queue. Messages about other jobs stay there and are
// seen again soon.
func (d *doctor) takeOwn(ctx context.Context, doc run.JobDocument) error {
	out, err := d.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &d.o.StatusQueue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: int32(hidden.Seconds()),
	})
	if err != nil {
		return fmt.Errorf("reading the status queue: %w", engine.Explain(err))
	}
	for _, m := range out.Messages {
		taken, err := d.TakeToken(ctx, doc, aws.ToString(m.Body))
		if err != nil {
			return err
		}
		if !taken {
			continue
		}
		if _, err := d.queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &d.o.StatusQueue, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return fmt.Errorf("removing a status message: %w", engine.Explain(err))
		}
	}
	return nil
}

// awaitExecution waits until the execution of a job has ended.
func (d *doctor) awaitExecution(ctx context.Context, doc run.JobDocument) (*engine.Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	for ; ctx.Err() == nil; sleep(ctx, time.Second) {
		if end, err := d.Execution(ctx, doc); end != nil || err != nil {
			return end, err
		}
	}
	return nil, fmt.Errorf("the execution of %s has not ended after %s", doc.JobID, answerPatience)
}
