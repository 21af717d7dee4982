package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lockkeeper/lockkeeper/run"
)

// ProbeCode is of a job that tried what it may not do and could.
const ProbeCode = "not_refused"

// probe tries what would let a container speak for another job. It succeeds when
// AWS refuses all of it. That ECS names sessions after tasks is seen by who finds
// the result where it belongs.
func (c *Job) probe(ctx context.Context, t *task) run.Result {
	var could []string
	for what, try := range c.forbidden(ctx, t) {
		switch err := try(); {
		case err == nil:
			could = append(could, what)
		case status(err) != http.StatusForbidden:
			could = append(could, fmt.Sprintf("%s (%v)", what, err))
		}
	}
	slices.Sort(could)
	if could == nil {
		return run.Result{Outcome: run.OutcomeSucceeded}
	}
	return refused(ProbeCode, "A job can do what only the server, or another job, may do: deploy the stack again.", errors.New(strings.Join(could, "; ")))
}

// forbidden is what it tries, by what people call it.
func (c *Job) forbidden(ctx context.Context, t *task) map[string]func() error {
	put := func(key string) func() error {
		return func() error {
			_, err := c.objects.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.o.Bucket, Key: &key, Body: strings.NewReader("probe"), IfNoneMatch: aws.String("*")})
			return err
		}
	}
	get := func(key string) func() error {
		return func() error {
			_, err := c.objects.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.o.Bucket, Key: &key})
			return err
		}
	}
	role, _, _ := strings.Cut(t.place, ":")
	return map[string]func() error{
		"write what another job of its kind says": put(role + ":probe/" + t.in.JobID + ".txt"),
		"write what a job is given":               put("inputs/probe-" + t.in.JobID),
		"write a source":                          put("sources/probe-" + t.in.JobID),
		"write how a job ended":                   put("ended/probe-" + t.in.JobID),
		"read what the server knows of a job":     get("jobs/" + t.in.JobID + ".json"),
		"list the bucket": func() error {
			_, err := c.objects.Client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.o.Bucket})
			return err
		},
	}
}
