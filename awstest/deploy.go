package awstest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Deploy creates a CloudFormation stack and returns its outputs.
func (e *Emulator) Deploy(t testing.TB, stack, template string, parameters map[string]string) map[string]string {
	t.Helper()
	once := func(o *cloudformation.Options) { o.RetryMaxAttempts = 1 } // a second try hides why the first one failed
	outputs, err := deploy(t.Context(), cloudformation.NewFromConfig(e.Config("deployer"), once), stack, template, parameters)
	if err != nil {
		t.Fatalf("deploying %s: %v\n%s", stack, err, e.Log())
	}
	return outputs
}

func deploy(ctx context.Context, client *cloudformation.Client, stack, template string, parameters map[string]string) (map[string]string, error) {
	in := &cloudformation.CreateStackInput{
		StackName: &stack, TemplateBody: &template,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam},
	}
	for name, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	if _, err := client.CreateStack(ctx, in); err != nil {
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
