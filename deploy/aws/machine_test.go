package deploy

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// T36: what a service repeats by itself could apply twice.
func TestT36_NothingThatChangesInfrastructureIsRepeated(t *testing.T) {
	m, b := parsedMachine(t), parsed(t)
	applies := 0
	for name, s := range m.States {
		if name != "ApplyOnBatch" {
			continue
		}
		applies++
		if s.Parameters["JobDefinition.$"] != "$.batch.job_definition" {
			t.Errorf("state %s runs %v", name, s.Parameters)
		}
		if s.Parameters["RetryStrategy"] != nil {
			t.Errorf("state %s overrides the retry strategy", name)
		}
		if s.Parameters["JobQueue.$"] != "$.batch.job_queue" {
			t.Errorf("state %s does not use the queue that the server names", name)
		}
		for _, after := range s.after() {
			if m.reaches(after, name) {
				t.Errorf("state %s leads back to itself by %s", name, after)
			}
		}
	}
	if applies != 1 {
		t.Errorf("%d states apply, want 1", applies)
	}
	retry := b.Resources["ApplyJobDefinition"].Properties["RetryStrategy"]
	if at(retry, "Attempts") != 1.0 || at(retry, "EvaluateOnExit") != nil {
		t.Errorf("an apply has the retry strategy %v", retry)
	}
	for _, name := range slices.Concat(b.computeOf(t, "ApplyJobQueue"), b.computeOf(t, "OwnApplyJobQueue")) {
		if kind := at(b.Resources[name].Properties, "ComputeResources", "Type"); kind != "FARGATE" {
			t.Errorf("applies run on %v, which may end them", kind)
		}
	}
}

// notTaken are the errors of SubmitJob that say nothing about the job: it was not
// taken, or nobody knows. An error of a job that ran has another name.
var notTaken = []any{"Batch.AWSBatchException", "Batch.TooManyRequestsException", "Batch.ServerException", "Batch.SdkClientException"}

// What may be asked for again is known by name, so that a state which is added
// later is not among it.
func TestT36_OnlyMessagesAndJobsThatWereNotTakenAreAskedForAgain(t *testing.T) {
	for name, s := range parsedMachine(t).States {
		submits := s.Resource == "arn:aws:states:::batch:submitJob.sync"
		if submits && len(s.Retry) != 1 {
			t.Errorf("state %s gives up when Batch is busy", name)
		}
		for _, r := range s.Retry {
			if s.Resource == "arn:aws:states:::sqs:sendMessage" {
				continue
			}
			if !submits || !slices.Equal(list(r["ErrorEquals"]), notTaken) {
				t.Errorf("state %s is asked for again after %v", name, r["ErrorEquals"])
			}
		}
	}
}

// Batch takes 50 calls a second of an account, and 200 jobs that begin at once need
// several each. Whoever is refused again and again has minutes.
func TestABusyBatchIsAskedForMinutes(t *testing.T) {
	for _, name := range []string{"ReadOnBatch", "ApplyOnBatch"} {
		r, longest, wait := parsedMachine(t).States[name].Retry[0], 0.0, 0.0
		for n := range int(r["MaxAttempts"].(float64)) {
			wait = min(r["IntervalSeconds"].(float64)*math.Pow(r["BackoffRate"].(float64), float64(n)), r["MaxDelaySeconds"].(float64))
			longest += wait
		}
		if longest < 5*60 || r["JitterStrategy"] != "FULL" {
			t.Errorf("%s is asked for %.0f seconds at most, jitter %v", name, longest, r["JitterStrategy"])
		}
	}
}

func (m machine) reaches(from, to string) bool {
	seen := map[string]bool{}
	var walk func(string) bool
	walk = func(name string) bool {
		if seen[name] {
			return false
		}
		seen[name] = true
		return name == to || slices.ContainsFunc(m.States[name].after(), walk)
	}
	return walk(from)
}

