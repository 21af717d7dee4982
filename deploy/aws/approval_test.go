package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// However it is answered, and when nobody does, the execution ends well: what
// was answered the server wrote down.
func anApprovalWaitsForAnAnswer(t *testing.T, s *stack) {
	wait := func(job string, seconds int) (execution, token string) {
		execution = s.start(t, job, strings.Replace(input("approval", job), `"seconds":60`, fmt.Sprintf(`"seconds":%d`, seconds), 1))
		asked := s.received(t, job+" waiting")
		if asked.Token == "" || asked.Since.IsZero() || asked.RunID != "r1" || asked.Fence != 7 || asked.Execution != s.execution(job) {
			t.Errorf("%s was asked for by %+v", job, asked)
		}
		return execution, asked.Token
	}
	yes, token := wait("approve", 60)
	if _, err := s.machines.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
		t.Error(err)
	}
	no, token := wait("reject", 60)
	if _, err := s.machines.SendTaskFailure(t.Context(), &sfn.SendTaskFailureInput{TaskToken: &token, Error: aws.String("Rejected"), Cause: aws.String("no")}); err != nil {
		t.Error(err)
	}
	nobody, _ := wait("expire", 1)
	for _, execution := range []string{yes, no, nobody} {
		if got := s.ended(t, execution); got != types.ExecutionStatusSucceeded {
			t.Errorf("%s ended as %s", execution, got)
		}
		job := execution[strings.LastIndex(execution, ":")+1:]
		s.received(t, job+" finished")
		if got := s.about(job); len(got) != 2 {
			t.Errorf("messages: %v", got)
		}
	}
	s.Inject(t, awstest.Fault{Match: map[string]string{"service": "sqs", "action": "SendMessage"}, Times: 1, Kind: "error", Status: 403, Code: "AccessDenied"})
	if got := s.ended(t, s.start(t, "unasked", input("approval", "unasked"))); got != types.ExecutionStatusFailed {
		t.Errorf("one that asked nobody ended as %s", got)
	}
	if said := s.received(t, "unasked failed").Cause; !strings.HasPrefix(said, "Nobody could be asked: ") {
		t.Errorf("cause %q", said)
	}
}
