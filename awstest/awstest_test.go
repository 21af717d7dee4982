package awstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

const image = Account + ".dkr.ecr." + Region + ".amazonaws.com/test"

// One template with one machine: a Batch job whose state is retried once, whose
// failure is caught, and a message at the end.
const template = `
Parameters: {Image: {Type: String}, Subnet: {Type: String}, Group: {Type: String}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: status}}
  Events:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.batch], detail-type: [Batch Job State Change], detail: {status: [RUNNING]}}
      Targets: [{Id: q, Arn: !GetAtt Queue.Arn}]
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: job-role, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}}
  Compute:
    Type: AWS::Batch::ComputeEnvironment
    Properties: {Type: MANAGED, ServiceRole: !GetAtt Role.Arn, ComputeResources: {Type: FARGATE, MaxvCpus: 4, Subnets: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}}
  Jobs: {Type: AWS::Batch::JobQueue, Properties: {Priority: 1, State: ENABLED, ComputeEnvironmentOrder: [{Order: 1, ComputeEnvironment: !Ref Compute}]}}
  Job:
    Type: AWS::Batch::JobDefinition
    Properties:
      Type: container
      PlatformCapabilities: [FARGATE]
      RetryStrategy: {Attempts: 1}
      Timeout: {AttemptDurationSeconds: 60}
      ContainerProperties:
        Image: !Ref Image
        JobRoleArn: !GetAtt Role.Arn
        ExecutionRoleArn: !GetAtt Role.Arn
        ResourceRequirements: [{Type: VCPU, Value: "1"}, {Type: MEMORY, Value: "2048"}]
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      DefinitionSubstitutions: {Queue: !Ref Queue, Jobs: !Ref Jobs, Job: !Ref Job}
      DefinitionString: |
        {"StartAt":"Work","States":{
          "Work":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync","TimeoutSeconds":60,"Next":"Tell",
            "Parameters":{"JobName":"work","JobQueue":"${Jobs}","JobDefinition":"${Job}","ContainerOverrides":{"Command.$":"States.Array($.script)"}},
            "ResultPath":"$.job","Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Tell"}]},
          "Tell":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"${Queue}","MessageBody.$":"$"},"End":true}}}
Outputs:
  Machine: {Value: !Ref Machine}
  Queue: {Value: !Ref Queue}
`

func TestAStateMachineRunsRealProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	e := Start(t, Options{Images: map[string]Image{image: {Entrypoint: []string{"/bin/sh", "-c"}}}, StopGrace: time.Second})
	subnets, groups := e.Network(t)
	out := e.Deploy(t, "test", template, map[string]string{"Image": image + ":1", "Subnet": subnets[0], "Group": groups[0]})
	client, queue := sfn.NewFromConfig(e.Config("server")), sqs.NewFromConfig(e.Config("server"))

	start := func(name, script string) string {
		input, err := json.Marshal(map[string]string{"script": script})
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(out["Machine"]), Name: &name, Input: aws.String(string(input))})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(r.ExecutionArn)
	}
	end := func(arn string) types.ExecutionStatus { return ended(t, client, &arn) }
	var bodies string
	receive := func(want string) {
		t.Helper()
		for !strings.Contains(bodies, want) {
			r, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(out["Queue"]), WaitTimeSeconds: 5, MaxNumberOfMessages: 10})
			if err != nil {
				t.Fatalf("no message with %s: %v in\n%s", want, err, bodies)
			}
			for _, m := range r.Messages {
				bodies += aws.ToString(m.Body) + "\n"
			}
		}
	}

	first, second := start("one", "true"), start("two", "exit 7") // the second start of a server fails in plain moto
	if a, b := end(first), end(second); a != types.ExecutionStatusSucceeded || b != types.ExecutionStatusSucceeded {
		t.Errorf("ended as %s and %s", a, b)
	}
	receive(`ExitCode\": 7`)
	receive(`"RUNNING"`)

	for name, input := range map[string]string{"a name of " + strings.Repeat("x", 71): "{}", strings.Repeat("x", 81): "{}", "large": `"` + strings.Repeat("x", 262_144) + `"`} {
		if _, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(out["Machine"]), Name: &name, Input: &input}); err == nil {
			t.Errorf("an execution with a name of %d and an input of %d characters was started", len(name), len(input))
		}
	}

	slow := start("three", "trap 'exit 0' TERM; sleep 60 & wait")
	receive(`sleep 60`)
	if _, err := client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &slow, Cause: aws.String("because")}); err != nil {
		t.Fatal(err)
	}
	if s := end(slow); s != types.ExecutionStatusAborted {
		t.Errorf("stopped execution is %s", s)
	}
	calls := e.Calls(t)
	for _, want := range []string{"server states StartExecution", "job-role sqs SendMessage", "job-role batch "} {
		found := false
		for _, c := range calls {
			found = found || strings.Join([]string{c.Principal, c.Service, c.Action}, " ") == want
		}
		if !found {
			t.Errorf("the record lacks %q", want)
		}
	}
}

func TestFaults(t *testing.T) {
	e := Start(t, Options{})
	queue := sqs.NewFromConfig(e.Config("server"), func(o *sqs.Options) { o.Retryer = aws.NopRetryer{} })
	create := func() error {
		_, err := queue.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
		return err
	}
	e.Inject(t, Throttled("sqs", "CreateQueue", 1), Lost("sqs", "CreateQueue", 1))
	if err := create(); err == nil || !strings.Contains(err.Error(), "Throttling") {
		t.Errorf("want throttling, got %v", err)
	}
	if err := create(); err == nil {
		t.Error("the answer should be lost")
	}
	if _, err := queue.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")}); err != nil {
		t.Errorf("the call whose answer was lost was not carried out: %v", err)
	}
	if err := create(); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

// A conditional write that comes before another one of its key has ended is told to
// come again.
func TestConditionalWritesThatMeet(t *testing.T) {
	e := Start(t, Options{})
	objects := s3.NewFromConfig(e.Config("server"), func(o *s3.Options) { o.UsePathStyle, o.Retryer = true, aws.NopRetryer{} })
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: Region},
	}); err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context, key string) string {
		_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			return api.ErrorCode()
		}
		return fmt.Sprint(err)
	}
	e.Inject(t, Fault{Match: map[string]string{"service": "s3", "path": "/bucket/slow"}, Times: 1, Kind: "delay", Seconds: 300})
	ctx, cancel := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() { put(ctx, "slow") })
	defer first.Wait()
	defer cancel()
	for !slices.ContainsFunc(e.Calls(t), func(c Call) bool { return c.Path == "/bucket/slow" && c.Fault == "delay" }) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := put(t.Context(), "slow"); got != "ConditionalRequestConflict" {
		t.Errorf("a write that met another one was answered with %s", got)
	}
	if a, b := put(t.Context(), "other"), put(t.Context(), "other"); a != "<nil>" || b != "PreconditionFailed" {
		t.Errorf("two writes after each other were answered with %s and %s", a, b)
	}
}
