package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// What docs/aws.md counts for a plan is what a plan asks AWS for, on the longest
// way that it takes: on Batch, with a role and a secret.
func (a *account) aPlanCostsWhatTheDocsSay(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile("../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	said := func(line, format string, count ...any) {
		t.Helper()
		_, text, _ := strings.Cut(string(page), "\n| "+line+" | ")
		if text, _, _ = strings.Cut(text, "\n"); !strings.Contains(text, fmt.Sprintf(format, count...)) {
			t.Errorf("%s are %s, and the docs say %s", line, fmt.Sprintf(format, count...), text)
		}
	}
	count := map[string]int{}
	for _, call := range a.Calls(t) {
		if call.Principal != "deployer" {
			count[call.Service+" "+call.Method+call.Action]++
		}
	}
	// While a job runs Step Functions is asked, once a minute, and the bucket is not.
	const reads = 11
	said("S3 requests", "%d writes × 0.005 / 1000 + %d reads", count["s3 PUT"], reads)
	if got := count["s3 GET"]; got > reads || got < reads-4 { // a message that comes late is not looked after
		t.Errorf("a plan read %d objects, and the docs count %d", got, reads)
	}
	said("one secret, its key", "(0.05 + 0.03) / 10,000")
	if asked, assumed := count["secretsmanager POSTGetSecretValue"], count["sts POSTAssumeRole"]; asked != 1 || assumed != 1 {
		t.Errorf("a plan asked for %d secrets and %d roles", asked, assumed)
	}
	steps := sfn.NewFromConfig(a.Config("deployer"))
	list, err := steps.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(a.out["StateMachine"])})
	if err != nil || len(list.Executions) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	history, err := steps.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: list.Executions[0].ExecutionArn})
	if err != nil {
		t.Fatal(err)
	}
	transitions := 1 // the start
	for _, event := range history.Events {
		if strings.HasSuffix(string(event.Type), "StateEntered") {
			transitions++
		}
	}
	said("Step Functions ✓", "%d transitions × 0.025 / 1000", transitions)
}
