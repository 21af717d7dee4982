package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// Options is where the engine's parts are: outputs of the templates in deploy/aws.
type Options struct {
	Config       aws.Config
	StateMachine string // ARN
	Bucket       string
	StatusQueue  string // URL
	DeadLetters  string // URL of the queue of messages that nobody could read
	LogGroup     string // of the containers; empty when nobody may read it
	// Environments are where the jobs of each environment run, by its name. A job of
	// another one does not begin.
	Environments map[string]Environment

	// Lambda says whether a job may run as a Lambda function; nil is never.
	Lambda func(run.JobDocument) bool
	// Probe has jobs try what they may not do, instead of what their documents say.
	Probe bool
	// Open lists the documents of jobs that the caller waits for. They are
	// looked at every Reconcile, whether a message came or not.
	Open      func(context.Context) ([]run.JobDocument, error)
	Reconcile time.Duration // default 1 minute
	Poll      time.Duration // how long a request waits for messages; default and at most 20 seconds
	Now       func() time.Time
}

// Engine implements run.Backend.
type Engine struct {
	o        Options
	objects  *bucket.Bucket
	steps    *sfn.Client
	batch    *batch.Client
	queue    *sqs.Client
	polls    *sqs.Client // for requests that wait
	logs     *cloudwatchlogs.Client
	looks    keyedMutex
	over     recent // jobs whose finished message was taken
	streams  streams
	patience patience
	message  sign // that a message was taken
	sweep    sign // that all open jobs were looked at
}

var _ run.Backend = (*Engine)(nil)

// New makes an engine. It calls nothing.
func New(o Options) *Engine {
	if o.Reconcile <= 0 {
		o.Reconcile = time.Minute
	}
	if o.Poll <= 0 {
		o.Poll = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Engine{
		o: o, objects: &bucket.Bucket{Client: bucket.NewClient(o.Config), Name: o.Bucket},
		steps: sfn.NewFromConfig(o.Config), batch: batch.NewFromConfig(o.Config), queue: sqs.NewFromConfig(o.Config), polls: newPoll(o.Config, o.Poll),
		logs: cloudwatchlogs.NewFromConfig(o.Config),
	}
}

// Start implements run.Backend. The execution's name makes a second one of the
// same job and fence impossible, also after an answer was lost.
func (e *Engine) Start(ctx context.Context, doc run.JobDocument) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := doc.CheckLimit(); err != nil {
		return err
	}
	content, err := e.keep(ctx, doc)
	if err != nil {
		return fmt.Errorf("storing the input of job %s: %w", doc.JobID, err)
	}
	_, err = e.steps.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &e.o.StateMachine, Name: aws.String(executionName(doc)), Input: aws.String(string(content)),
	})
	if err = Explain(err); err != nil && !errors.Is(err, errExists) {
		return fmt.Errorf("starting job %s: %w", doc.JobID, err)
	}
	return nil
}

// store writes an object unless one is there.
func (e *Engine) store(ctx context.Context, key string, content []byte) error {
	err := Explain(e.objects.Create(ctx, key, content))
	if errors.Is(err, errExists) {
		return nil
	}
	return err
}

// Cancel implements run.Backend. The container of a stopped execution gets the
// interrupt and up to 30 seconds to write down how it ended.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	in, err := e.input(ctx, id)
	if err != nil {
		return err
	}
	if in.Command == run.KindApproval {
		_, err := e.settle(ctx, in.JobDocument, run.ApprovalCancelled())
		return err
	}
	if err := e.store(ctx, CancelledKey(in.Key), []byte("asked to end")); err != nil {
		return fmt.Errorf("noting that job %s is cancelled: %w", id, err)
	}
	return e.stop(ctx, in.JobDocument)
}

// stop ends the execution of a job, if it has not ended.
func (e *Engine) stop(ctx context.Context, doc run.JobDocument) error {
	arn := executionARN(e.o.StateMachine, executionName(doc))
	_, err := e.steps.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Cancelled"), Cause: aws.String("Cancelled on request.")})
	switch err = Explain(err); {
	case errors.Is(err, errMissing):
		return run.ErrNotFound
	case errors.Is(err, errEnded):
		return nil
	case err != nil:
		return fmt.Errorf("stopping job %s: %w", doc.JobID, err)
	}
	return nil
}

// Withdraw implements run.Backend: it makes the claim that the job makes before
// it changes something. A job that was faster goes on.
func (e *Engine) Withdraw(ctx context.Context, id string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	in, err := e.input(ctx, id)
	if err != nil {
		return err
	}
	if Changes(in.Command) {
		withdrawn, _, err := e.withdraw(ctx, in)
		if err != nil || !withdrawn {
			return err
		}
	}
	return e.Cancel(ctx, id)
}

// withdraw reports whether the job will not change anything, and who has the
// claim: empty when that is not known.
func (e *Engine) withdraw(ctx context.Context, in Input) (withdrawn bool, by string, err error) {
	if in.Claim == "" { // without one nothing begins
		return true, "", nil
	}
	err = e.objects.Claim(ctx, in.Claim, runner.Withdrawn)
	if err == nil {
		return true, runner.Withdrawn, nil
	}
	by, claimed, readErr := e.objects.Claimant(ctx, in.Claim) // also after an answer was lost
	if readErr != nil {
		return false, "", WithoutSecrets(errors.Join(err, readErr))
	}
	if !claimed {
		return false, "", WithoutSecrets(err)
	}
	return by == runner.Withdrawn, by, nil
}
