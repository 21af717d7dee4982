package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
)

// These checks read how the stack is set up, for what cannot be provoked.

func (d *doctor) checkTraces(ctx context.Context) (string, error) {
	m, err := d.steps.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &d.o.StateMachine})
	if err != nil {
		return "", engine.Explain(err)
	}
	return traced(m)
}

func traced(m *sfn.DescribeStateMachineOutput) (string, error) {
	if m.TracingConfiguration == nil || !m.TracingConfiguration.Enabled {
		return "", warning{errors.New("executions are not traced")}
	}
	logs := m.LoggingConfiguration
	if logs == nil || logs.Level == sfntypes.LogLevelOff || logs.Level == "" {
		return "", warning{errors.New("errors of executions are not logged")}
	}
	if logs.IncludeExecutionData {
		return "", errors.New("the log has the data of executions, and task tokens with them")
	}
	return fmt.Sprintf("X-Ray is on, the log has %s without data", logs.Level), nil
}

func (d *doctor) checkStuck(ctx context.Context) (string, error) {
	for _, name := range d.queues() {
		queue, err := d.jobQueue(ctx, name)
		if err != nil {
			return "", err
		}
		if err := endsStuck(*queue); err != nil {
			return "", err
		}
	}
	return "the queues have the rules for jobs that can never start; whether they end one that waits for Spot AWS does not say, and its time limit does", nil
}

// stuck are the reasons for which a job stays RUNNABLE that a queue can end it
// for (AWS Batch user guide, "Jobs stuck in a RUNNABLE status"). How the first one is
// found out is described for EC2 alone; nothing was found that says it of Fargate.
var stuck = []string{"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"}

func endsStuck(queue types.JobQueueDetail) error {
	for _, reason := range stuck {
		if !slices.ContainsFunc(queue.JobStateTimeLimitActions, func(a types.JobStateTimeLimitAction) bool {
			return a.State == types.JobStateTimeLimitActionsStateRunnable && aws.ToString(a.Reason) == reason
		}) {
			return fmt.Errorf("%s does not end jobs that stay RUNNABLE with %s", aws.ToString(queue.JobQueueName), reason)
		}
	}
	return nil
}

func (d *doctor) jobQueue(ctx context.Context, name string) (*types.JobQueueDetail, error) {
	out, err := d.jobs.DescribeJobQueues(ctx, &batch.DescribeJobQueuesInput{JobQueues: []string{name}})
	if err != nil {
		return nil, engine.Explain(err)
	}
	if len(out.JobQueues) != 1 {
		return nil, fmt.Errorf("%s is not there", name)
	}
	return &out.JobQueues[0], nil
}

func (d *doctor) checkSpot(ctx context.Context) (string, error) {
	return d.each(ctx, func(ctx context.Context, name string) (string, error) {
		plan, err := d.machines(ctx, d.o.Environments[name].PlanQueue)
		if err != nil {
			return "", err
		}
		apply, err := d.machines(ctx, d.o.Environments[name].ApplyQueue)
		if err != nil {
			return "", err
		}
		return onSpot(plan, apply)
	})
}

// machines are the kinds of machines of a queue, in its order.
func (d *doctor) machines(ctx context.Context, name string) (kinds []types.CRType, err error) {
	queue, err := d.jobQueue(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, c := range queue.ComputeEnvironmentOrder {
		out, err := d.jobs.DescribeComputeEnvironments(ctx, &batch.DescribeComputeEnvironmentsInput{ComputeEnvironments: []string{aws.ToString(c.ComputeEnvironment)}})
		if err != nil {
			return nil, warning{fmt.Errorf("not looked at, for want of the right batch:DescribeComputeEnvironments: %w", engine.Explain(err))}
		}
		if len(out.ComputeEnvironments) != 1 || out.ComputeEnvironments[0].ComputeResources == nil {
			return nil, fmt.Errorf("the compute environment %s of %s is not there", aws.ToString(c.ComputeEnvironment), name)
		}
		kinds = append(kinds, out.ComputeEnvironments[0].ComputeResources.Type)
	}
	return kinds, nil
}

func onSpot(plan, apply []types.CRType) (string, error) {
	if len(apply) == 0 || slices.ContainsFunc(apply, func(kind types.CRType) bool { return kind != types.CRTypeFargate }) {
		return "", fmt.Errorf("applies run on %v: AWS may take such a machine back in the middle of one", apply)
	}
	if !slices.Contains(plan, types.CRTypeFargateSpot) {
		return "", warning{fmt.Errorf("plans run on %v, and not on FARGATE_SPOT, which costs a third", plan)}
	}
	return fmt.Sprintf("plans run on %v, applies on %v", plan, apply), nil
}
