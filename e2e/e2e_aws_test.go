package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/awstest"
	deploy "github.com/lockkeeper/lockkeeper/deploy/aws"
)

// account is an emulated AWS account with the stacks of a server in it, which has two
// environments. Its image is this test's binary, as Lockkeeper.
type account struct {
	*awstest.Emulator
	out map[string]string            // of what they share
	of  map[string]map[string]string // of each environment
}

func newAccount(t *testing.T) *account {
	t.Helper()
	return newAccountWith(t, nil)
}

// newAccountWith is newAccount with variables of the image beside its own.
func newAccountWith(t *testing.T, env map[string]string) *account {
	t.Helper()
	program := awstest.Image{Entrypoint: []string{os.Args[0]}, Env: map[string]string{
		asLockkeeper: "1", jobsWrite: filepath.Join(filepath.Dir(t.TempDir()), "*", "states"), // of every stage of the test
	}}
	maps.Copy(program.Env, env)
	t.Setenv(jobsWrite, program.Env[jobsWrite]) // a container is a process here, and what it writes there stays
	const image = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/lockkeeper"
	e := awstest.Start(t, awstest.Options{
		Images: map[string]awstest.Image{image: program},
	})
	subnets, groups := e.Network(t)
	a := &account{e, map[string]string{}, map[string]map[string]string{}}
	for _, s := range deploy.Stacks("lockkeeper", "dev", "prod") {
		name := s.Parameters["Environment"]
		out := e.Deploy(t, s.Name, s.Template, s.Given(map[string]string{
			"ImageUri": image + "@sha256:" + strings.Repeat("0", 64), "SubnetIds": strings.Join(subnets, ","), "SecurityGroupIds": groups[0],
			"ServerPrincipalArn": "arn:aws:iam::" + awstest.Account + ":role/server", "ExternalId": "external-id", "Function": "true",
			"PlanRoleArns": target(name, "plan"), "ApplyRoleArns": target(name, "apply"),
		}))
		if name == "" {
			maps.Copy(a.out, out)
		} else {
			a.of[name] = out
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", e.Endpoint) // the server finds everything there
	t.Setenv("AWS_ACCESS_KEY_ID", "server")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "emulator")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return a
}

// target is the role that jobs of an environment assume.
func target(environment, command string) string {
	return "arn:aws:iam::" + awstest.Account + ":role/" + environment + "-" + command
}

// engine is the change of the server's config that makes its jobs run in the
// account, with a secret and a role for each phase.
func (a *account) engine(c map[string]any) {
	c["engine"], c["artifacts"] = "aws", "s3"
	delete(c, "isolation") // of jobs on the server's machine
	for name, env := range c["environments"].(map[string]any) {
		env, out := env.(map[string]any), a.of[name]
		delete(env, "directories")
		env["account"], env["region"] = awstest.Account, awstest.Region
		env["plan_role"], env["apply_role"] = target(name, "plan"), target(name, "apply")
		env["aws"] = map[string]any{
			"plan_definition": out["PlanJobDefinition"], "apply_definition": out["ApplyJobDefinition"], "plan_role_id": out["PlanRoleId"], "apply_role_id": out["ApplyRoleId"],
			"function": out["PlanFunction"], "function_role_id": out["FunctionRoleId"],
		}
	}
	c["aws"] = map[string]any{
		"region": awstest.Region, "bucket": a.out["Bucket"], "state_machine": a.out["StateMachine"], "status_queue": a.out["StatusQueue"],
		"dead_letter_queue": a.out["StatusDeadLetterQueue"], "plan_queue": a.out["PlanJobQueue"], "apply_queue": a.out["ApplyJobQueue"], "log_group": a.out["JobLogGroup"],
	}
	dev := c["environments"].(map[string]any)["dev"].(map[string]any)
	dev["variables"] = map[string]any{
		"PLAN_TOKEN":  map[string]any{"secret": "lockkeeper/dev/plan/token", "for": "plan"},
		"APPLY_TOKEN": map[string]any{"secret": "lockkeeper/dev/apply/token", "for": "apply"},
	}
}

func (a *account) secret(t *testing.T, name, value string) {
	t.Helper()
	_, err := secretsmanager.NewFromConfig(a.Config("deployer")).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil {
		t.Fatal(err)
	}
}

// T22, T36, T48: what nobody may do was not done on the way either, but for calls
// whose lines are like one of these.
func (a *account) everyCallIsAllowed(t *testing.T, but ...string) {
	t.Helper()
	policies := map[string]string{"server": "lockkeeper-server", "lockkeeper-states": "lockkeeper-states"}
	for name := range a.of {
		for _, of := range []string{"plan", "apply", "function"} {
			role := "lockkeeper_" + name + "_" + of
			policies[role] = role
		}
	}
	for who, policy := range policies {
		for _, line := range a.Refused(t, who, policy) {
			if !slices.ContainsFunc(but, func(pattern string) bool { return regexp.MustCompile(pattern).MatchString(line) }) {
				t.Error(line)
			}
		}
	}
	ofTheTest := []string{"deployer", "cloudformation", "emulator"}
	for _, call := range a.Calls(t) {
		if policies[call.Principal] == "" && !slices.Contains(ofTheTest, call.Principal) {
			t.Errorf("%s has no policy, and called %s %s %s", call.Principal, call.Service, call.Action, call.Path)
		}
	}
}

func TestAPlanIsApprovedAndAppliedOnAWS(t *testing.T) {
	a := newAccount(t)
	const planToken, applyToken = "a-token-for-plans", "a-token-for-applies"
	a.secret(t, "lockkeeper/dev/plan/token", planToken)
	a.secret(t, "lockkeeper/dev/apply/token", applyToken)
	s := storyAlone(t, a.engine, approvals(1))
	n := s.planned("a")
	a.aPlanCostsWhatTheDocsSay(t)
	s.says(ana, n, "/apply")
	s.refused(n, "approval")
	s.approve(rui, n)
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s\n%s", s.conversation(n), a.Log())
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "completed" || c.Conclusion != "success" {
		t.Errorf("after the apply, its check is %s %s", c.Status, c.Conclusion)
	}
	executions, err := sfn.NewFromConfig(a.Config("deployer")).ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(a.out["StateMachine"])})
	if err != nil || len(executions.Executions) != 2 {
		t.Errorf("want a plan and an apply as executions, got %+v, %v", executions, err)
	}
	s.says(ana, n, "/status")
	if text := s.last(n); strings.Contains(text, "could not be acted on") {
		t.Errorf("dead letters:\n%s", text)
	}
	_, err = sqs.NewFromConfig(a.Config("deployer")).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(a.out["StatusDeadLetterQueue"]), MessageBody: aws.String("?")})
	s.check(err)
	s.says(ana, n, "/status")
	s.wants(s.last(n), "Status messages that could not be acted on: 1.")
	for _, token := range []string{planToken, applyToken} {
		for _, call := range a.Calls(t) {
			if call.Service == "states" && strings.Contains(call.Path+call.Query, token) {
				t.Errorf("%s %s has a secret in it", call.Service, call.Action)
			}
		}
	}
	a.everyCallIsAllowed(t)
	a.keysAreToldToNobody(t, s, n)
}

