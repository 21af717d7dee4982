package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

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
	doc = backendtest.Apply(plan, run.Result{})
	return doc, c.keep(t, doc)
}

// keep stores the document of a job.
func (c *Job) keep(t *testing.T, doc run.JobDocument) (key string) {
	t.Helper()
	in := engine.Input{JobDocument: doc, Key: "inputs/" + doc.JobID + ".json", Claim: "claims/" + doc.JobID}
	content, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	c.put(t, in.Key, content)
	return in.Key
}

// left is the result of a job in the bucket.
func (c *Job) left(t *testing.T, doc run.JobDocument) ([]byte, error) {
	t.Helper()
	key := engine.ResultKey(c.place(t), doc.JobID)
	if c.o.Function {
		key = engine.AnswerKey(c.place(t), doc.JobID)
	}
	return c.read(t.Context(), key)
}

// place is where this container may write.
func (c *Job) place(t *testing.T) string {
	t.Helper()
	who, err := c.roles.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	return engine.Place(aws.ToString(who.UserId))
}

func (c *Job) put(t *testing.T, key string, content []byte) {
	t.Helper()
	if _, err := c.objects.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.o.Bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

func TestWhoSpeaksForAnApplyThatDidNotBegin(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	t.Run("the container, after it made sure that no other begins", func(t *testing.T) {
		c := newJob(t, e, "first")
		doc, key := anApply(t, c)
		if _, err := c.Do(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if by, _, err := c.objects.Claimant(t.Context(), "claims/"+doc.JobID); by != runner.Withdrawn || err != nil {
			t.Errorf("the claim is by %q, %v", by, err)
		}
		var r run.Result
		content, err := c.left(t, doc)
		if err != nil || json.Unmarshal(content, &r) != nil || r.Outcome != run.OutcomeFailed || r.Began {
			t.Errorf("%v: %s", err, content)
		}
	})
	t.Run("nobody, while another container of the job has begun", func(t *testing.T) {
		c := newJob(t, e, "second")
		doc, key := anApply(t, c)
		if err := c.objects.Claim(t.Context(), "claims/"+doc.JobID, doc.JobID); err != nil {
			t.Fatal(err)
		}
		c.wantNothing(t, doc, key)
	})
	t.Run("the container, when its time was over between its claim and terraform", func(t *testing.T) {
		c := newJob(t, e, "fourth")
		doc, _ := anApply(t, c)
		at := &task{in: engine.Input{JobDocument: doc, Claim: "claims/" + doc.JobID}, place: c.place(t), store: &claims{Bucket: c.objects}}
		if err := at.store.Claim(t.Context(), at.in.Claim, doc.JobID); err != nil {
			t.Fatal(err)
		}
		late := run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: "timed_out"}}
		if _, err := c.conclude(t.Context(), at, late); err != nil {
			t.Fatal(err)
		}
		if content, err := c.left(t, doc); err != nil || !bytes.Contains(content, []byte("timed_out")) {
			t.Errorf("%v: %s", err, content)
		}
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
	if _, err := c.Do(t.Context(), key); err == nil {
		t.Error("want an error")
	}
	c.wantNoResult(t, doc)
}

func (c *Job) wantNoResult(t *testing.T, doc run.JobDocument) {
	t.Helper()
	if content, err := c.left(t, doc); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("there is a result: %v, %s", err, content)
	}
}

// T36: what was told to end while the container got ready does not begin.
func TestAJobThatIsToldToEndBeforeItBegins(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	c := newJob(t, e, "first")
	c.o.Attempts = "2"
	asked, end := context.WithCancel(t.Context())
	end()
	ended := func(doc run.JobDocument) (r run.Result) {
		t.Helper()
		content, err := c.left(t, doc)
		if err != nil || json.Unmarshal(content, &r) != nil {
			t.Fatalf("%s: %v: %s", doc.JobID, err, content)
		}
		return r
	}
	apply, key := anApply(t, c)
	if _, err := c.Do(asked, key); err != nil {
		t.Fatal(err)
	}
	if by, _, err := c.objects.Claimant(t.Context(), "claims/"+apply.JobID); by != runner.Withdrawn || err != nil {
		t.Errorf("the claim is by %q, %v", by, err)
	}
	if r := ended(apply); r.Outcome != run.OutcomeCancelled || r.Began || !strings.Contains(r.Problem.Message, "Nothing was changed") {
		t.Errorf("apply: %+v", r.Problem)
	}

	plan := backendtest.Document("plan-0", run.Artifact{})
	key = c.keep(t, plan)
	if _, err := c.Do(asked, key); !errors.Is(err, errTaken) {
		t.Errorf("the first attempt of a plan ends with %v", err)
	}
	c.wantNoResult(t, plan)
	c.o.Attempt = "2"
	if _, err := c.Do(asked, key); err != nil || ended(plan).Problem.Code != "interrupted" {
		t.Errorf("the last one ends with %v: %+v", err, ended(plan).Problem)
	}
	c.o.Attempt = "1"
	plan = backendtest.Document("other-0", run.Artifact{})
	key = c.keep(t, plan)
	c.put(t, engine.CancelledKey(key), []byte("asked to end"))
	if _, err := c.Do(asked, key); err != nil || ended(plan).Outcome != run.OutcomeCancelled {
		t.Errorf("a plan that was cancelled ends with %v: %+v", err, ended(plan).Problem)
	}
}