func (b body) computeOf(t testing.TB, queue string) (names []string) {
	for _, c := range list(b.Resources[queue].Properties["ComputeEnvironmentOrder"]) {
		name, ok := at(c, "ComputeEnvironment", "Ref").(string)
		if !ok {
			t.Fatalf("queue %s: %v is not a reference", queue, c)
		}
		names = append(names, name)
	}
	return names
}

// Batch repeats what no rule of evaluateOnExit matches.
func TestT36_APlanIsRepeatedOnlyWhenSpotTookItsMachine(t *testing.T) {
	retry := parsed(t).Resources["PlanJobDefinition"].Properties["RetryStrategy"]
	rules := list(at(retry, "EvaluateOnExit"))
	if at(retry, "Attempts") != 2.0 || len(rules) != 2 {
		t.Fatalf("retry strategy %v", retry)
	}
	if at(rules[0], "Action") != "RETRY" || at(rules[0], "OnStatusReason") != "Your Spot Task was interrupted*" || len(rules[0].(map[string]any)) != 2 {
		t.Errorf("first rule %v", rules[0])
	}
	if at(rules[1], "Action") != "EXIT" || at(rules[1], "OnReason") != "*" || len(rules[1].(map[string]any)) != 2 {
		t.Errorf("last rule %v", rules[1])
	}
	told := ""
	for _, v := range list(at(parsed(t).Resources["PlanJobDefinition"].Properties, "ContainerProperties", "Environment")) {
		if at(v, "Name") == "LOCKKEEPER_ATTEMPTS" {
			told = at(v, "Value").(string)
		}
	}
	if told != fmt.Sprint(at(retry, "Attempts")) {
		t.Errorf("the container is told of %q attempts, and there are %v", told, at(retry, "Attempts"))
	}
}

// CloudFormation deregisters the revision that an upgrade replaces, under executions
// that name it, unless it is told not to.
func TestAnUpgradeLeavesTheRevisionsThatAreInUse(t *testing.T) {
	b := parsed(t)
	for _, name := range b.ofType("AWS::Batch::JobDefinition") {
		if at(b.Resources[name].Properties, "ResourceRetentionPolicy", "SkipDeregisterOnUpdate") != true {
			t.Errorf("an upgrade deregisters %s", name)
		}
	}
}

func TestT36_EverythingHasATimeLimit(t *testing.T) {
	m, b := parsedMachine(t), parsed(t)
	for name, s := range m.States {
		if s.Type == "Task" && s.TimeoutSeconds == 0 && s.TimeoutSecondsPath == "" {
			t.Errorf("task %s has no time limit", name)
		}
		if strings.Contains(s.Resource, "batch:submitJob") && at(s.Parameters, "Timeout", "AttemptDurationSeconds.$") == nil {
			t.Errorf("the job of %s has no time limit of its own", name)
		}
	}
	if m.TimeoutSeconds == 0 {
		t.Error("the state machine has no time limit")
	}
	for _, name := range b.ofType("AWS::Batch::JobDefinition") {
		if at(b.Resources[name].Properties, "Timeout", "AttemptDurationSeconds") == nil {
			t.Errorf("%s has no time limit", name)
		}
	}
	for _, name := range b.ofType("AWS::Batch::JobQueue") {
		if actions := list(b.Resources[name].Properties["JobStateTimeLimitActions"]); len(actions) != 3 {
			t.Errorf("%s: a job that cannot start waits for ever: %v", name, actions)
		}
	}
}

// A wait for approval is asked for once, for as long as its document says. The
// token, with which anybody can answer, goes to the status queue and nowhere
// else.
func TestAnApprovalIsAskedForOnce(t *testing.T) {
	m, waits := parsedMachine(t), 0
	for name, s := range m.States {
		if !strings.HasSuffix(s.Resource, ".waitForTaskToken") {
			continue
		}
		waits++
		if len(s.Retry) != 0 || s.TimeoutSecondsPath != "$.limits.seconds" {
			t.Errorf("state %s has Retry %v and the time limit %q", name, s.Retry, s.TimeoutSecondsPath)
		}
		if s.Parameters["QueueUrl"] != "${StatusQueue}" || at(s.Parameters, "MessageBody", "token.$") != "$$.Task.Token" {
			t.Errorf("state %s asks by %v", name, s.Parameters)
		}
		for _, after := range s.after() {
			if m.reaches(after, name) || m.reaches(after, "ApplyOnBatch") {
				t.Errorf("state %s goes on by %s to ask again or to apply", name, after)
			}
		}
	}
	if tokens := strings.Count(stateMachine, "Task.Token"); waits != 1 || tokens != 1 {
		t.Errorf("%d states wait for an answer, and %d name a token", waits, tokens)
	}
}

