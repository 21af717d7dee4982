package aws

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lockkeeper/lockkeeper/run"
)

// Check is what was found out about one part of the engine.
type Check struct {
	Name  string
	Found string // what is there, when all is well
	Err   error  // what is wrong
	Do    string // and what to do about it
}

// Checks looks at every part with the server's credentials. The last two run a
// plan and an apply that cannot be done: they fail before terraform, and that they
// say so has gone the whole way.
func (e *Engine) Checks(ctx context.Context) iter.Seq[Check] {
	checks := []struct {
		name, do string
		look     func(context.Context) (string, error)
	}{
		{"caller", "Give the server AWS credentials: the role of its machine, or variables in its environment.", e.checkCaller},
		{"bucket", "Correct aws.bucket, or deploy the stack again: the bucket keeps versions and is encrypted.", e.checkBucket},
		{"queue", "Correct aws.status_queue and aws.dead_letter_queue, attach the stack's ServerPolicy to the server, or read and empty the dead letter queue.", e.checkQueue},
		{"state machine", "Correct aws.state_machine, or attach the stack's ServerPolicy to the server.", e.checkMachine},
		{"job queues", "Correct aws.plan_queue and aws.apply_queue, or enable the queues.", e.checkQueues},
		{"job definitions", "Deploy the stack again with ImageUri by digest (repository@sha256:...).", e.checkDefinitions},
		{"job", "Read the cause above; docs/aws.md says what it means when no container starts.", e.checkPlanJob},
		{"apply job", "Read the cause above; docs/aws.md says what it means when no container starts.", e.checkApplyJob},
	}
	return func(yield func(Check) bool) {
		for _, c := range checks {
			found, err := c.look(ctx)
			if !yield(Check{c.name, found, err, c.do}) {
				return
			}
		}
	}
}

func (e *Engine) checkCaller(ctx context.Context) (string, error) {
	who, err := sts.NewFromConfig(e.o.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", explain(err)
	}
	return aws.ToString(who.Arn), nil
}

func (e *Engine) checkBucket(ctx context.Context) (string, error) {
	v, err := e.objects.Client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &e.o.Bucket})
	if err != nil {
		return "", explain(err)
	}
	if v.Status != s3types.BucketVersioningStatusEnabled {
		return "", errors.New("it keeps no versions")
	}
	if _, err := e.objects.Client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &e.o.Bucket}); err != nil {
		return "", explain(err)
	}
	return e.o.Bucket + " keeps versions and is encrypted", nil
}

func (e *Engine) checkQueue(ctx context.Context) (string, error) {
	out, err := e.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &e.o.StatusQueue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameRedrivePolicy},
	})
	if err != nil {
		return "", explain(err)
	}
	if !strings.Contains(out.Attributes["RedrivePolicy"], "deadLetterTargetArn") {
		return "", errors.New("it has no dead letter queue")
	}
	dead, err := e.DeadLetters(ctx)
	if err != nil {
		return "", err
	}
	if dead != "0" {
		return "", errors.New("messages that could not be acted on: " + dead)
	}
	return "no dead letters", nil
}

func (e *Engine) checkMachine(ctx context.Context) (string, error) {
	m, err := e.steps.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &e.o.StateMachine})
	if err != nil {
		return "", explain(err)
	}
	if m.Type != sfntypes.StateMachineTypeStandard {
		return "", fmt.Errorf("it is %s and must be STANDARD", m.Type)
	}
	return aws.ToString(m.Name), nil
}

func (e *Engine) checkQueues(ctx context.Context) (string, error) {
	for _, queue := range []string{e.o.PlanQueue, e.o.ApplyQueue} {
		out, err := e.batch.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{queue}})
		if err != nil {
			return "", explain(err)
		}
		if len(out.JobQueues) != 1 || out.JobQueues[0].State != types.JQStateEnabled {
			return "", fmt.Errorf("%s is not there or not enabled", queue)
		}
	}
	return "enabled", nil
}

// checkDefinitions relies on the template, where queues and job definitions
// have the same names.
func (e *Engine) checkDefinitions(ctx context.Context) (string, error) {
	for _, queue := range []string{e.o.PlanQueue, e.o.ApplyQueue} {
		name := queue[strings.LastIndex(queue, "/")+1:]
		out, err := e.batch.DescribeJobDefinitions(ctx, &batch.DescribeJobDefinitionsInput{JobDefinitionName: &name, Status: aws.String("ACTIVE")})
		if err != nil {
			return "", explain(err)
		}
		if len(out.JobDefinitions) == 0 {
			return "", fmt.Errorf("there is no active job definition %s", name)
		}
		newest := out.JobDefinitions[0]
		for _, d := range out.JobDefinitions {
			if aws.ToInt32(d.Revision) > aws.ToInt32(newest.Revision) {
				newest = d
			}
		}
		if c := newest.ContainerProperties; c == nil || !strings.Contains(aws.ToString(c.Image), "@sha256:") {
			return "", fmt.Errorf("the image of %s is not named by digest", name)
		}
		if r := newest.RetryStrategy; queue == e.o.ApplyQueue && (r == nil || aws.ToInt32(r.Attempts) != 1) {
			return "", fmt.Errorf("%s has more than one attempt: an apply must not be repeated", name)
		}
	}
	return "images by digest, applies are tried once", nil
}

// jobPatience is how long a harmless job may take: Fargate needs a minute or
// two.
const jobPatience = 10 * time.Minute

// checkPlanJob runs a plan whose source is not there.
func (e *Engine) checkPlanJob(ctx context.Context) (string, error) {
	return e.ends(ctx, harmless(run.KindPlan), "source_changed")
}

// checkApplyJob runs an apply that has no plan: its container refuses it, and
// claims that it never begins.
func (e *Engine) checkApplyJob(ctx context.Context) (string, error) {
	return e.ends(ctx, harmless(run.KindApply), "plan_mismatch")
}

// harmless is a job that can do nothing.
func harmless(command run.Kind) run.JobDocument {
	id := fmt.Sprintf("doctor-%d-0", time.Now().UnixMicro())
	return run.JobDocument{
		Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Command: command, Repository: "lockkeeper/doctor", Actor: "doctor",
		Project: run.JobProject{Name: "doctor", Dir: ".", Workspace: "default"},
		Source:  run.Artifact{Key: "sources/" + strings.Repeat("0", 64), SHA256: strings.Repeat("0", 64), Size: 1},
		Limits:  run.JobLimits{Seconds: 60, PlanBytes: 1},
	}
}

// ends runs a job and wants that it ends with a problem.
func (e *Engine) ends(ctx context.Context, doc run.JobDocument, code string) (string, error) {
	if err := e.Start(ctx, doc); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	began := time.Now()
	for {
		end, err := e.result(ctx, doc)
		switch {
		case err != nil:
			return "", err
		case end != nil && end.result.Problem != nil && end.result.Problem.Code == code:
			return fmt.Sprintf("%s started, read its document and wrote its result in %.0f s", doc.JobID, time.Since(began).Seconds()), nil
		case end != nil && end.result.Problem != nil:
			return "", fmt.Errorf("%s ended with %s: %s", doc.JobID, end.result.Problem.Code, end.result.Problem.Detail)
		case end != nil:
			return "", fmt.Errorf("%s ended as %s", doc.JobID, end.result.Outcome)
		}
		if sleep(ctx, pause); ctx.Err() != nil {
			return "", fmt.Errorf("%s has not ended after %s", doc.JobID, jobPatience)
		}
	}
}
