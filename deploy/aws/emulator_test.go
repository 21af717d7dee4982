package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/awstest"
)

const image = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/lockkeeper"

// outputs of the stack; other packages use them by these names.
var outputs = []string{
	"StateMachine", "Bucket", "StatusQueue", "StatusDeadLetterQueue", "PlanJobQueue", "ApplyJobQueue", "PlanJobDefinition", "ApplyJobDefinition",
	"PlanFunction", "JobLogGroup", "ServerPolicy", "PlanJobRole", "ApplyJobRole", "PlanRoleId", "ApplyRoleId", "FunctionRoleId", "Repository", "BuildProject", "SchedulerGroup", "SchedulerRole", "Key",
}

// stack is a deployed template.
type stack struct {
	*awstest.Emulator
	goOn     string // a file that lets functions go on that are held
	out      map[string]string
	machines *sfn.Client
	queue    *sqs.Client
	messages []message
}

func parameters(t testing.TB, e *awstest.Emulator) map[string]string {
	subnets, groups := e.Network(t)
	return map[string]string{
		"ImageUri": image + "@sha256:" + strings.Repeat("0", 64), "SubnetIds": strings.Join(subnets, ","), "SecurityGroupIds": groups[0],
		"ServerPrincipalArn": "arn:aws:iam::" + awstest.Account + ":role/server", "ExternalId": "external-id",
		"PlanRoleArns": "arn:aws:iam::*:role/lockkeeper-plan", "ApplyRoleArns": "arn:aws:iam::*:role/lockkeeper-apply", "Function": "true",
	}
}

// deployAll makes the stacks of a server, with the environment dev.
func deployAll(t testing.TB, e *awstest.Emulator, prefix string, parameters map[string]string) map[string]string {
	out := map[string]string{}
	for _, s := range Stacks(prefix, "dev") {
		maps.Copy(out, e.Deploy(t, s.Name, s.Template, s.Given(parameters)))
	}
	return out
}

// deployed starts an emulator whose image is this test's own binary.
func deployed(t testing.TB) *stack {
	held := filepath.Join(t.TempDir(), "go-on")
	e := awstest.Start(t, awstest.Options{
		Images:    map[string]awstest.Image{image: {Entrypoint: []string{os.Args[0]}, Env: map[string]string{asContainer: "1", goOn: held}}},
		StopGrace: 5 * time.Second,
	})
	cfg := e.Config("server")
	return &stack{Emulator: e, goOn: held, out: deployAll(t, e, "lockkeeper", parameters(t, e)), machines: sfn.NewFromConfig(cfg), queue: sqs.NewFromConfig(cfg)}
}

// message is what arrives in the status queue: from the state machine, or an
// event.
type message struct {
	Kind      string
	RunID     string `json:"run_id"`
	JobID     string `json:"job_id"`
	Fence     int
	Execution string
	Error     string
	Cause     string
	Token     string
	Since     time.Time

	Type   string `json:"detail-type"`
	Detail struct {
		Name, Status, Input              string
		JobName, JobQueue, JobDefinition string
		StatusReason                     string
	}
}

func (m message) String() string {
	switch {
	case m.Kind != "":
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", m.JobID, m.Kind, m.Cause))
	case m.Detail.JobName != "":
		return fmt.Sprintf("%s job %s", m.Detail.JobName, m.Detail.Status)
	default:
		return fmt.Sprintf("%s execution %s", m.Detail.Name, m.Detail.Status)
	}
}

// input is what the server gives: the job document, and where it runs.
func input(command, job string) string { return inputOf("lockkeeper", command, job) }

