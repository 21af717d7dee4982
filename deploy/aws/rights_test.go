package deploy

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// The bucket's own policy is matched with every write that the tests see: one
// without its condition, or by the wrong role, does not pass.
func theBucketIsAskedAboutEachWrite(t *testing.T, s *stack) {
	for _, row := range []struct {
		who, as, key string
		once         bool
		refused      bool
	}{
		{"server", "lockkeeper-server", "sources/x", false, false},
		{"server", "lockkeeper-server", "jobs/x-0.json", true, false},
		{"server", "lockkeeper-server", "jobs/x-1.json", false, true},
		{"writer1", "lockkeeper_dev_apply", "claims/x", true, false},
		{"writer2", "lockkeeper_dev_apply", "claims/y", false, true},
		{"writer3", "lockkeeper-server", "approvals/x/x-0.answer.json", true, true}, // not the server, whatever its role allows
	} {
		objects := s3.NewFromConfig(s.Config(row.who), func(o *s3.Options) { o.UsePathStyle = true })
		in := &s3.PutObjectInput{Bucket: aws.String(s.out["Bucket"]), Key: &row.key, Body: strings.NewReader("x")}
		if row.once {
			in.IfNoneMatch = aws.String("*")
		}
		before := len(s.Refused(t, row.who, row.as))
		if _, err := objects.PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if refused := len(s.Refused(t, row.who, row.as)) > before; refused != row.refused {
			t.Errorf("%s as %s writes %s, with a condition %v: refused is %v", row.who, row.as, row.key, row.once, refused)
		}
	}
}

