package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/awstest"
	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// newJob makes a container in an account that has a bucket.
func newJob(t *testing.T, e *awstest.Emulator, name string) *Job {
	t.Helper()
	c := New(Options{
		Config: e.Config(name), Bucket: "bucket-" + name, Dir: t.TempDir(), Attempt: "1",
		Terraform: func(context.Context, string) (string, string, error) { return "/bin/false", "Terraform 1", nil },
	})
	_, err := c.objects.Client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &c.o.Bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: awstest.Region},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// anApply stores the document of an apply whose source does not exist, so that
// it ends before terraform.
func anApply(t *testing.T, c *Job) (doc run.JobDocument, key string) {
	t.Helper()
	plan := backendtest.Document("plan-0", run.Artifact{Key: "sources/" + strings.Repeat("0", 64), SHA256: strings.Repeat("0", 64), Size: 1})
	doc, key = backendtest.Apply(plan, run.Result{}), "runs/apply-plan/apply-plan-0.document.json"
	content, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.objects.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.o.Bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	return doc, key
}

func TestWhoSpeaksForAnApplyThatDidNotBegin(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	t.Run("the container, after it made sure that no other begins", func(t *testing.T) {
		c := newJob(t, e, "first")
		doc, key := anApply(t, c)
		if err := c.Do(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if by, _, err := c.objects.Claimant(t.Context(), runner.AppliedKey(doc)); by != runner.Withdrawn || err != nil {
			t.Errorf("the claim is by %q, %v", by, err)
		}
		var r run.Result
		content, err := c.read(t.Context(), engine.ResultKey(doc))
		if err != nil || json.Unmarshal(content, &r) != nil || r.Outcome != run.OutcomeFailed || r.Began {
			t.Errorf("%v: %s", err, content)
		}
	})
	t.Run("nobody, while another container of the job has begun", func(t *testing.T) {
		c := newJob(t, e, "second")
		doc, key := anApply(t, c)
		if err := c.objects.Claim(t.Context(), runner.AppliedKey(doc), doc.JobID); err != nil {
			t.Fatal(err)
		}
		c.wantNothing(t, doc, key)
	})
	t.Run("nobody, when it is the second attempt", func(t *testing.T) {
		c := newJob(t, e, "third")
		c.o.Attempt = "2"
		doc, key := anApply(t, c)
		c.wantNothing(t, doc, key)
	})
}

func (c *Job) wantNothing(t *testing.T, doc run.JobDocument, key string) {
	t.Helper()
	if err := c.Do(t.Context(), key); err == nil {
		t.Error("want an error")
	}
	if content, err := c.read(t.Context(), engine.ResultKey(doc)); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("there is a result: %v, %s", err, content)
	}
}

// T36: a plan gets nothing that is for the apply, the credentials of its role
// are in a file, and the role is where it must be.
func TestWhatTerraformIsGiven(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	secrets := secretsmanager.NewFromConfig(e.Config("deployer"))
	for name, value := range map[string]string{"plan/a": "of-plan", "apply/b": "of-apply", "both/c": `{"user": "of-both"}`} {
		if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(value)}); err != nil {
			t.Fatal(err)
		}
	}
	c := newJob(t, e, "job")
	doc := backendtest.Document("run-0", run.Artifact{})
	doc.Environment = run.JobEnvironment{
		Name: "prod", Region: "eu-north-1", Account: awstest.Account, PlanRole: "arn:aws:iam::" + awstest.Account + ":role/plan",
		Variables: []run.JobVariable{
			{Name: "A", Secret: "plan/a", For: "plan"}, {Name: "B", Secret: "apply/b", For: "apply"}, {Name: "C", Secret: "both/c#user"}, {Name: "D", Value: "plain"},
		},
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	for _, v := range doc.Environment.Variables {
		t.Setenv(runner.SecretPrefix+v.Name, "")
		t.Setenv(runner.MaskPrefix+v.Name, "")
	}
	dir := t.TempDir()
	end, err := c.environment(t.Context(), doc, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	for name, want := range map[string]string{"A": "of-plan", "B": "", "C": "of-both", "D": "plain"} {
		if got := os.Getenv(runner.SecretPrefix + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	config, err := os.ReadFile(os.Getenv("AWS_CONFIG_FILE"))
	if err != nil || !strings.Contains(string(config), "credential_process") || os.Getenv("AWS_REGION") != "eu-north-1" {
		t.Errorf("%v, region %s:\n%s", err, os.Getenv("AWS_REGION"), config)
	}
	credentials, err := os.ReadFile(filepath.Join(dir, "credentials.json"))
	if err != nil || !strings.Contains(string(credentials), "SessionToken") {
		t.Errorf("%v", err)
	}
	doc.Environment.Account = "210987654321"
	if _, err := c.environment(t.Context(), doc, dir); err == nil || !strings.Contains(err.Error(), "is not in account 210987654321") {
		t.Errorf("a role of another account: %v", err)
	}
}