func inputOf(prefix, command, job string) string {
	kind, arn := "plan", "arn:aws:batch:"+awstest.Region+":"+awstest.Account+":"
	if command == "apply" {
		kind = command
	}
	text, err := json.Marshal(map[string]any{"command": command, "run_id": "r1", "job_id": job, "fence": 7, "input": "inputs/" + job + ".json", "limits": map[string]any{"seconds": 60},
		"batch": map[string]any{"job_queue": arn + "job-queue/" + prefix + "-" + kind, "job_definition": arn + "job-definition/" + prefix + "_dev_" + kind,
			"function": prefix + "_dev_plan", "overrides": map[string]any{}}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func withLambda(in string) string { return strings.TrimSuffix(in, "}") + `,"compute":"lambda"}` }

func (s *stack) start(t testing.TB, name, input string) string {
	t.Helper()
	r, err := s.machines.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(s.out["StateMachine"]), Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(r.ExecutionArn)
}

// ended waits for the end of an execution.
func (s *stack) ended(t testing.TB, execution string) types.ExecutionStatus {
	t.Helper()
	for {
		d, err := s.machines.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != types.ExecutionStatusRunning {
			return d.Status
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// received waits for a message that begins with want, and returns it.
func (s *stack) received(t testing.TB, want string) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if i := slices.IndexFunc(s.messages, func(m message) bool { return strings.HasPrefix(m.String(), want) }); i >= 0 {
			return s.messages[i]
		}
		r, err := s.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(s.out["StatusQueue"]), WaitTimeSeconds: 1, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatalf("no message %q but %v: %v", want, s.messages, err)
		}
		for _, raw := range r.Messages {
			var m message
			if err := json.Unmarshal([]byte(aws.ToString(raw.Body)), &m); err != nil {
				t.Fatalf("message %s: %v", aws.ToString(raw.Body), err)
			}
			s.messages = append(s.messages, m)
		}
	}
}

// about lists the messages about a job that arrived so far.
func (s *stack) about(job string) []string {
	var found []string
	for _, m := range s.messages {
		if m.JobID == job || m.Detail.JobName == job || m.Detail.Name == job {
			found = append(found, m.String())
		}
	}
	slices.Sort(found)
	return found
}

// One emulator serves all of these: starting it takes longer than they do.
func TestTheStack(t *testing.T) {
	s := deployed(t)
	for name, test := range map[string]func(*testing.T, *stack){
		"has its outputs":                       hasItsOutputs,
		"keeps versions of artifacts":           keepsVersions,
		"sends a message at every end":          everyEndIsAMessage,
		"says why a container does not start":   aContainerThatDoesNotStart,
		"ends the job with the execution":       stopExecutionEndsTheJob,
		"ends well what an upgrade meets":       anUpgradeMeetsAnExecution,
		"starts one execution of a name":        aNameStartsOneExecution,
		"asks Batch again when it is busy":      batchIsAskedAgainWhenItDidNotTakeAJob,
		"ends many jobs of a busy Batch well":   throttledSubmitsEndWell,
		"sends a message again when it must be": aMessageThatCannotBeSentAtOnceIsSentAgain,
		"repeats plans that Spot ended":         spotEndsAPlanOnlyOnce,
		"waits for an answer":                   anApprovalWaitsForAnAnswer,
		"does what its role allows":             theMachineDoesWhatItsRoleAllows,
		"gives everyone what they need":         everyoneMayDoTheirPart,
		"is asked about each write":             theBucketIsAskedAboutEachWrite,
		"gives them what is not seen here":      whatTheEmulatorCannotShow,
		"lets rules reach their queues":         rulesReachTheirQueues,
		"lets schedules start executions":       schedulesDoWhatTheirRoleAllows,
		"is made by the Terraform module, too":  theTerraformModuleMakesTheStack,
		"keeps environments apart":              anEnvironmentIsABoundary,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func hasItsOutputs(t *testing.T, s *stack) {
	for _, name := range outputs {
		if s.out[name] == "" {
			t.Errorf("no output %s", name)
		}
	}
	// The image is built between the first stack and the last one.
	p := parameters(t, s.Emulator)
	delete(p, "ImageUri")
	for _, first := range Stacks("first") {
		if len(s.Deploy(t, first.Name, first.Template, first.Given(p))) == 0 {
			t.Errorf("%s has no outputs", first.Name)
		}
	}
}

func keepsVersions(t *testing.T, s *stack) {
	objects := s3.NewFromConfig(s.Config("deployer"), func(o *s3.Options) { o.UsePathStyle = true })
	got, err := objects.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String(s.out["Bucket"])})
	if err != nil || got.Status != "Enabled" {
		t.Errorf("versions are %q, %v", got.Status, err)
	}
}

// Every row ends in one status message, and as it should.
func everyEndIsAMessage(t *testing.T, s *stack) {
	rows := []struct {
		job, input string
		status     types.ExecutionStatus
		messages   []string
	}{
		{"ok-plan", input("plan", "ok-plan"), "SUCCEEDED", []string{"finished", "job RUNNING"}},
		{"ok-apply", input("apply", "ok-apply"), "SUCCEEDED", []string{"finished", "job RUNNING"}},
		{"bad-plan", input("plan", "bad-plan"), "FAILED", []string{
			"execution FAILED", "failed The container ended with exit code 7 and left no result: Essential container in task exited.", "job FAILED", "job RUNNING"}},
		{"bad-apply", input("apply", "bad-apply"), "FAILED", []string{
			"execution FAILED", "failed The container ended with exit code 7 and left no result: Essential container in task exited.", "job FAILED", "job RUNNING"}},
		{"unknown", input("deploy", "unknown"), "FAILED", []string{
			"execution FAILED", "failed This version of the state machine has no steps for the command deploy. Nothing was started."}},
		{"ok-lambda", withLambda(input("plan", "ok-lambda")), "SUCCEEDED", []string{"finished"}},
		{"dies-lambda", withLambda(input("plan", "dies-lambda")), "SUCCEEDED", []string{"finished", "job RUNNING"}},
		{"ok-apply-lambda", withLambda(input("apply", "ok-apply-lambda")), "SUCCEEDED", []string{"finished", "job RUNNING"}},
	}
	for _, row := range rows {
		s.start(t, row.job, row.input)
	}
	for _, row := range rows {
		t.Run(row.job, func(t *testing.T) {
			if got := s.ended(t, s.execution(row.job)); got != row.status {
				t.Errorf("ended as %s, want %s", got, row.status)
			}
			want := make([]string, len(row.messages))
			for i, m := range row.messages {
				want[i] = row.job + " " + m
				s.received(t, want[i])
			}
			if diff := cmp.Diff(want, s.about(row.job)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
	said := s.received(t, "ok-plan finished")
	if said.RunID != "r1" || said.Fence != 7 || said.Execution != s.execution("ok-plan") {
		t.Errorf("the message lacks whom it is about: %+v", said)
	}
	s.namesWhoRan(t)
	if ran := s.received(t, "ok-apply job RUNNING").Detail; ran.JobQueue != s.out["ApplyJobQueue"] || ran.JobDefinition != s.out["ApplyJobDefinition"]+":1" {
		t.Errorf("an apply ran as %+v", ran)
	}
	if ran := s.received(t, "ok-plan job RUNNING").Detail; ran.JobQueue != s.out["PlanJobQueue"] || ran.JobDefinition != s.out["PlanJobDefinition"]+":1" {
		t.Errorf("a plan ran as %+v", ran)
	}
}

func (s *stack) execution(name string) string {
	return strings.Replace(s.out["StateMachine"], ":stateMachine:", ":execution:", 1) + ":" + name
}

func aContainerThatDoesNotStart(t *testing.T, s *stack) {
	p := parameters(t, s.Emulator)
	p["ImageUri"] = strings.Replace(image, "lockkeeper", "gone", 1) + "@sha256:" + strings.Repeat("1", 64)
	s = &stack{Emulator: s.Emulator, out: deployAll(t, s.Emulator, "gone", p), machines: s.machines, queue: s.queue}
	if got := s.ended(t, s.start(t, "apply-gone-7", inputOf("gone", "apply", "gone"))); got != types.ExecutionStatusFailed {
		t.Errorf("ended as %s", got)
	}
	if said := s.received(t, "gone failed").Cause; !strings.HasPrefix(said, "The container did not start: ") || !strings.Contains(said, "CannotPullContainerError") {
		t.Errorf("cause %q", said)
	}
}

func stopExecutionEndsTheJob(t *testing.T, s *stack) {
	execution := s.start(t, "apply-slow-7", input("apply", "slow"))
	s.received(t, "slow job RUNNING")
	if _, err := s.machines.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &execution, Cause: aws.String("cancelled")}); err != nil {
		t.Fatal(err)
	}
	if got := s.ended(t, execution); got != types.ExecutionStatusAborted {
		t.Errorf("ended as %s", got)
	}
	if m := s.received(t, "apply-slow-7 execution ABORTED"); !strings.Contains(m.Detail.Input, `"job_id":"slow"`) {
		t.Errorf("the event lacks the input: %s", m.Detail.Input)
	}
	if m := s.received(t, "slow job FAILED"); m.Detail.StatusReason != "Terminated by Step Functions" {
		t.Errorf("the job ended because of %q", m.Detail.StatusReason)
	}
}

func aNameStartsOneExecution(t *testing.T, s *stack) {
	first := s.start(t, "plan-slow-twice-7", input("plan", "slow-twice"))
	if again := s.start(t, "plan-slow-twice-7", input("plan", "slow-twice")); again != first {
		t.Errorf("the second start made %s, want %s", again, first)
	}
	s.received(t, "slow-twice job RUNNING")
	if _, err := s.machines.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &first}); err != nil {
		t.Fatal(err)
	}
	s.ended(t, first)
	in := input("plan", "slow-twice")
	_, err := s.machines.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: aws.String(s.out["StateMachine"]), Name: aws.String("plan-slow-twice-7"), Input: &in})
	if _, exists := errors.AsType[*types.ExecutionAlreadyExists](err); !exists {
		t.Errorf("a start after the end: %v, want ExecutionAlreadyExists", err)
	}
}

func aMessageThatCannotBeSentAtOnceIsSentAgain(t *testing.T, s *stack) {
	s.Inject(t, awstest.Fault{Match: map[string]string{"principal": "lockkeeper-states", "service": "sqs", "action": "SendMessage"}, Times: 1, Kind: "error", Status: 500, Code: "InternalError"})
	if got := s.ended(t, s.start(t, "plan-tells-again", input("plan", "ok-again"))); got != types.ExecutionStatusSucceeded {
		t.Errorf("ended as %s", got)
	}
	s.received(t, "ok-again finished")
}

func theMachineDoesWhatItsRoleAllows(t *testing.T, s *stack) {
	stopped := s.start(t, "role-slow", input("apply", "slow-role"))
	s.received(t, "slow-role job RUNNING")
	_, err := s.machines.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &stopped})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{
		stopped,
		s.start(t, "role-plan", withLambda(input("plan", "dies-role-plan"))),
		s.start(t, "role-apply", input("apply", "bad-role-apply")),
	} {
		s.ended(t, e)
	}
	s.received(t, "slow-role job FAILED")
	s.does(t, "lockkeeper-states", "batch:DescribeJobs", "batch:SubmitJob", "batch:TerminateJob", "lambda:InvokeFunction", "sqs:SendMessage")
}

