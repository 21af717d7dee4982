package deploy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// ask calls a service for which the tests have no client.
func (s *stack) ask(t *testing.T, service, target, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=deployer/20260101/"+awstest.Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v: %s", service, target, answer.Status, err, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%s %s: %v: %s", service, target, err, text)
	}
}

// EventBridge delivers inside of the emulator, without a call that could be
// recorded, so what it asks of the queues is asked here: for each rule that
// exists, each of its targets, and each queue for what cannot be delivered.
func rulesReachTheirQueues(t *testing.T, s *stack) {
	policy := map[string][]awstest.Policy{} // by ARN of the queue
	for _, url := range []string{s.out["StatusQueue"], s.out["StatusDeadLetterQueue"]} {
		got, err := sqs.NewFromConfig(s.Config("deployer")).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNamePolicy, types.QueueAttributeNameQueueArn},
		})
		if err != nil {
			t.Fatal(err)
		}
		var p awstest.Policy
		if err := json.Unmarshal([]byte(got.Attributes["Policy"]), &p); err != nil {
			t.Fatal(err)
		}
		policy[got.Attributes["QueueArn"]] = []awstest.Policy{p}
	}
	may := func(who, source, queue, tls string) bool {
		return awstest.Allows(policy[queue], awstest.Request{
			Action: "sqs:SendMessage", Resource: queue, Principal: who, Context: map[string]string{"aws:SourceArn": source, "aws:SecureTransport": tls},
		})
	}
	const bridge = "events.amazonaws.com"
	var rules struct{ Rules []struct{ Name, Arn string } }
	s.ask(t, "events", "AWSEvents.ListRules", "/", map[string]string{"NamePrefix": "lockkeeper-"}, &rules)
	sends := 0
	for _, rule := range rules.Rules {
		var targets struct {
			Targets []struct {
				Arn              string
				DeadLetterConfig struct{ Arn string }
			}
		}
		s.ask(t, "events", "AWSEvents.ListTargetsByRule", "/", map[string]string{"Rule": rule.Name}, &targets)
		for _, target := range targets.Targets {
			for _, queue := range []string{target.Arn, target.DeadLetterConfig.Arn} {
				sends++
				if !may(bridge, rule.Arn, queue, "true") {
					t.Errorf("rule %s may not send to %s", rule.Name, queue)
				}
				if may(bridge, rule.Arn, queue, "false") || may(bridge, rule.Arn+"-of-another", queue, "true") || may("sns.amazonaws.com", rule.Arn, queue, "true") {
					t.Errorf("more than rule %s may send to %s", rule.Name, queue)
				}
			}
		}
	}
	if sends != 4 { // two rules, each with a target and a queue of dead letters
		t.Errorf("rules send to %d queues: %+v", sends, rules)
	}
}

// A schedule starts an execution with its role, and with the same role leaves
// what it could not start among the dead letters.
func schedulesDoWhatTheirRoleAllows(t *testing.T, s *stack) {
	dead := "arn:aws:sqs:" + awstest.Region + ":" + awstest.Account + ":lockkeeper-status-dead"
	s.Inject(t, awstest.Fault{Match: map[string]string{"principal": "lockkeeper-scheduler", "service": "states"}, Times: 1, Kind: "error", Status: 400, Code: "InternalError"})
	for _, name := range []string{"one", "two"} { // one of them meets the error
		var made map[string]any
		s.ask(t, "scheduler", "", "/schedules/"+name, map[string]any{
			"GroupName": s.out["SchedulerGroup"], "ScheduleExpression": "at(" + time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05") + ")",
			"FlexibleTimeWindow": map[string]string{"Mode": "OFF"}, "ActionAfterCompletion": "DELETE",
			"Target": map[string]any{"Arn": s.out["StateMachine"], "RoleArn": s.out["SchedulerRole"], "Input": input("plan", "ok-scheduled"), "DeadLetterConfig": map[string]string{"Arn": dead}},
		}, &made)
	}
	s.Advance(t, 2*time.Hour)
	s.received(t, "ok-scheduled finished")
	left := &sqs.ReceiveMessageInput{QueueUrl: aws.String(s.out["StatusDeadLetterQueue"]), WaitTimeSeconds: 20}
	got, err := s.queue.ReceiveMessage(t.Context(), left)
	if err != nil || len(got.Messages) != 1 || !strings.Contains(aws.ToString(got.Messages[0].Body), "ok-scheduled") {
		t.Errorf("dead letters: %v, %v", got, err)
	}
	s.does(t, "lockkeeper-scheduler", "sqs:SendMessage", "states:StartExecution")
}
