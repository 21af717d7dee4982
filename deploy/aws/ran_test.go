package deploy

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// namesWhoRan wants that executions which ended say what did their jobs: the task on
// Batch, also where a function failed before, or what the function answered.
func (s *stack) namesWhoRan(t *testing.T) {
	t.Helper()
	for job, want := range map[string]string{
		"ok-plan": `^{"task": ?"arn:aws:ecs:.*/[0-9a-f]{32}"}$`, "ok-apply": `^{"task": ?"arn:aws:ecs:.*/[0-9a-f]{32}"}$`,
		"ok-lambda": `^{"answer": ?{"key": ?"the result"}}$`, "dies-lambda": `^{"task": ?"arn:aws:ecs:.*/[0-9a-f]{32}"}$`,
	} {
		if got := s.ran(t, job); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s ran as %s", job, got)
		}
	}
}

// ran is what the output of an execution says of who did the job.
func (s *stack) ran(t testing.TB, job string) string {
	t.Helper()
	execution := s.execution(job)
	d, err := s.machines.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		t.Fatal(err)
	}
	var output struct{ Ran json.RawMessage }
	if err := json.Unmarshal([]byte(aws.ToString(d.Output)), &output); err != nil {
		t.Fatalf("the output of %s is %s: %v", job, aws.ToString(d.Output), err)
	}
	return string(output.Ran)
}
