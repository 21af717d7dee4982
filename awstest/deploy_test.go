package awstest

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What a stack that fails leaves behind decides whether it can be created again.
func TestACreateThatFailsIsRolledBack(t *testing.T) {
	e := Start(t, Options{})
	client := cloudformation.NewFromConfig(e.Config("deployer"), func(o *cloudformation.Options) { o.RetryMaxAttempts = 1 })
	objects := s3.NewFromConfig(e.Config("deployer"), func(o *s3.Options) { o.UsePathStyle = true })
	for _, row := range []struct {
		policy                string
		left, again, survives bool // of the bucket: after the failure, whether a second create succeeds, after the deletion of that stack
	}{
		{"Delete", false, true, false}, {"RetainExceptOnCreate", false, true, true}, {"Retain", true, false, true},
	} {
		stack := strings.ToLower(row.policy)
		const good = `{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`
		of := func(definition string) string {
			return `
Parameters: {Definition: {Type: String}}
Resources:
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: ` + row.policy + `, Properties: {BucketName: ` + stack + `}}
  Machine: {Type: AWS::StepFunctions::StateMachine, DependsOn: Bucket, Properties: {StateMachineName: ` + stack + `, RoleArn: !Sub "arn:aws:iam::${AWS::AccountId}:role/${Bucket}", DefinitionString: !Ref Definition}}
Outputs: {Machine: {Value: !Ref Machine}}
`
		}
		create := func(definition string) error {
			_, err := deploy(t.Context(), client, stack, of(definition), map[string]string{"Definition": definition})
			return err
		}
		end := func() {
			if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: &stack}); err != nil {
				t.Fatal(err)
			}
		}
		left := func() bool {
			_, err := objects.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &stack})
			return err == nil
		}
		if err := create("no machine"); err == nil {
			t.Fatalf("%s: it should fail", row.policy)
		}
		if got := left(); got != row.left {
			t.Errorf("%s: after a create that failed the bucket is there: %v\n%s", row.policy, got, e.Log())
		}
		end()
		if err := create(good); (err == nil) != row.again {
			t.Errorf("%s: the second create ended with %v\n%s", row.policy, err, e.Log())
		}
		end()
		if got := left(); got != row.survives {
			t.Errorf("%s: after the stack the bucket is there: %v", row.policy, got)
		}
	}
}

// An update registers another revision of a job definition, and its machine runs that
// one. What began before names the older one.
func TestAnUpdateLeavesTheOlderRevisionWhereItIsToldTo(t *testing.T) {
	for name, want := range map[string]types.ExecutionStatus{"true": types.ExecutionStatusSucceeded, "false": types.ExecutionStatusFailed} {
		t.Run("SkipDeregisterOnUpdate "+name, func(t *testing.T) {
			e := Start(t, Options{Images: map[string]Image{image: {Entrypoint: []string{"/bin/sh", "-c"}}}, StopGrace: time.Second})
			subnets, groups := e.Network(t)
			text := strings.Replace(template, "      RetryStrategy: {Attempts: 1}\n", "      RetryStrategy: {Attempts: 1}\n      ResourceRetentionPolicy: {SkipDeregisterOnUpdate: "+name+"}\n", 1)
			text = strings.Replace(text, `"StartAt":"Work","States":{`, `"StartAt":"Wait","States":{"Wait":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","TimeoutSeconds":60,"Next":"Work","ResultPath":null,"Parameters":{"QueueUrl":"${Queue}","MessageBody.$":"$$.Task.Token"}},`, 1)
			text = strings.Replace(text, `"Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Tell"}]`, `"Catch":[]`, 1)
			p := map[string]string{"Image": image + ":1", "Subnet": subnets[0], "Group": groups[0]}
			out := e.Deploy(t, "test", text, p)
			steps := sfn.NewFromConfig(e.Config("server"))
			started, err := steps.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(out["Machine"]), Input: aws.String(`{"script":"true"}`)})
			if err != nil {
				t.Fatal(err)
			}
			token := received(t, e, out["Queue"])
			p["Image"] = image + ":2"
			e.Update(t, "test", text, p)
			if _, err := steps.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
				t.Fatal(err)
			}
			if got := ended(t, steps, started.ExecutionArn); got != want {
				t.Errorf("what began before the update ended as %s, want %s\n%s", got, want, e.Log())
			}
			now, err := steps.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(out["Machine"])})
			if err != nil || !strings.Contains(aws.ToString(now.Definition), ":2\"") {
				t.Errorf("the machine runs %s, %v", aws.ToString(now.Definition), err)
			}
		})
	}
}

// received waits for a message and returns its body.
func received(t *testing.T, e *Emulator, queue string) string {
	t.Helper()
	client := sqs.NewFromConfig(e.Config("server"))
	for {
		r, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Messages {
			if body := aws.ToString(m.Body); !strings.HasPrefix(body, "{") { // an event
				return body
			}
		}
	}
}

// ended waits for the end of an execution.
func ended(t *testing.T, client *sfn.Client, execution *string) types.ExecutionStatus {
	t.Helper()
	for {
		d, err := client.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: execution})
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != types.ExecutionStatusRunning {
			return d.Status
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A value that a template does not take is refused, when its stack is made and later.
func TestATemplateSaysWhichParametersItTakes(t *testing.T) {
	e := Start(t, Options{})
	client := cloudformation.NewFromConfig(e.Config("deployer"), func(o *cloudformation.Options) { o.RetryMaxAttempts = 1 })
	const template = `
Parameters:
  Name: {Type: String, AllowedPattern: "[a-z]+|", Default: ""}
  Size: {Type: String, AllowedValues: ["1", "2"], Default: "1"}
  Id: {Type: String, MinLength: 3}
Resources: {Topic: {Type: AWS::SNS::Topic}}
Outputs: {Topic: {Value: !Ref Topic}}
`
	good := map[string]string{"Id": "abc"}
	for name, wrong := range map[string]map[string]string{
		"Name": {"Id": "abc", "Name": "a-1"}, "Size": {"Id": "abc", "Size": "3"}, "Id": {"Id": "ab"}, "must have values": {}, "Other": {"Id": "abc", "Other": "x"},
	} {
		if _, err := deploy(t.Context(), client, "wrong", template, wrong); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	if _, err := deploy(t.Context(), client, "right", template, good); err != nil {
		t.Fatal(err)
	}
	_, err := client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("right"), TemplateBody: aws.String(template), Parameters: given(map[string]string{"Id": "abc", "Size": "3"})})
	if err == nil || !strings.Contains(err.Error(), "Size") {
		t.Errorf("an update: %v", err)
	}
}
