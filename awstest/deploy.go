package awstest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Deploy creates a CloudFormation stack and returns its outputs.
func (e *Emulator) Deploy(t testing.TB, stack, template string, parameters map[string]string) map[string]string {
	t.Helper()
	outputs, err := deploy(t.Context(), cloudformation.NewFromConfig(e.Config("deployer"), refusedOnce), stack, template, parameters)
	if err != nil {
		t.Fatalf("deploying %s: %v\n%s", stack, err, e.Log())
	}
	return outputs
}

// refusedOnce has a call made again only when its answer was lost, as a busy machine
// loses some: a second try of one that was refused hides why.
func refusedOnce(o *cloudformation.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.Retryables = []retry.IsErrorRetryable{retry.RetryableConnectionError{}}
	})
}

// Update changes the template or the parameters of a stack.
func (e *Emulator) Update(t testing.TB, stack, template string, parameters map[string]string) {
	t.Helper()
	client := cloudformation.NewFromConfig(e.Config("deployer"), refusedOnce)
	_, err := client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: &stack, TemplateBody: &template, Parameters: given(parameters), Capabilities: capabilities,
	})
	if err == nil {
		err = cloudformation.NewStackUpdateCompleteWaiter(client, func(o *cloudformation.StackUpdateCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
		}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack}, time.Minute)
	}
	if err != nil {
		t.Fatalf("updating %s: %v\n%s", stack, err, e.Log())
	}
}

var capabilities = []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam}

func given(parameters map[string]string) (list []types.Parameter) {
	for name, value := range parameters {
		list = append(list, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	return list
}

func deploy(ctx context.Context, client *cloudformation.Client, stack, template string, parameters map[string]string) (map[string]string, error) {
	in := &cloudformation.CreateStackInput{StackName: &stack, TemplateBody: &template, Capabilities: capabilities, Parameters: given(parameters)}
	_, err := client.CreateStack(ctx, in)
	if _, there := errors.AsType[*types.AlreadyExistsException](err); err != nil && !there { // or the answer was lost
		return nil, err
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	})
	out, err := waiter.WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: &stack}, time.Minute)
	if err != nil {
		return nil, err
	}
	if len(out.Stacks) != 1 {
		return nil, errors.New("the stack is not there")
	}
	outputs := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	if len(outputs) == 0 && len(out.Stacks[0].Parameters) != 0 {
		return nil, fmt.Errorf("stack %s has no outputs", stack)
	}
	return outputs, nil
}
