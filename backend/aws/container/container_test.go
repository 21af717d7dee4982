package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

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