// keysAreToldToNobody wants that the keys by which containers find their inputs, and
// claim plans, are in no text on GitHub, nothing that the server keeps, of which its
// pages are made, and no line of a container's log.
func (a *account) keysAreToldToNobody(t *testing.T, s *story, n int) {
	t.Helper()
	objects, keys := &bucket.Bucket{Client: bucket.NewClient(a.Config("deployer")), Name: a.out["Bucket"]}, canaries{}
	list, err := objects.Client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &objects.Name})
	s.check(err)
	for _, o := range list.Contents {
		if kind, secret, found := strings.Cut(*o.Key, "/"); found && (kind == "inputs" || kind == "claims") {
			keys[*o.Key] = strings.TrimSuffix(secret, ".json")
		}
	}
	if len(keys) != 3 {
		t.Errorf("a plan and its apply have the keys %v", keys)
	}
	texts := map[string][]byte{"the conversation": []byte(s.conversation(n))}
	for _, c := range s.pull(n).Checks {
		texts["the check "+c.Name] = fmt.Append(nil, c)
	}
	logged, err := cloudwatchlogs.NewFromConfig(a.Config("deployer")).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(a.out["JobLogGroup"])})
	s.check(err)
	for _, event := range logged.Events {
		texts["a log"] = append(texts["a log"], *event.Message...)
	}
	s.check(filepath.WalkDir(filepath.Join(s.dir, "server"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			texts[path], err = os.ReadFile(path)
		}
		return err
	}))
	for where, text := range texts {
		if names := keys.found(text); len(names) > 0 {
			t.Errorf("%s holds %v", where, names)
		}
	}
}

