package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// everywhere lists the actions for which AWS has no narrower resource than *,
// by the service authorization reference.
var everywhere = map[string]string{
	"ecr:GetAuthorizationToken":                      "a login is for the whole registry; pulling is bounded to the repository",
	"batch:DescribeJobs":                             "Batch has no resource level for reading",
	"batch:ListJobs":                                 "as above",
	"batch:DescribeJobDefinitions":                   "as above",
	"batch:DescribeJobQueues":                        "as above",
	"xray:PutTraceSegments":                          "X-Ray has no resource level",
	"xray:PutTelemetryRecords":                       "as above",
	"xray:GetSamplingRules":                          "as above",
	"xray:GetSamplingTargets":                        "as above",
	"logs:CreateLogDelivery":                         "log delivery has no resource level; Step Functions asks for it to write its log",
	"logs:DeleteLogDelivery":                         "as above",
	"logs:GetLogDelivery":                            "as above",
	"logs:ListLogDeliveries":                         "as above",
	"logs:UpdateLogDelivery":                         "as above",
	"logs:PutResourcePolicy":                         "as above",
	"logs:DescribeResourcePolicies":                  "as above",
	"logs:DescribeLogGroups":                         "as above",
	"ec2:DescribeNetworkInterfaces":                  "EC2 has no resource level for reading",
	"ec2:DescribeSubnets":                            "as above",
	"deny sts:AssumeRole":                            "a Deny is meant for everything",
	"deny ec2:CreateNetworkInterface":                "as above",
	"deny ec2:DeleteNetworkInterface":                "as above",
	"deny ec2:DescribeNetworkInterfaces":             "as above",
	"deny ec2:DescribeSubnets":                       "as above",
	"key policy kms:*":                               "in a key policy * is the key itself, and the account's own policies decide (AWS KMS, default key policy)",
	"key policy kms:Encrypt":                         "in a key policy * is the key itself",
	"key policy kms:Decrypt":                         "as above",
	"key policy kms:ReEncryptFrom":                   "as above",
	"key policy kms:ReEncryptTo":                     "as above",
	"key policy kms:GenerateDataKey":                 "as above",
	"key policy kms:DescribeKey":                     "as above",
	"key policy kms:GenerateDataKeyWithoutPlaintext": "as above",
}

// identityPolicies lists the statements of each role and managed policy.
func (b body) identityPolicies() map[string][]any {
	found := map[string][]any{}
	for name, r := range b.Resources {
		switch r.Type {
		case "AWS::IAM::Role":
			policies := r.Properties["Policies"]
			if wanted := at(policies, "Fn::If", 1); wanted != nil {
				policies = wanted // what a parameter adds is looked at, too
			}
			for _, p := range list(policies) {
				if p != nil {
					found[name] = append(found[name], list(at(p, "PolicyDocument", "Statement"))...)
				}
			}
		case "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy":
			found[name] = append(found[name], list(at(r.Properties, "PolicyDocument", "Statement"))...)
		case "AWS::KMS::Key":
			found["key policy"] = append(found["key policy"], list(at(r.Properties, "KeyPolicy", "Statement"))...)
		}
	}
	return found
}

func TestPoliciesNameActionsAndResources(t *testing.T) {
	used := map[string]bool{}
	for owner, statements := range parsed(t).identityPolicies() {
		for _, s := range statements {
			for _, a := range list(at(s, "Action")) {
				action := fmt.Sprint(a)
				if strings.Contains(action, "*") && owner != "key policy" {
					t.Errorf("%s allows %s", owner, action)
				}
				if !slices.Contains(list(at(s, "Resource")), any("*")) {
					continue
				}
				switch {
				case owner == "key policy":
					action = "key policy " + action
				case at(s, "Effect") == "Deny":
					action = "deny " + action
				}
				used[action] = true
				if everywhere[action] == "" {
					t.Errorf("%s: %s is allowed on every resource", owner, action)
				}
			}
			if at(s, "NotAction") != nil || at(s, "NotResource") != nil {
				t.Errorf("%s: %v allows what it does not name", owner, s)
			}
		}
	}
	for action := range everywhere {
		if !used[action] {
			t.Errorf("nothing needs %s on every resource: take it off the list", action)
		}
	}
}

func TestNoRoleHasAPolicyOfAWS(t *testing.T) {
	for name, r := range parsed(t).Resources {
		if r.Properties["ManagedPolicyArns"] != nil {
			t.Errorf("%s has managed policies, which AWS may widen", name)
		}
	}
}

