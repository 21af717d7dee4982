package deploy

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// An environment is a boundary: what is dev's may do nothing that is prod's, neither in
// a target account nor with secrets, plans and results. One approval in dev bought prod.
func anEnvironmentIsABoundary(t *testing.T, s *stack) {
	const account, other = "arn:aws:iam::" + awstest.Account + ":role/", "arn:aws:iam::210987654321:role/"
	out := map[string]map[string]string{}
	stacks := Stacks("lk", "dev", "prod")
	for _, stack := range stacks {
		p := parameters(t, s.Emulator)
		name := stack.Parameters["Environment"] // none of the first two
		p["PlanRoleArns"], p["ApplyRoleArns"], p["ExternalId"] = account+name+"-plan", account+name+"-apply", "external-"+name
		if name == "prod" {
			p["Function"], p["OwnMaxVcpus"] = "false", "8" // queues of its own
		}
		made := s.Deploy(t, stack.Name, stack.Template, stack.Given(p))
		if out[name] == nil {
			out[name] = map[string]string{}
		}
		maps.Copy(out[name], made)
	}
	engine := out[""]
	policies := s.Policies(t)
	secret := "arn:aws:secretsmanager:" + awstest.Region + ":" + awstest.Account + ":secret:lk/"
	objects := "arn:aws:s3:::lk-" + awstest.Account + "-" + awstest.Region + "/"
	for _, mine := range []string{"dev", "prod"} {
		theirs := map[string]string{"dev": "prod", "prod": "dev"}[mine]
		for _, command := range []string{"plan", "apply"} {
			who := "lk_" + mine + "_" + command
			self := map[string]string{"aws:userid": out[mine][map[string]string{"plan": "PlanRoleId", "apply": "ApplyRoleId"}[command]] + ":1"}
			for _, row := range []struct {
				action, resource string
				context          map[string]string
				want             bool
			}{
				{"sts:AssumeRole", account + mine + "-" + command, map[string]string{"sts:ExternalId": "external-" + mine}, true},
				{"sts:AssumeRole", account + theirs + "-" + command, map[string]string{"sts:ExternalId": "external-" + mine}, false},
				{"sts:AssumeRole", account + theirs + "-" + command, map[string]string{"sts:ExternalId": "external-" + theirs}, false},
				{"sts:AssumeRole", account + "lk_" + theirs + "_" + command, map[string]string{"sts:ExternalId": "external-" + mine}, false},
				{"sts:AssumeRole", other + mine + "-" + command, map[string]string{"sts:ExternalId": "external-" + mine}, false},
				{"sts:TagSession", account + theirs + "-" + command, nil, false},
				{"secretsmanager:GetSecretValue", secret + mine + "/both/token-AbCdEf", nil, true},
				{"secretsmanager:GetSecretValue", secret + theirs + "/both/token-AbCdEf", nil, false},
				{"secretsmanager:GetSecretValue", secret + theirs + "/" + command + "/token-AbCdEf", nil, false},
				{"secretsmanager:GetSecretValue", secret + mine + "-2/both/token-AbCdEf", nil, false},
				{"s3:GetObjectVersion", objects + "tasks/" + out[mine]["PlanRoleId"] + ":2/r-0.plan.tfplan", self, command == "apply"},
				{"s3:GetObjectVersion", objects + "tasks/" + out[theirs]["PlanRoleId"] + ":2/r-0.plan.tfplan", self, false},
				{"s3:PutObject", objects + "tasks/" + self["aws:userid"] + "/r-0.result.json", self, true},
				{"s3:PutObject", objects + "tasks/" + out[theirs]["PlanRoleId"] + ":1/r-0.result.json", self, false},
				{"s3:PutObject", objects + "tasks/" + out[theirs]["ApplyRoleId"] + ":1/r-0.result.json", self, false},
				{"batch:SubmitJob", out[theirs]["PlanJobDefinition"], nil, false},
				{"states:StartExecution", engine["StateMachine"], nil, false},
			} {
				if got := awstest.Allows(policies[who], awstest.Request{Action: row.action, Resource: row.resource, Context: row.context}); got != row.want {
					t.Errorf("%s, %s on %s: %v, want %v", who, row.action, row.resource, got, row.want)
				}
			}
		}
	}
	for _, resource := range []string{out["dev"]["PlanJobDefinition"], out["dev"]["PlanJobDefinition"] + ":3", out["prod"]["ApplyJobDefinition"], out["prod"]["OwnApplyJobQueue"], engine["PlanJobQueue"]} {
		if !awstest.Allows(policies["lk-states"], awstest.Request{Action: "batch:SubmitJob", Resource: resource}) {
			t.Errorf("the machine may not submit to %s", resource)
		}
	}
	for _, resource := range []string{"job-definition/lk-other_dev_plan", "job-definition/lk-plan:1", "job-queue/lk-other-plan", "job-queue/other"} {
		if awstest.Allows(policies["lk-states"], awstest.Request{Action: "batch:SubmitJob", Resource: "arn:aws:batch:" + awstest.Region + ":" + awstest.Account + ":" + resource}) {
			t.Errorf("the machine may submit to %s", resource)
		}
	}
	// The machine runs a job of each where the server says.
	its := &stack{Emulator: s.Emulator, out: engine, machines: s.machines, queue: s.queue}
	for name, job := range map[string]string{"dev": "memory-2048-dev", "prod": "memory-8192-prod"} {
		where := inputOf("lk", "apply", job)
		if name == "prod" {
			where = strings.NewReplacer(engine["ApplyJobQueue"], out["prod"]["OwnApplyJobQueue"], out["dev"]["ApplyJobDefinition"], out["prod"]["ApplyJobDefinition"],
				`"overrides":{}`, `"overrides":{"Environment":[{"Name":"LOCKKEEPER_MEMORY","Value":"8192"}],"ResourceRequirements":[{"Type":"VCPU","Value":"2"},{"Type":"MEMORY","Value":"8192"}]}`).Replace(where)
		}
		if got := its.ended(t, its.start(t, "apply-"+job, where)); got != types.ExecutionStatusSucceeded {
			t.Errorf("%s ended as %s", job, got)
		}
		ran := its.received(t, job+" job RUNNING").Detail
		if ran.JobDefinition != out[name]["ApplyJobDefinition"]+":1" || ran.JobQueue != map[string]string{"dev": engine["ApplyJobQueue"], "prod": out["prod"]["OwnApplyJobQueue"]}[name] {
			t.Errorf("%s ran as %+v", job, ran)
		}
	}
}