// doctor is what doctor prints with the stage's config.
func (s *stage) doctor() (out string, exit int) {
	s.Helper()
	return s.command("doctor", "aws", "--config", s.config)
}

func TestDoctorAWS(t *testing.T) {
	long(t) // most of its minute it waits for containers
	a := newAccount(t)
	s := newStage(t, a.engine, func(c map[string]any) { c["environments"].(map[string]any)["dev"].(map[string]any)["lambda"] = true })
	out, exit := s.doctor()
	t.Log("\n" + out)
	if exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	for _, want := range []string{
		"caller          arn:", "bucket          lockkeeper", "queue           no dead", "state machine   lockkeeper-job", "traces and logs X-Ray is on", "job queues      enabled",
		"stuck jobs      the queues", "spot            dev: plans run on [FARGATE_SPOT FARGATE], applies on [FARGATE]", "job definitions images by digest", "job             dev: doctor-",
		"cold start      the plan's container began after", "function        dev: doctor-", "apply job       dev: doctor-", "isolation       dev: a plan and an apply", "approval        doctor-", "cancel          doctor-",
	} {
		if !strings.Contains(out, "ok      "+want) {
			t.Errorf("%q is not among:\n%s", want, out)
		}
	}
	// The line spot says so when the right is missing, and the server is none the worse.
	// The line isolation tries what is refused, and no version of a source is that which is not there.
	a.everyCallIsAllowed(t, "^server may not batch:DescribeComputeEnvironments on", "_(plan|apply) may not s3:[A-Za-z]+ on .*(probe|/jobs/doctor-)", "_(plan|apply) may not s3:ListBucket", "may not s3:GetObject on .*/sources/0{64}$")
	t.Run("each job that cannot do its part", a.doctorSaysWhy)
}

// doctorSaysWhy has doctor without the rights that only a job shows to be gone.
func (a *account) doctorSaysWhy(t *testing.T) {
	s := newStage(t, a.engine)
	denied := func(match map[string]string) awstest.Fault {
		return awstest.Fault{Match: match, Times: 1000, Kind: "error", Status: 400, Code: "AccessDeniedException"}
	}
	a.Inject(t,
		denied(map[string]string{"service": "states", "action": "SendTaskSuccess"}), denied(map[string]string{"service": "states", "action": "StopExecution"}),
		denied(map[string]string{"service": "batch", "path": "/v1/describecomputeenvironments"}))
	out, exit := s.doctor()
	if exit != 1 || !strings.HasSuffix(out, "lockkeeper: 2 checks failed\n") {
		t.Errorf("exit code %d:\n%s", exit, out)
	}
	for _, want := range []string{
		"warning spot            not looked at, for want of the right batch:DescribeComputeEnvironments", "allow batch:DescribeComputeEnvironments",
		"ok      function        not used", "was approved, and its execution cannot be told", "answers with states:SendTaskSuccess",
		"failed  cancel          cancelling doctor-", "cancels with states:StopExecution",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not among:\n%s", want, out)
		}
	}
	a.Inject(t)
	other := newStage(t, a.engine, func(c map[string]any) { c["aws"].(map[string]any)["bucket"] = "of-somebody-else" })
	out, exit = other.doctor()
	if exit != 1 || !strings.Contains(out, "failed  bucket") || !strings.Contains(out, "Correct aws.bucket") {
		t.Errorf("exit code %d:\n%s", exit, out)
	}
}
