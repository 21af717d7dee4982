package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// linkRoles makes the service-linked roles of ECS and Batch. In an account that never
// had one the first is made while the stack needs it, and a first deploy can fail by
// that (AWS Batch user guide, "Using service-linked roles"). Whoever may not make them
// goes on: the account may have them.
func (r *Rollout) linkRoles(ctx context.Context) error {
	for _, service := range []string{"ecs.amazonaws.com", "batch.amazonaws.com"} {
		_, err := r.roles.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String(service)})
		if api, ok := errors.AsType[smithy.APIError](err); ok && (strings.Contains(api.ErrorMessage(), "has been taken") || api.ErrorCode() == "EntityAlreadyExists") {
			continue
		}
		if refused, ok := errors.AsType[*awshttp.ResponseError](err); ok && refused.HTTPStatusCode() == http.StatusForbidden {
			r.say("service-linked role", "of %s: you may not make it. Most accounts have it; when a stack fails for want of it, have somebody make it", service)
			continue
		}
		if err != nil {
			return fmt.Errorf("making the service-linked role of %s: %w", service, err)
		}
		r.say("service-linked role", "of %s made", service)
	}
	return nil
}

// attach gives the server's role the policy of the stack. Who that is says the base,
// which keeps what the settings do not name any more.
func (r *Rollout) attach(ctx context.Context, policy string) error {
	base, err := r.look(ctx, r.Settings.stacks()[0].Name)
	if err != nil {
		return err
	}
	kind, name := principal(parameters(base)["ServerPrincipalArn"])
	switch kind {
	case "role":
		_, err = r.roles.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &policy})
	case "user":
		_, err = r.roles.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &policy})
	}
	if err != nil {
		return fmt.Errorf("attaching %s to the server's %s %s: %w", policy, kind, name, err)
	}
	r.say("server", "the %s %s has the policy %s", kind, name, policy)
	return r.others(ctx, policy, kind+" "+name)
}

// others names who has the policy, too, such as the server's role of before: who has it
// reads results of jobs and the server's secrets. Taking it away is for people, because
// somebody may have given it.
func (r *Rollout) others(ctx context.Context, policy, server string) error {
	attached, err := r.attached(ctx, policy)
	if err != nil {
		return err
	}
	var who []string
	for _, role := range attached.PolicyRoles {
		who = append(who, "role "+aws.ToString(role.RoleName))
	}
	for _, user := range attached.PolicyUsers {
		who = append(who, "user "+aws.ToString(user.UserName))
	}
	for _, one := range who {
		if one != server {
			r.say("server", "the %s has that policy, too: detach it if nobody means that", one)
		}
	}
	return nil
}

// attached is who has a policy; nobody when it is not there.
func (r *Rollout) attached(ctx context.Context, policy string) (*iam.ListEntitiesForPolicyOutput, error) {
	out, err := r.roles.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: &policy})
	if _, gone := errors.AsType[*iamtypes.NoSuchEntityException](err); gone {
		return &iam.ListEntitiesForPolicyOutput{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking who has %s: %w", policy, err)
	}
	return out, nil
}

// detach takes it away: a policy that somebody has cannot be removed.
func (r *Rollout) detach(ctx context.Context, policy string) error {
	if policy == "" {
		return nil
	}
	attached, err := r.attached(ctx, policy)
	if err != nil {
		return err
	}
	for _, role := range attached.PolicyRoles {
		if _, err := r.roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role.RoleName, PolicyArn: &policy}); err != nil {
			return fmt.Errorf("detaching %s from %s: %w", policy, aws.ToString(role.RoleName), err)
		}
	}
	for _, user := range attached.PolicyUsers {
		if _, err := r.roles.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: user.UserName, PolicyArn: &policy}); err != nil {
			return fmt.Errorf("detaching %s from %s: %w", policy, aws.ToString(user.UserName), err)
		}
	}
	return nil
}

// principal is whether an ARN is that of a role or user, and its name.
func principal(arn string) (kind, name string) {
	kind, path, _ := strings.Cut(arn[strings.LastIndex(arn, ":")+1:], "/")
	return kind, path[strings.LastIndex(path, "/")+1:]
}