// does wants that a role was seen to do exactly these, and that its policies
// allow each of its calls.
func (s *stack) does(t *testing.T, role string, want ...string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range s.Calls(t) {
		if c.Principal != role {
			continue
		}
		requests, err := awstest.Requests(c)
		if err != nil {
			t.Error(err)
		}
		for _, r := range requests {
			seen[r.Action] = true
		}
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("%s was seen to do (-want +got):\n%s", role, diff)
	}
	for _, refused := range s.Refused(t, role, role) {
		t.Error(refused)
	}
}

// T36: AWS repeats a plan, and never an apply.
func spotEndsAPlanOnlyOnce(t *testing.T, s *stack) {
	s.Interrupt(t, "spot-plan")
	s.Interrupt(t, "spot-apply")
	plan, apply := s.start(t, "spot-plan", input("plan", "spot-plan")), s.start(t, "spot-apply", input("apply", "spot-apply"))
	if got := s.ended(t, plan); got != types.ExecutionStatusSucceeded {
		t.Errorf("a plan that was interrupted ended as %s", got)
	}
	if got := s.ended(t, apply); got != types.ExecutionStatusFailed {
		t.Errorf("an apply that was interrupted ended as %s", got)
	}
	if said := s.received(t, "spot-apply failed").Cause; !strings.Contains(said, "Your Spot Task was interrupted") {
		t.Errorf("cause %q", said)
	}
}
