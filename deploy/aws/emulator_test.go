package deploy

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/awstest"
)

const image = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/lockkeeper"

// outputs of the stack; other packages use them by these names.
var outputs = []string{
	"StateMachine", "Bucket", "StatusQueue", "StatusDeadLetterQueue", "PlanJobQueue", "ApplyJobQueue", "PlanJobDefinition", "ApplyJobDefinition",
	"PlanFunction", "JobLogGroup", "ServerPolicy", "PlanJobRole", "ApplyJobRole", "Repository", "BuildProject", "SchedulerGroup", "SchedulerRole", "Key",
}

func parameters(t testing.TB, e *awstest.Emulator) map[string]string {
	subnets, groups := e.Network(t)
	return map[string]string{
		"ImageUri": image + "@sha256:0", "SubnetIds": subnets[0], "SecurityGroupIds": groups[0],
		"ServerPrincipalArn": "arn:aws:iam::" + awstest.Account + ":role/server", "ExternalId": "external-id",
		"PlanRoleArns": "arn:aws:iam::*:role/lockkeeper-plan", "ApplyRoleArns": "arn:aws:iam::*:role/lockkeeper-apply",
	}
}

func TestTheStackHasItsOutputs(t *testing.T) {
	e := awstest.Start(t, awstest.Options{Images: map[string]awstest.Image{image: {Entrypoint: []string{"true"}}}})
	got := e.Deploy(t, "lockkeeper", Template(), parameters(t, e))
	for _, name := range outputs {
		if got[name] == "" {
			t.Errorf("no output %s", name)
		}
		t.Log(name, got[name])
	}
}
