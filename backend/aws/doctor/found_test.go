package doctor

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// What each line says about what was found. Want begins with "ok: ", "warning: "
// or "failed: ".
func TestWhatDoctorMakesOfWhatItFinds(t *testing.T) {
	type found = func() (string, error)
	const spot, fargate = types.CRTypeFargateSpot, types.CRTypeFargate
	machine := func(traces bool, level sfntypes.LogLevel, data bool) *sfn.DescribeStateMachineOutput {
		return &sfn.DescribeStateMachineOutput{
			TracingConfiguration: &sfntypes.TracingConfiguration{Enabled: traces},
			LoggingConfiguration: &sfntypes.LoggingConfiguration{Level: level, IncludeExecutionData: data},
		}
	}
	container := func(began int64) []types.JobSummary {
		return []types.JobSummary{{CreatedAt: aws.Int64(1000), StartedAt: aws.Int64(1000 + began)}}
	}
	revision := func(status, image string, number, attempts int32) types.JobDefinition {
		return types.JobDefinition{Status: &status, Revision: &number, ContainerProperties: &types.ContainerProperties{Image: &image}, RetryStrategy: &types.RetryStrategy{Attempts: &attempts}}
	}
	definition := func(once bool, all ...types.JobDefinition) found {
		return func() (string, error) { return "", judgeDefinition("jobs:7", all, once) }
	}
	for name, row := range map[string]struct {
		look found
		want string
	}{
		"traces":            {func() (string, error) { return traced(machine(true, sfntypes.LogLevelError, false)) }, "ok: X-Ray is on, the log has ERROR without data"},
		"no traces":         {func() (string, error) { return traced(machine(false, sfntypes.LogLevelError, false)) }, "warning: executions are not traced"},
		"nothing said":      {func() (string, error) { return traced(&sfn.DescribeStateMachineOutput{}) }, "warning: executions are not traced"},
		"no log":            {func() (string, error) { return traced(machine(true, sfntypes.LogLevelOff, false)) }, "warning: errors of executions are not logged"},
		"tokens in the log": {func() (string, error) { return traced(machine(true, sfntypes.LogLevelAll, true)) }, "failed: the log has the data of executions, and task tokens with them"},

		"spot":            {func() (string, error) { return onSpot([]types.CRType{spot, fargate}, []types.CRType{fargate}) }, "ok: plans run on [FARGATE_SPOT FARGATE], applies on [FARGATE]"},
		"no spot":         {func() (string, error) { return onSpot([]types.CRType{fargate}, []types.CRType{fargate}) }, "warning: plans run on [FARGATE], and not on FARGATE_SPOT"},
		"applies on spot": {func() (string, error) { return onSpot([]types.CRType{spot}, []types.CRType{fargate, spot}) }, "failed: applies run on [FARGATE FARGATE_SPOT]"},
		"applies nowhere": {func() (string, error) { return onSpot([]types.CRType{spot}, nil) }, "failed: applies run on []"},
		"warm":            {func() (string, error) { return began(container(41_000)) }, "ok: the plan's container began after 41 s"},
		"cold":            {func() (string, error) { return began(container(200_000)) }, "warning: the plan's container began after 200 s, and 180 s are a lot"},
		"nobody knows":    {func() (string, error) { return began(nil) }, "warning: AWS Batch does not say"},
		"kept apart": {func() (string, error) {
			return "", keptApart(run.JobDocument{}, run.Result{Outcome: run.OutcomeSucceeded})
		}, "ok: "},
		"not kept apart": {func() (string, error) {
			return "", keptApart(run.JobDocument{Command: "plan", JobID: "j-0"}, run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: "not_refused", Message: "It can.", Detail: "list the bucket"}})
		}, "failed: the plan j-0: not_refused: It can.\nlist the bucket"},
		"a definition":        {definition(true, revision("ACTIVE", "i@sha256:1", 1, 2), revision("ACTIVE", "i@sha256:2", 2, 1)), "ok: "},
		"an old definition":   {definition(false, revision("INACTIVE", "i@sha256:1", 7, 1)), "failed: there is no active job definition jobs:7"},
		"no definition":       {definition(false), "failed: there is no active job definition jobs:7"},
		"an image by tag":     {definition(false, revision("ACTIVE", "i:latest", 1, 1)), "failed: the image of jobs:7 is not named by digest"},
		"an apply made again": {definition(true, revision("ACTIVE", "i@sha256:1", 1, 2)), "failed: jobs:7 has more than one attempt"},
		"in the function":     {func() (string, error) { return "", fellBack(run.JobDocument{}, nil) }, "ok: "},
		"not the function":    {func() (string, error) { return "", fellBack(run.JobDocument{JobID: "j-0"}, container(1)) }, "failed: the function did not do j-0, and Batch did"},
	} {
		found, err := row.look()
		got := "ok: " + found
		if err != nil {
			got = "failed: " + err.Error()
		}
		if _, warn := errors.AsType[warning](err); warn {
			got = "warning: " + err.Error()
		}
		if !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// T36: a queue that lacks one of the reasons keeps jobs for ever.
func TestDoctorSeesAQueueThatKeepsStuckJobs(t *testing.T) {
	queue := types.JobQueueDetail{JobQueueName: aws.String("plan")}
	for _, reason := range stuck {
		if err := endsStuck(queue); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("without %s: %v", reason, err)
		}
		queue.JobStateTimeLimitActions = append(queue.JobStateTimeLimitActions, types.JobStateTimeLimitAction{
			State: types.JobStateTimeLimitActionsStateRunnable, Action: types.JobStateTimeLimitActionsActionCancel, Reason: aws.String(reason),
		})
	}
	if err := endsStuck(queue); err != nil {
		t.Error(err)
	}
}

func TestDoctorSeesACancelledContainerThatWasKilled(t *testing.T) {
	doc := run.JobDocument{JobID: "j-0"}
	cancelled := run.Result{Outcome: run.OutcomeCancelled}
	for _, row := range []struct {
		r    run.Result
		code *int32
		want string
	}{
		{cancelled, aws.Int32(0), ""},
		{run.Result{Outcome: run.OutcomeCancelled, Problem: &run.Problem{Message: "Cancelled."}}, nil, ""},
		{run.Result{Outcome: run.OutcomeCancelled, Problem: engine.CancelledBefore(doc)}, nil, "does not say whether"},
		{cancelled, aws.Int32(137), "was killed (exit code 137)"},
		{run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: "job_lost"}}, aws.Int32(0), "ended otherwise: job_lost"},
		{run.Result{Outcome: run.OutcomeSucceeded}, aws.Int32(0), "ended otherwise: succeeded"},
	} {
		err := reportedInTime(doc, row.r, row.code)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%v: %v, want %q", row.r, err, row.want)
		}
	}
}