// What the policies say once they are deployed: T22, T36, T48.
func everyoneMayDoTheirPart(t *testing.T, s *stack) {
	const (
		plan, apply, server = "lockkeeper_dev_plan", "lockkeeper_dev_apply", "lockkeeper-server"
		function            = "lockkeeper_dev_function"
		secret              = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lockkeeper/"
	)
	objects := "arn:aws:s3:::" + s.out["Bucket"] + "/"
	id := map[string]string{"sts:ExternalId": "external-id"}
	asPlan := map[string]string{"aws:userid": s.out["PlanRoleId"] + ":1"}
	asApply := map[string]string{"aws:userid": s.out["ApplyRoleId"] + ":1"}
	victim := "tasks/" + s.out["PlanRoleId"] + ":2/"
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
		{server, "s3:PutObject", objects + "jobs/r-0.json", nil, true},
		{server, "s3:PutObject", objects + "inputs/A.json", nil, true},
		{server, "s3:PutObject", objects + "claims/A", nil, true},
		{server, "s3:GetObject", objects + "claims/A", nil, true},
		{server, "s3:PutObject", objects + "ended/r-0.json", nil, true},
		{server, "s3:GetObject", objects + victim + "r-0.result.json", nil, true},
		{server, "s3:GetObjectVersion", objects + victim + "r-0.summary.json", nil, true},
		{server, "s3:PutObject", objects + victim + "r-0.result.json", nil, false},
		{server, "s3:GetObject", objects + victim + "r-0.plan.tfplan", nil, false},
		{server, "s3:GetObject", objects + victim + "r-0.plan.made", nil, false},
		{server, "s3:GetObjectVersion", objects + victim + "r-0.plan.tfplan", nil, false},
		{server, "s3:GetObjectVersion", objects + victim + "r-0.plan.made", nil, false},
		{server, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, true},
		{server, "secretsmanager:GetSecretValue", secret + "server/previous-webhook-secret-AbCdEf", nil, true},
		{server, "secretsmanager:GetSecretValue", secret + "dev/plan/token-AbCdEf", nil, false},
		{server, "secretsmanager:GetSecretValue", secret + "dev/both/token-AbCdEf", nil, false},
		{server, "batch:SubmitJob", s.out["ApplyJobQueue"], nil, false},

		{plan, "states:SendTaskSuccess", s.out["StateMachine"], nil, false},
		{plan, "s3:PutObject", objects + "approvals/r/r-0.answer.json", nil, false},
		{plan, "s3:GetObject", objects + "approvals/r/r-0.token", nil, false},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, true},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", nil, false},
		{plan, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, false},
		{plan, "sts:TagSession", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, true},
		{plan, "secretsmanager:GetSecretValue", secret + "dev/plan/token-AbCdEf", nil, true},
		{plan, "secretsmanager:GetSecretValue", secret + "dev/both/token-AbCdEf", nil, true},
		{plan, "secretsmanager:GetSecretValue", secret + "dev/apply/token-AbCdEf", nil, false},
		{plan, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, false},
		{plan, "s3:GetObjectVersion", objects + "sources/abc", nil, true},
		{plan, "s3:GetObject", objects + "sources/abc", nil, false},
		{plan, "s3:PutObject", objects + "sources/abc", nil, false},
		{plan, "s3:GetObject", objects + "inputs/A.json", asPlan, true},
		{plan, "s3:GetObject", objects + "jobs/r-0.json", asPlan, false}, // which says what A is
		{plan, "s3:ListBucket", "arn:aws:s3:::" + s.out["Bucket"], asPlan, false},
		{plan, "s3:PutObject", objects + "tasks/" + asPlan["aws:userid"] + "/r-0.plan.tfplan", asPlan, true},
		{plan, "s3:PutObject", objects + "tasks/" + asPlan["aws:userid"] + "/r-0.result.json", asPlan, true},
		{plan, "s3:GetObject", objects + "tasks/" + asPlan["aws:userid"] + "/r-0.result.json", asPlan, false},
		{plan, "s3:PutObject", objects + victim + "r-0.result.json", asPlan, false},
		{plan, "s3:PutObject", objects + victim + "r-0.plan.tfplan", asPlan, false},
		{plan, "s3:GetObject", objects + victim + "r-0.plan.tfplan", asPlan, false},
		{plan, "s3:GetObjectVersion", objects + victim + "r-0.plan.tfplan", asPlan, false},
		{plan, "s3:PutObject", objects + "inputs/A.cancelled", asPlan, false},
		{plan, "s3:PutObject", objects + "jobs/r-0.json", asPlan, false},
		{plan, "s3:PutObject", objects + "ended/r-0.json", asPlan, false},
		{plan, "s3:PutObject", objects + "claims/A", asPlan, false},
		{plan, "s3:GetObject", objects + "claims/A", asPlan, false},

		{function, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, true},
		{function, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, false},
		{function, "s3:PutObject", objects + victim + "r-0.result.json", map[string]string{"aws:userid": s.out["FunctionRoleId"] + ":lockkeeper_dev_plan"}, false},
		{function, "s3:PutObject", objects + "tasks/" + s.out["FunctionRoleId"] + ":lockkeeper_dev_plan/r-0.answer.json", map[string]string{"aws:userid": s.out["FunctionRoleId"] + ":lockkeeper_dev_plan"}, true},

		{apply, "states:SendTaskSuccess", s.out["StateMachine"], nil, false},
		{apply, "s3:PutObject", objects + "approvals/r/r-0.answer.json", nil, false},
		{apply, "s3:GetObject", objects + "approvals/r/r-0.token", nil, false},
		{apply, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, true},
		{apply, "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-plan", id, false},
		{apply, "secretsmanager:GetSecretValue", secret + "dev/apply/token-AbCdEf", nil, true},
		{apply, "secretsmanager:GetSecretValue", secret + "dev/plan/token-AbCdEf", nil, true},
		{apply, "secretsmanager:GetSecretValue", secret + "server/private-key-AbCdEf", nil, false},
		{apply, "s3:GetObject", objects + victim + "r-0.plan.tfplan", asApply, false},
		{apply, "s3:GetObject", objects + victim + "r-0.plan.made", asApply, false},
		{apply, "s3:GetObjectVersion", objects + victim + "r-0.plan.tfplan", asApply, true},
		{apply, "s3:GetObjectVersion", objects + victim + "r-0.plan.made", asApply, true},
		{apply, "s3:GetObjectVersion", objects + "tasks/" + s.out["FunctionRoleId"] + ":lockkeeper_dev_plan/r-0.plan.tfplan", asApply, true},
		{apply, "s3:GetObjectVersion", objects + "tasks/" + s.out["ApplyRoleId"] + ":2/r-0.plan.tfplan", asApply, false},
		{apply, "s3:GetObject", objects + victim + "r-0.result.json", asApply, false}, // it names the version of a plan
		{apply, "s3:GetObjectVersion", objects + victim + "r-0.result.json", asApply, false},
		{apply, "s3:PutObject", objects + victim + "r-0.plan.tfplan", asApply, false},
		{apply, "s3:PutObject", objects + victim + "r-0.result.json", asApply, false},
		{apply, "s3:PutObject", objects + "tasks/" + asApply["aws:userid"] + "/r-1.result.json", asApply, true},
		{apply, "s3:PutObject", objects + "tasks/" + s.out["ApplyRoleId"] + ":2/r-1.result.json", asApply, false},
		{apply, "s3:GetObject", objects + "inputs/A.json", asApply, true},
		{apply, "s3:GetObject", objects + "jobs/r-0.json", asApply, false},
		{apply, "s3:PutObject", objects + "jobs/r-0.json", asApply, false},
		{apply, "s3:PutObject", objects + "ended/r-0.json", asApply, false},
		{apply, "s3:PutObject", objects + "claims/A", asApply, true},
		{apply, "s3:GetObject", objects + "claims/A", asApply, true},
		{apply, "s3:ListBucket", "arn:aws:s3:::" + s.out["Bucket"], asApply, false},
		{apply, "s3:ListBucketVersions", "arn:aws:s3:::" + s.out["Bucket"], nil, false},

		{"lockkeeper-states", "sts:AssumeRole", "arn:aws:iam::210987654321:role/lockkeeper-apply", id, false},
		{"lockkeeper-states", "s3:GetObject", objects + victim + "r-0.plan.tfplan", nil, false},
		{"lockkeeper-states", "s3:GetObject", objects + victim + "r-0.plan.made", nil, false},
		{"lockkeeper-task-execution", "s3:GetObject", objects + "sources/abc", nil, false},
		{"lockkeeper-scheduler", "states:StartExecution", s.out["StateMachine"], nil, true},
		{"lockkeeper-build", "s3:GetObject", objects + "build/source.zip", nil, true},
		{"lockkeeper-build", "s3:GetObject", objects + victim + "r-0.plan.tfplan", nil, false},
		{"lockkeeper-build", "s3:GetObject", objects + victim + "r-0.plan.made", nil, false},
		{"lockkeeper-build", "s3:PutObject", objects + "build/source.zip", nil, false},
	} {
		if got := awstest.Allows(policies[row.who], awstest.Request{Action: row.action, Resource: row.resource, Context: row.context}); got != row.want {
			t.Errorf("%s, %s on %s: %v, want %v", row.who, row.action, row.resource, got, row.want)
		}
	}
}
