package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

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

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// Check is what was found out about one part of the engine.
type Check struct {
	Name  string
	Found string // what is there, when all is well
	Err   error  // what is wrong
	Warn  bool   // Err keeps nothing from working
	Do    string // and what to do about it
}

// warning is an error that keeps nothing from working.
type warning struct{ error }

// doctor looks at an engine: by AWS's own calls at how its parts are set up, and by
// the engine's at what becomes of jobs.
type doctor struct {
	*engine.Engine
	o       engine.Options
	objects *s3.Client
	steps   *sfn.Client
	jobs    *batch.Client
	queue   *sqs.Client
	batch   *engine.Engine  // the same engine, without functions
	probing *engine.Engine  // that one, whose jobs try what they may not do
	names   []string        // of environments, one of each place where jobs run
	plan    run.JobDocument // of the first of them, that ran on Batch
}

// Checks looks at every part of the engine with the server's credentials. The last ones
// run jobs that can do nothing: each goes the whole way of a job of its kind.
func Checks(ctx context.Context, o engine.Options) iter.Seq[Check] {
	plain := o
	plain.Lambda = nil
	probe := plain
	probe.Probe = true
	d := &doctor{
		Engine: engine.New(o), o: o, batch: engine.New(plain), probing: engine.New(probe), objects: bucket.NewClient(o.Config),
		steps: sfn.NewFromConfig(o.Config), jobs: batch.NewFromConfig(o.Config), queue: sqs.NewFromConfig(o.Config), names: places(o.Environments),
	}
	const noStart = "Read the cause above; docs/aws.md says what it means when no container starts."
	checks := []struct {
		name, do string
		look     func(context.Context) (string, error)
	}{
		{"caller", "Give the server AWS credentials: the role of its machine, or variables in its environment.", d.checkCaller},
		{"bucket", "Correct aws.bucket, or deploy the stack again: the bucket keeps versions and is encrypted.", d.checkBucket},
		{"queue", "Correct aws.status_queue and aws.dead_letter_queue, attach the stack's ServerPolicy to the server, or read and empty the dead letter queue.", d.checkQueue},
		{"state machine", "Correct aws.state_machine, or attach the stack's ServerPolicy to the server.", d.checkMachine},
		{"traces and logs", "Deploy the stack again: executions are traced, and their errors logged.", d.checkTraces},
		{"job queues", "Correct aws.plan_queue and aws.apply_queue, or those of the environment, or enable the queues.", d.checkQueues},
		{"stuck jobs", "Deploy the stack again: its queues end jobs that cannot start. Without that they wait for ever.", d.checkStuck},
		{"spot", "Deploy the stack again: its plans run on FARGATE_SPOT and then FARGATE, its applies on FARGATE alone. The server needs no right to see that: run this once with your own role, or allow batch:DescribeComputeEnvironments.", d.checkSpot},
		{"job definitions", "Correct the environment's aws.plan_definition and aws.apply_definition, or deploy its stack again with ImageUri by digest (repository@sha256:...).", d.checkDefinitions},
		{"job", noStart, d.checkPlanJob},
		{"cold start", "Plans begin late. Look at the size of the image, at the way of the subnets to ECR, and whether jobs wait for MaxVcpus or for your Fargate quota.", d.checkColdStart},
		{"function", "Read /aws/lambda/<NamePrefix>_<Environment>_plan, the function's log, or remove lambda from the environments: plans then run on Batch.", d.checkFunction},
		{"apply job", noStart, d.checkApplyJob},
		{"isolation", "Correct the environment's aws.plan_role_id and aws.apply_role_id, or deploy its stack again. If both are right, ECS does not name sessions as it is relied on: nothing can be forged then, and no job can say how it ended.", d.checkIsolation},
		{"approval", "Attach the stack's ServerPolicy to the server: it answers with states:SendTaskSuccess, on the state machine. What waits goes on without that only when its time is over.", d.checkApproval},
		{"cancel", "Attach the stack's ServerPolicy to the server: it cancels with states:StopExecution. If the container was killed, its memory or its 30 seconds were too short: read its log.", d.checkCancel},
	}
	return func(yield func(Check) bool) {
		for _, c := range checks {
			found, err := c.look(ctx)
			_, warn := errors.AsType[warning](err)
			if !yield(Check{c.name, found, err, warn, c.do}) {
				return
			}
		}
	}
}

// places are names of environments, one of each place where jobs run, in order.
func places(environments map[string]engine.Environment) (names []string) {
	seen := map[engine.Environment]bool{}
	for _, name := range slices.Sorted(maps.Keys(environments)) {
		if where := environments[name]; !seen[where] {
			seen[where] = true
			names = append(names, name)
		}
	}
	return names
}

