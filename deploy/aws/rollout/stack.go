package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/lockkeeper/lockkeeper/deploy/aws"
)

// stack is one that is there.
type stack = types.Stack

// outputs of a stack; none of one that is not there.
func outputs(s *stack) map[string]string {
	out := map[string]string{}
	if s != nil {
		for _, o := range s.Outputs {
			out[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	return out
}

// parameters of a stack; none of one that is not there.
func parameters(s *stack) map[string]string {
	given := map[string]string{}
	if s != nil {
		for _, p := range s.Parameters {
			given[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
		}
	}
	return given
}

// known are the stacks of the prefix, by name. Others may have names that begin alike:
// those of a server with a longer prefix, and what is none of ours.
func (r *Rollout) known(ctx context.Context) (map[string]*stack, error) {
	found := map[string]*stack{}
	pages := cloudformation.NewDescribeStacksPaginator(r.stacks, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking at the stacks of this account: %w", err)
		}
		for _, s := range page.Stacks {
			switch name := aws.ToString(s.StackName); {
			case s.StackStatus == types.StackStatusDeleteComplete, parameters(&s)["NamePrefix"] != r.Settings.Prefix:
			case name == r.Settings.Prefix+"-base", name == r.Settings.Prefix+"-engine", strings.HasPrefix(name, r.Settings.Prefix+"-environment-"):
				found[name] = &s
			}
		}
	}
	return found, nil
}

// look is a stack as it is; nil when it is not there.
func (r *Rollout) look(ctx context.Context, name string) (*stack, error) {
	out, err := r.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the stack %s: %w", name, err)
	}
	if len(out.Stacks) == 0 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

var capabilities = []types.Capability{types.CapabilityCapabilityNamedIam}

// empty are the states of a stack that has nothing in it: its first deploy failed, or
// a change set was to make it and was not carried out.
var empty = []types.StackStatus{types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusReviewInProgress}

// usable says why a stack, which may be nil, takes no update, and what a person has to
// do (AWS CloudFormation user guide, "Stack status codes"). One whose update was rolled
// back is what it was before.
func usable(s *stack) error {
	if s == nil {
		return nil
	}
	do := ""
	switch s.StackStatus {
	case types.StackStatusUpdateRollbackFailed:
		do = "correct that and run `aws cloudformation continue-update-rollback --stack-name %s`"
	case types.StackStatusUpdateFailed:
		do = "run `aws cloudformation rollback-stack --stack-name %s`"
	case types.StackStatusCreateFailed, types.StackStatusDeleteFailed:
		do = "correct that and run `aws cloudformation delete-stack --stack-name %s`"
	default:
		return nil
	}
	name := aws.ToString(s.StackName)
	return fmt.Errorf("the stack %s is in %s (%s) and takes no update: "+do+", then run this again", name, s.StackStatus, aws.ToString(s.StackStatusReason), name)
}

// deploy makes or updates a stack, and returns its outputs. One with nothing in it is
// made again.
func (r *Rollout) deploy(ctx context.Context, s deploy.Stack, image string) (map[string]string, error) {
	there, err := r.settled(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if there != nil && slices.Contains(empty, there.StackStatus) {
		if err := r.remove(ctx, s.Name); err != nil {
			return nil, err
		}
		there = nil
	}
	if err := usable(there); err != nil {
		return nil, err
	}
	began, did := time.Now(), "updated"
	if there == nil {
		did = "made"
		_, err = r.stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &s.Name, TemplateBody: &s.Template, Capabilities: capabilities, Parameters: r.given(s, image, nil)})
	} else {
		_, err = r.stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &s.Name, TemplateBody: &s.Template, Capabilities: capabilities, Parameters: r.given(s, image, there)})
		if api, ok := errors.AsType[smithy.APIError](err); ok && strings.Contains(api.ErrorMessage(), "No updates are to be performed") {
			r.say(r.short(s.Name), "nothing to change")
			return outputs(there), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("deploying the stack %s: %w", s.Name, err)
	}
	there, err = r.settled(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if there == nil || there.StackStatus != types.StackStatusCreateComplete && there.StackStatus != types.StackStatusUpdateComplete {
		return nil, fmt.Errorf("the stack %s could not be %s: %s. Correct it and run this again", s.Name, did, r.why(ctx, s.Name, began))
	}
	r.say(r.short(s.Name), "%s in %.0f s", did, time.Since(began).Seconds())
	return outputs(there), nil
}

// given are the parameters for a stack. What nobody names keeps its value where the
// stack has one already, so that an upgrade changes nothing that was set by hand.
func (r *Rollout) given(s deploy.Stack, image string, there *stack) (list []types.Parameter) {
	named := r.Settings.given(s, image)
	for name, value := range named {
		list = append(list, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	if there == nil {
		return list
	}
	for name := range parameters(there) {
		if _, has := named[name]; !has && s.Takes(name) {
			list = append(list, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
		}
	}
	return list
}

// settled waits until nothing is done to a stack any more.
func (r *Rollout) settled(ctx context.Context, name string) (*stack, error) {
	for {
		there, err := r.look(ctx, name)
		if err != nil || there == nil || slices.Contains(empty, there.StackStatus) || !strings.HasSuffix(string(there.StackStatus), "_IN_PROGRESS") {
			return there, err
		}
		if err := r.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// remove deletes a stack.
func (r *Rollout) remove(ctx context.Context, name string) error {
	began := time.Now()
	if _, err := r.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		return fmt.Errorf("removing the stack %s: %w", name, err)
	}
	there, err := r.settled(ctx, name)
	if err != nil {
		return err
	}
	if there != nil {
		return fmt.Errorf("the stack %s could not be removed: %s", name, r.why(ctx, name, began))
	}
	r.say(r.short(name), "removed in %.0f s", time.Since(began).Seconds())
	return nil
}

// why is what failed in a stack since then, as CloudFormation says it: the first ones,
// because the others follow from them.
func (r *Rollout) why(ctx context.Context, name string, since time.Time) string {
	out, err := r.stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		return "CloudFormation does not say why (" + err.Error() + ")"
	}
	var said []string
	for i := len(out.StackEvents) - 1; i >= 0 && len(said) < 3; i-- { // newest first
		e := out.StackEvents[i]
		if reason := aws.ToString(e.ResourceStatusReason); strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && reason != "" && !aws.ToTime(e.Timestamp).Before(since.Add(-time.Minute)) {
			said = append(said, aws.ToString(e.LogicalResourceId)+": "+reason)
		}
	}
	if len(said) == 0 {
		return "CloudFormation does not say why"
	}
	return strings.Join(said, "; ")
}