// Every way through the state machine passes a state that sends a message, and
// none sends two.
func TestEveryEndSendsAMessage(t *testing.T) {
	m := parsedMachine(t)
	ends := 0
	var walk func(name string, told int, path []string)
	walk = func(name string, told int, path []string) {
		s, exists := m.States[name]
		path = append(slices.Clone(path), name)
		if !exists || slices.Contains(path[:len(path)-1], name) {
			t.Fatalf("%v leads nowhere, or in a circle", path)
		}
		if s.Resource == "arn:aws:states:::sqs:sendMessage" {
			told++
		}
		if s.Type == "Succeed" || s.Type == "Fail" || s.End {
			ends++
			if told != 1 {
				t.Errorf("%v sends %d messages", path, told)
			}
		}
		for _, next := range s.after() {
			walk(next, told, path)
		}
	}
	walk(m.StartAt, 0, nil)
	if ends < 5 {
		t.Errorf("only %d ways through the state machine", ends)
	}
}

// A failure of these is caught, so that it is told with a cause.
func TestEveryStepThatMayFailIsCaught(t *testing.T) {
	for name, s := range parsedMachine(t).States {
		if s.Type == "Task" && !strings.HasPrefix(name, "Tell") && len(s.Catch) == 0 {
			t.Errorf("nothing catches a failure of %s", name)
		}
	}
}

// 262,144 bytes is the limit of Step Functions. What a job returns is not kept,
// and its description may hold environment variables.
func TestResultsOfJobsAreNotKept(t *testing.T) {
	if got := strings.Count(stateMachine, `"ResultPath": null`); got < 5 {
		t.Errorf("only %d states drop their result", got)
	}
}

func TestDefinitionSubstitutionsAreComplete(t *testing.T) {
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(stateMachine, -1) {
		used[m[1]] = true
	}
	given, _ := parsed(t).Resources["StateMachine"].Properties["DefinitionSubstitutions"].(map[string]any)
	want, got := slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(given))
	if !slices.Equal(want, got) {
		t.Errorf("job.asl.json uses %v, the template gives %v", want, got)
	}
}

func TestTheStateMachineIsTracedAndLogged(t *testing.T) {
	p := parsed(t).Resources["StateMachine"].Properties
	if at(p, "TracingConfiguration", "Enabled") != true {
		t.Error("X-Ray is off")
	}
	if at(p, "LoggingConfiguration", "Level") != "ERROR" || at(p, "LoggingConfiguration", "IncludeExecutionData") != false {
		t.Errorf("logging is %v", p["LoggingConfiguration"])
	}
	if p["StateMachineType"] != "STANDARD" { // Express has no .sync
		t.Errorf("the type is %v", p["StateMachineType"])
	}
}

// A function's time limit kills without an interrupt, so it never applies. All of
// its plans are one identity, so that is not the one of containers.
func TestTheFunctionIsAPlanner(t *testing.T) {
	b := parsed(t)
	for _, name := range b.ofType("AWS::Lambda::Function") {
		if got := at(b.Resources[name].Properties, "Role", "Fn::GetAtt"); got != "PlanFunctionRole.Arn" {
			t.Errorf("%s runs as %v", name, got)
		}
	}
	for name, s := range parsedMachine(t).States {
		if s.Resource == "arn:aws:states:::lambda:invoke" && s.Parameters["FunctionName.$"] != "$.batch.function" {
			t.Errorf("state %s invokes %v", name, s.Parameters)
		}
	}
}