// T48: what a plan may read, an apply may change; the two never mix, and the
// server is neither.
func TestT48_PlanAndApplyAndServerAreApart(t *testing.T) {
	b := parsed(t)
	policies := b.identityPolicies()
	for owner, want := range map[string]string{"PlanJobPolicy": "PlanRoleArns", "ApplyJobRole": "ApplyRoleArns"} {
		for _, s := range policies[owner] {
			actions := list(at(s, "Action"))
			if slices.Contains(actions, any("sts:AssumeRole")) && (at(s, "Resource", "Ref") != want || at(s, "Condition", "StringEquals", "sts:ExternalId", "Ref") != "ExternalId") {
				t.Errorf("%s assumes by %v", owner, s)
			}
			if slices.Contains(actions, any("sts:TagSession")) && at(s, "Resource", "Ref") != want {
				t.Errorf("%s tags sessions by %v", owner, s)
			}
		}
	}
	for owner, statements := range policies {
		for _, s := range statements {
			if slices.Contains(list(at(s, "Action")), any("sts:AssumeRole")) && at(s, "Effect") == "Allow" && owner != "PlanJobPolicy" && owner != "ApplyJobRole" {
				t.Errorf("%s may assume roles", owner)
			}
		}
	}
	denied := slices.ContainsFunc(policies["ServerPolicy"], func(s any) bool {
		return at(s, "Effect") == "Deny" && at(s, "Action") == "sts:AssumeRole" && at(s, "Resource") == "*"
	})
	if !denied {
		t.Error("the server's policy does not deny sts:AssumeRole")
	}
	if got := at(b.Resources["PlanJobDefinition"].Properties, "ContainerProperties", "JobRoleArn", "Fn::GetAtt"); got != "PlanJobRole.Arn" {
		t.Errorf("a plan runs as %v", got)
	}
	if got := at(b.Resources["ApplyJobDefinition"].Properties, "ContainerProperties", "JobRoleArn", "Fn::GetAtt"); got != "ApplyJobRole.Arn" {
		t.Errorf("an apply runs as %v", got)
	}
}

// T22: an apply reads the version of the plan that its document names; a plan
// that somebody put over it does not exist for it.
func TestT22_AnApplyReadsOneVersionOfAPlan(t *testing.T) {
	read := map[string]bool{"${Bucket.Arn}/tasks/${PlanJobRole.RoleId}:*.plan.*": false, "${Bucket.Arn}/tasks/${PlanFunctionRole.RoleId}:*.plan.*": false}
	policies := parsed(t).identityPolicies()
	for _, s := range slices.Concat(policies["ApplyJobRole"], policies["PlansOfTheFunctionPolicy"]) {
		for _, r := range list(at(s, "Resource")) {
			resource, actions := fmt.Sprint(at(r, "Fn::Sub")), list(at(s, "Action"))
			if _, ofPlan := read[resource]; ofPlan && slices.Equal(actions, []any{"s3:GetObjectVersion"}) {
				read[resource] = true
				continue
			}
			reachesPlans := strings.Contains(resource, "/tasks/") || strings.HasSuffix(resource, "Arn}/*")
			if reachesPlans && !slices.Equal(actions, []any{"s3:PutObject"}) {
				t.Errorf("an apply may %v on %s", actions, resource)
			}
		}
	}
	for what, can := range read {
		if !can {
			t.Errorf("an apply cannot read %s by version", what)
		}
	}
}

// No container lists, reads what jobs wrote but a plan by its version, or writes
// anywhere but under the name that ECS or Lambda gave to its session.
func TestAJobWritesUnderItsOwnNameAlone(t *testing.T) {
	policies := parsed(t).identityPolicies()
	for _, owner := range []string{"PlanJobPolicy", "ApplyJobRole"} {
		for _, s := range policies[owner] {
			for _, a := range list(at(s, "Action")) {
				action := fmt.Sprint(a)
				switch {
				case action == "s3:PutObject":
					for _, r := range list(at(s, "Resource")) {
						resource := fmt.Sprint(at(r, "Fn::Sub"))
						if resource != "${Bucket.Arn}/tasks/${!aws:userid}/*" && (owner != "ApplyJobRole" || resource != "${Bucket.Arn}/claims/*") {
							t.Errorf("%s writes to %s", owner, resource)
						}
					}
				case strings.HasPrefix(action, "s3:") && action != "s3:GetObject" && action != "s3:GetObjectVersion":
					t.Errorf("%s may %s", owner, action)
				}
			}
		}
	}
}

func TestAServiceAssumesARoleOnlyForThisAccount(t *testing.T) {
	for name, r := range parsed(t).Resources {
		for _, s := range list(at(r.Properties, "AssumeRolePolicyDocument", "Statement")) {
			service := at(s, "Principal", "Service")
			// Lambda does not say for which account it asks.
			if s != nil && service != "lambda.amazonaws.com" && at(s, "Condition", "StringEquals", "aws:SourceAccount", "Ref") != "AWS::AccountId" {
				t.Errorf("%s is assumed by %v without a condition", name, service)
			}
		}
	}
}

// Lambda makes network interfaces with the role that the code of a plan has, too. That
// code may neither take the account's interfaces nor use up its quota.
func TestTheCodeOfAFunctionMakesNoNetworkInterfaces(t *testing.T) {
	statements := parsed(t).identityPolicies()["PlanFunctionRole"]
	denied := slices.ContainsFunc(statements, func(s any) bool {
		return at(s, "Effect") == "Deny" && at(s, "Resource") == "*" && fmt.Sprint(list(at(s, "Action"))) == "[ec2:CreateNetworkInterface ec2:DeleteNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets]" &&
			strings.HasSuffix(fmt.Sprint(at(s, "Condition", "ArnEquals", "lambda:SourceFunctionArn", "Fn::Sub")), ":function:${NamePrefix}_${Environment}_plan")
	})
	if !denied {
		t.Errorf("it may do what Lambda does for it: %v", statements)
	}
}