// each looks at all places at once, and says of each what was found.
func (d *doctor) each(ctx context.Context, look func(ctx context.Context, name string) (string, error)) (string, error) {
	found, wrong := make([]string, len(d.names)), make([]error, len(d.names))
	var all sync.WaitGroup
	for i, name := range d.names {
		all.Go(func() {
			found[i], wrong[i] = look(ctx, name)
			if found[i] != "" {
				found[i] = name + ": " + found[i]
			}
			if wrong[i] != nil {
				wrong[i] = fmt.Errorf("environment %s: %w", name, wrong[i])
			}
		})
	}
	all.Wait()
	found = slices.DeleteFunc(found, func(s string) bool { return s == "" }) // where there was nothing to look at
	return strings.Join(found, "; "), errors.Join(wrong...)
}

// queues are the job queues of all places, each once.
func (d *doctor) queues() []string {
	var all []string
	for _, name := range d.names {
		all = append(all, d.o.Environments[name].PlanQueue, d.o.Environments[name].ApplyQueue)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (d *doctor) checkCaller(ctx context.Context) (string, error) {
	who, err := sts.NewFromConfig(d.o.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", engine.Explain(err)
	}
	return aws.ToString(who.Arn), nil
}

func (d *doctor) checkBucket(ctx context.Context) (string, error) {
	v, err := d.objects.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &d.o.Bucket})
	if err != nil {
		return "", engine.Explain(err)
	}
	if v.Status != s3types.BucketVersioningStatusEnabled {
		return "", errors.New("it keeps no versions")
	}
	if _, err := d.objects.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &d.o.Bucket}); err != nil {
		return "", engine.Explain(err)
	}
	return d.o.Bucket + " keeps versions and is encrypted", nil
}

func (d *doctor) checkQueue(ctx context.Context) (string, error) {
	out, err := d.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &d.o.StatusQueue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameRedrivePolicy},
	})
	if err != nil {
		return "", engine.Explain(err)
	}
	if !strings.Contains(out.Attributes["RedrivePolicy"], "deadLetterTargetArn") {
		return "", errors.New("it has no dead letter queue")
	}
	dead, err := d.DeadLetters(ctx)
	if err != nil {
		return "", err
	}
	if dead != "0" {
		return "", errors.New("messages that could not be acted on: " + dead)
	}
	return "no dead letters", nil
}

func (d *doctor) checkMachine(ctx context.Context) (string, error) {
	m, err := d.steps.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &d.o.StateMachine})
	if err != nil {
		return "", engine.Explain(err)
	}
	if m.Type != sfntypes.StateMachineTypeStandard {
		return "", fmt.Errorf("it is %s and must be STANDARD", m.Type)
	}
	return aws.ToString(m.Name), nil
}

func (d *doctor) checkQueues(ctx context.Context) (string, error) {
	for _, queue := range d.queues() {
		found, err := d.jobQueue(ctx, queue)
		if err != nil {
			return "", err
		}
		if found.State != types.JQStateEnabled {
			return "", fmt.Errorf("%s is not enabled", queue)
		}
	}
	return "enabled", nil
}

// checkDefinitions looks at what jobs get: the revision that the config names, or the
// newest one where it names none.
func (d *doctor) checkDefinitions(ctx context.Context) (string, error) {
	for _, name := range d.names {
		env := d.o.Environments[name]
		if err := d.definition(ctx, env.PlanDefinition, false); err != nil {
			return "", fmt.Errorf("environment %s: %w", name, err)
		}
		if err := d.definition(ctx, env.ApplyDefinition, true); err != nil {
			return "", fmt.Errorf("environment %s: %w", name, err)
		}
	}
	return "images by digest, applies are tried once", nil
}

func (d *doctor) definition(ctx context.Context, arn string, once bool) error {
	name := arn[strings.LastIndex(arn, "/")+1:]
	wanted := &batch.DescribeJobDefinitionsInput{JobDefinitionName: &name, Status: aws.String("ACTIVE")}
	if strings.Contains(name, ":") {
		wanted = &batch.DescribeJobDefinitionsInput{JobDefinitions: []string{arn}} // together with nothing else
	}
	out, err := d.jobs.DescribeJobDefinitions(ctx, wanted)
	if err != nil {
		return engine.Explain(err)
	}
	return judgeDefinition(name, out.JobDefinitions, once)
}

// judgeDefinition judges the newest of the revisions that were found by a name.
func judgeDefinition(name string, found []types.JobDefinition, once bool) error {
	active := slices.DeleteFunc(found, func(d types.JobDefinition) bool { return aws.ToString(d.Status) != "ACTIVE" })
	if len(active) == 0 {
		return fmt.Errorf("there is no active job definition %s", name)
	}
	newest := slices.MaxFunc(active, func(a, b types.JobDefinition) int {
		return cmp.Compare(aws.ToInt32(a.Revision), aws.ToInt32(b.Revision))
	})
	if c := newest.ContainerProperties; c == nil || !strings.Contains(aws.ToString(c.Image), "@sha256:") {
		return fmt.Errorf("the image of %s is not named by digest", name)
	}
	if r := newest.RetryStrategy; once && (r == nil || aws.ToInt32(r.Attempts) != 1) {
		return fmt.Errorf("%s has more than one attempt: an apply must not be repeated", name)
	}
	return nil
}
