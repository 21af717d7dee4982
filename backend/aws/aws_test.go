package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/backend/aws/container"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	deploy "github.com/lockkeeper/lockkeeper/deploy/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

const image = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/lockkeeper"

// Variables by which this test's binary is the program of the image.
const (
	asContainer   = "LOCKKEEPER_TEST_CONTAINER"
	sharedDir     = "LOCKKEEPER_TEST_SHARED" // of tests with their jobs
	fakeTerraform = "LOCKKEEPER_TEST_FAKE"
)

func TestMain(m *testing.M) {
	if os.Getenv(asContainer) == "" {
		os.Exit(m.Run())
	}
	if err := contained(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// contained is "lockkeeper job --document KEY" with two terraforms.
func contained(ctx context.Context, args []string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	job := container.New(container.Options{
		Config: cfg, Bucket: os.Getenv("LOCKKEEPER_BUCKET"), Attempt: os.Getenv("AWS_BATCH_JOB_ATTEMPT"), Attempts: os.Getenv("LOCKKEEPER_ATTEMPTS"),
		ExternalID: os.Getenv("LOCKKEEPER_EXTERNAL_ID"), Dir: os.TempDir(), Grace: time.Second, Write: []string{os.Getenv(sharedDir)},
		Terraform: func(_ context.Context, wanted string) (string, string, error) {
			if wanted == backendtest.Fake {
				return os.Getenv(fakeTerraform), "Fake 1", nil
			}
			path, err := exec.LookPath("terraform")
			return path, "Terraform 1", err
		},
		Function: os.Getenv("AWS_LAMBDA_RUNTIME_API") != "",
	})
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		container.Serve(job)
	}
	if len(args) != 3 || args[0] != "job" || args[1] != "--document" {
		return fmt.Errorf("unknown arguments %q", args)
	}
	_, err = job.Do(ctx, args[2])
	return err
}

// fixture is an account with the stacks of a server in it.
type fixture struct {
	*awstest.Emulator
	prefix  string // of its names
	options aws.Options
	place   aws.Environment // where all jobs run
	objects *bucket.Bucket

	mu   sync.Mutex
	open map[string]run.JobDocument // guarded by mu: jobs that were requested and have not ended
	over map[string]bool            // guarded by mu: those that have
}

// engine notes the jobs that are open, as the store of a server does.
type engine struct {
	*aws.Engine
	f *fixture
}

func (e engine) Start(ctx context.Context, doc run.JobDocument) error {
	e.f.mu.Lock()
	if !e.f.over[doc.JobID] {
		e.f.open[doc.JobID] = doc
	}
	e.f.mu.Unlock()
	return e.Engine.Start(ctx, doc)
}

func (e engine) Run(ctx context.Context, deliver func(context.Context, run.Message) error) error {
	return e.Engine.Run(ctx, func(ctx context.Context, m run.Message) error {
		if err := deliver(ctx, m); err != nil || m.Kind != run.MessageFinished {
			return err
		}
		e.f.mu.Lock()
		defer e.f.mu.Unlock()
		e.f.over[m.JobID] = true
		delete(e.f.open, m.JobID)
		return nil
	})
}

func (f *fixture) engine(testing.TB) run.Backend { return engine{aws.New(f.options), f} }

// emulator starts an AWS in which any number of stacks have a place.
func emulator(t testing.TB, jobs int) *awstest.Emulator {
	t.Helper()
	return awstest.Start(t, awstest.Options{
		Images: map[string]awstest.Image{image: {
			Entrypoint: []string{os.Args[0]}, Env: map[string]string{asContainer: "1", fakeTerraform: backendtest.FakeTerraform(t), sharedDir: backendtest.SharedDir()},
		}},
		MaxJobs: jobs, StopGrace: 5 * time.Second,
	})
}

// stacks counts them, so that each has a name of its own.
var stacks atomic.Int64

var deploying sync.Mutex

func newFixture(t testing.TB, e *awstest.Emulator) *fixture {
	t.Helper()
	return newFixtureOf(t, e, func(template string) string { return template })
}

// newFixtureOf changes the templates first.
func newFixtureOf(t testing.TB, e *awstest.Emulator, change func(template string) string) *fixture {
	t.Helper()
	subnets, groups := e.Network(t)
	name := fmt.Sprintf("lk%d", stacks.Add(1))
	deploying.Lock() // the emulator's CloudFormation takes one at a time
	defer deploying.Unlock()
	out := map[string]string{}
	for _, s := range deploy.Stacks(name, "dev") {
		maps.Copy(out, e.Deploy(t, s.Name, change(s.Template), s.Given(map[string]string{
			"ImageUri": image + "@sha256:" + strings.Repeat("0", 64), "SubnetIds": strings.Join(subnets, ","), "SecurityGroupIds": groups[0],
			"ServerPrincipalArn": "arn:aws:iam::" + awstest.Account + ":role/server", "ExternalId": "external-id", "Function": "true",
			"PlanRoleArns": "arn:aws:iam::*:role/lockkeeper-plan", "ApplyRoleArns": "arn:aws:iam::*:role/lockkeeper-apply",
		})))
	}
	f := &fixture{Emulator: e, prefix: name, open: map[string]run.JobDocument{}, over: map[string]bool{}, options: aws.Options{
		Config: e.Config("server"), StateMachine: out["StateMachine"], Bucket: out["Bucket"], StatusQueue: out["StatusQueue"],
		DeadLetters: out["StatusDeadLetterQueue"],
	}}
	f.place = aws.Environment{
		PlanQueue: out["PlanJobQueue"], ApplyQueue: out["ApplyJobQueue"], PlanDefinition: out["PlanJobDefinition"], ApplyDefinition: out["ApplyJobDefinition"], Function: out["PlanFunction"],
		PlanRoleID: out["PlanRoleId"], ApplyRoleID: out["ApplyRoleId"], FunctionRoleID: out["FunctionRoleId"],
	}
	f.options.Environments = map[string]aws.Environment{"": f.place, "secret": f.place}
	f.options.Reconcile, f.options.Poll = time.Second, time.Second
	f.options.Open = func(context.Context) ([]run.JobDocument, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Collect(maps.Values(f.open)), nil
	}
	f.objects = &bucket.Bucket{Client: bucket.NewClient(f.options.Config), Name: f.options.Bucket}
	return f
}

// role is what the containers of a command are, or the function.
func (f *fixture) role(of string) string { return f.prefix + "_dev_" + of }

func (f *fixture) harness() backendtest.Harness {
	return backendtest.Harness{
		Open: f.engine, Artifacts: f.objects, Tamper: f.tamper, KillRunner: f.killContainer, Forgets: true, Environment: f.environment,
	}
}

// environment is one whose secrets are where the roles of the template find
// them.
func (f *fixture) environment(t testing.TB) run.JobEnvironment {
	t.Helper()
	plan, apply := f.prefix+"/dev/plan/token", f.prefix+"/dev/apply/token"
	client := secretsmanager.NewFromConfig(f.Config("deployer"))
	for name, value := range map[string]string{plan: backendtest.PlanToken, apply: backendtest.ApplyToken} {
		if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}); err != nil {
			t.Fatal(err)
		}
	}
	return run.JobEnvironment{Name: "secret", Variables: []run.JobVariable{
		{Name: "PLAN_TOKEN", Secret: plan, For: "plan"}, {Name: "APPLY_TOKEN", Secret: apply, For: "apply"},
	}}
}

