package deploy

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// What the policies say once they are deployed: T22, T36, T48.
func everyoneMayDoTheirPart(t *testing.T, s *stack) {
	const (
		plan, apply, server = "lockkeeper-plan-job", "lockkeeper-apply-job", "lockkeeper-server"
		secret              = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lockkeeper/"
	)
	objects := "arn:aws:s3:::" + s.out["Bucket"] + "/"
	id := map[string]string{"sts:ExternalId": "external-id"}
	policies := s.Policies(t)
	for _, row := range []struct {
		who, action, resource string
		context               map[string]string
		want                  bool
	}{
		{server, "states:StartExecution", s.out["StateMachine"], nil, true},
		{server, "states:StopExecution", s.execution("apply-x-1"), nil, true},
		{server, "states:SendTaskSuccess", s.out["StateMachine"], nil, true},
		{server, "states:SendTaskFailure", s.out["StateMachine"], nil, true},
		{server, "states:SendTaskSuccess", s.out["StateMachine"] + "-other", nil, false},
		{server, "s3:PutObject", objects + "approvals/r/r-0.answer.json", nil, true},
		{server, "s3:GetObject", objects + "approvals/r/r-0.token", nil, true},
		{server, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, false},
		{server, "s3:PutObject", objects + "runs/r/r-0.document.json", nil, true},
		{server, "s3:PutObject", objects + "runs/r/r-0.applied", nil, true},
		{server, "s3:GetObjectVersion", objects + "runs/r/r-0.summary.json", nil, true},
		{server, "s3:GetObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{server, "s3:GetObject", objects + "runs/r/r-0.plan.made", nil, false},
		{server, "s3:GetObjectVersion", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{server, "s3:GetObjectVersion", objects + "runs/r/r-0.plan.made", nil, false},
		{server, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, true},
		{server, "secretsmanager:GetSecretValue", secret + "server/previous-webhook-secret-AbCdEf", nil, true},
		{server, "secretsmanager:GetSecretValue", secret + "plan/token-AbCdEf", nil, false},
		{server, "secretsmanager:GetSecretValue", secret + "both/token-AbCdEf", nil, false},
		{server, "batch:SubmitJob", s.out["ApplyJobQueue"], nil, false},

		{plan, "states:SendTaskSuccess", s.out["StateMachine"], nil, false},
		{plan, "s3:PutObject", objects + "approvals/r/r-0.answer.json", nil, false},
		{plan, "s3:GetObject", objects + "approvals/r/r-0.token", nil, false},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, true},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", nil, false},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, false},
		{plan, "sts:TagSession", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, true},
		{plan, "secretsmanager:GetSecretValue", secret + "plan/token-AbCdEf", nil, true},
		{plan, "secretsmanager:GetSecretValue", secret + "both/token-AbCdEf", nil, true},
		{plan, "secretsmanager:GetSecretValue", secret + "apply/token-AbCdEf", nil, false},
		{plan, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, false},
		{plan, "s3:GetObjectVersion", objects + "sources/abc", nil, true},
		{plan, "s3:PutObject", objects + "sources/abc", nil, false},
		{plan, "s3:PutObject", objects + "runs/r/r-0.plan.tfplan", nil, true},
		{plan, "s3:PutObject", objects + "runs/r/r-0.plan.made", nil, true},
		{plan, "s3:PutObject", objects + "runs/r/r-0.document.json", nil, false},
		{plan, "s3:PutObject", objects + "runs/r/r-0.applied", nil, false},
		{plan, "s3:PutObject", objects + "runs/r/r-0.result.json", nil, true},
		{plan, "s3:PutObject", objects + "runs/r/r-0.outcome.json", nil, false},
		{plan, "s3:GetObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{plan, "s3:GetObject", objects + "runs/r/r-0.plan.made", nil, false},
		{plan, "s3:GetObject", objects + "runs/r/r-0.output.txt", nil, false},

		{apply, "states:SendTaskSuccess", s.out["StateMachine"], nil, false},
		{apply, "s3:PutObject", objects + "approvals/r/r-0.answer.json", nil, false},
		{apply, "s3:GetObject", objects + "approvals/r/r-0.token", nil, false},
		{apply, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, true},
		{apply, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, false},
		{apply, "secretsmanager:GetSecretValue", secret + "apply/token-AbCdEf", nil, true},
		{apply, "secretsmanager:GetSecretValue", secret + "plan/token-AbCdEf", nil, true},
		{apply, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, false},
		{apply, "s3:GetObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{apply, "s3:GetObject", objects + "runs/r/r-0.plan.made", nil, false},
		{apply, "s3:GetObjectVersion", objects + "runs/r/r-0.plan.tfplan", nil, true},
		{apply, "s3:GetObjectVersion", objects + "runs/r/r-0.plan.made", nil, true},
		{apply, "s3:PutObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{apply, "s3:PutObject", objects + "runs/r/r-0.plan.made", nil, false},
		{apply, "s3:PutObject", objects + "runs/r/r-0.document.json", nil, false},
		{apply, "s3:PutObject", objects + "runs/r/r-0.applied", nil, true},
		{apply, "s3:GetObject", objects + "runs/r/r-0.applied", nil, true},
		{apply, "s3:PutObject", objects + "runs/r/r-0.outcome.json", nil, true},
		{apply, "s3:PutObject", objects + "runs/r/r-0.result.json", nil, false},
		{apply, "s3:GetObject", objects + "runs/r/r-0.result.json", nil, false}, // it names the version of a plan
		{apply, "s3:ListBucketVersions", "arn:aws:s3:::" + s.out["Bucket"], nil, false},

		{"lockkeeper-states", "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, false},
		{"lockkeeper-states", "s3:GetObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{"lockkeeper-states", "s3:GetObject", objects + "runs/r/r-0.plan.made", nil, false},
		{"lockkeeper-task-execution", "s3:GetObject", objects + "sources/abc", nil, false},
		{"lockkeeper-scheduler", "states:StartExecution", s.out["StateMachine"], nil, true},
		{"lockkeeper-build", "s3:GetObject", objects + "build/source.zip", nil, true},
		{"lockkeeper-build", "s3:GetObject", objects + "runs/r/r-0.plan.tfplan", nil, false},
		{"lockkeeper-build", "s3:GetObject", objects + "runs/r/r-0.plan.made", nil, false},
		{"lockkeeper-build", "s3:PutObject", objects + "build/source.zip", nil, false},
	} {
		if got := awstest.Allows(policies[row.who], awstest.Request{Action: row.action, Resource: row.resource, Context: row.context}); got != row.want {
			t.Errorf("%s, %s on %s: %v, want %v", row.who, row.action, row.resource, got, row.want)
		}
	}
}