// tamper replaces an object and removes the version that was there, which is
// more than any role of the template can do.
func (f *fixture) tamper(t testing.TB, ref run.Artifact) {
	t.Helper()
	content, err := f.objects.ReadAll(t.Context(), ref, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if _, err := f.objects.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &f.objects.Name, Key: &ref.Key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.objects.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &f.objects.Name, Key: &ref.Key, VersionId: &ref.Version}); err != nil {
		t.Fatal(err)
	}
}

// killContainer ends the container of a job as the kernel does when memory is
// short.
func (f *fixture) killContainer(t testing.TB, jobID string) {
	t.Helper()
	if !f.kill(t, jobID) {
		t.Fatalf("no container runs job %s", jobID)
	}
}

// kill reports whether there was one.
func (f *fixture) kill(t testing.TB, jobID string) bool {
	t.Helper()
	given := f.given(t, jobID)
	for _, file := range must(filepath.Glob("/proc/[0-9]*/cmdline")) {
		cmdline, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(cmdline), given.Key) {
			continue
		}
		pid := must(strconv.Atoi(filepath.Base(filepath.Dir(file))))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

// given is the input of a job that was started.
func (f *fixture) given(t testing.TB, jobID string) (in aws.Input) {
	t.Helper()
	out, err := f.objects.Client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &f.objects.Name, Key: new("jobs/" + jobID + ".json")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	if err := json.NewDecoder(out.Body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	return in
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestContract(t *testing.T) {
	e := emulator(t, 1)
	backendtest.Run(t, func(t *testing.T) backendtest.Harness { return newFixture(t, e).harness() })
}
