package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Options of a container.
type Options struct {
	Config     aws.Config
	Bucket     string
	Attempt    string // AWS_BATCH_JOB_ATTEMPT; empty outside of Batch
	Attempts   string // that Batch makes of a plan, as its job definition has it; empty is one
	ExternalID string // that roles of target accounts ask for; may be empty
	// Terraform finds the binary for what a project asks, and its name for people.
	Terraform func(ctx context.Context, wanted string) (path, name string, err error)
	Evaluator string   // path of lockkeeper-evaluator
	Write     []string // directories that terraform may write, besides its own
	Dir       string   // scratch space, where everybody may pass through; the same for a plan and its apply
	Grace     time.Duration
	Memory    int64 // bytes that the container has; 0 is not known
	// Function says that this is Lambda, where the job's own credentials are in
	// reach of everything that runs. Elsewhere terraform runs in a jail or not at all.
	Function bool
}

// DefaultGrace leaves the last third of the 30 seconds that Fargate gives
// between SIGTERM and SIGKILL for writing down what happened (Amazon ECS
// developer guide, "stopTimeout").
const DefaultGrace = 20 * time.Second

// Job is a container that does one job, or a function that does one after the other.
type Job struct {
	o       Options
	objects *bucket.Bucket
	roles   *sts.Client
}

// task is one job and where it is done.
type task struct {
	in    engine.Input
	place string // begins the keys of what this container may write
	store *claims
}

// New makes a job. It calls nothing.
func New(o Options) *Job {
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	return &Job{
		o: o, objects: &bucket.Bucket{Client: bucket.NewClient(o.Config), Name: o.Bucket, Unlisted: true},
		roles: sts.NewFromConfig(o.Config),
	}
}

// Do does the job whose input lies under a key and leaves its result in the
// bucket, where only this container can. It says where that is. An error means that
// there is none; it has no secret of a key. The end of asked, as SIGTERM, ends the
// job.
func (c *Job) Do(asked context.Context, key string) (left run.Artifact, err error) {
	defer func() { err = engine.WithoutSecrets(err) }() // it ends in the log, and in a comment
	ctx := context.WithoutCancel(asked)                 // whoever ends a job wants to know how it ended
	in, err := c.input(ctx, key)
	if err != nil {
		return left, err
	}
	if engine.Changes(in.Command) && c.o.Attempt != "" && c.o.Attempt != "1" {
		return left, fmt.Errorf("AWS_BATCH_JOB_ATTEMPT is %q: the first attempt may have changed something, and the engine finds that out", c.o.Attempt)
	}
	who, err := c.roles.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return left, fmt.Errorf("finding out who this container is: %w", err)
	}
	t := &task{in: in, place: engine.Place(aws.ToString(who.UserId)), store: &claims{Bucket: c.objects}}
	r := c.result(asked, t)
	return c.conclude(asked, t, r)
}

// conclude leaves the result in the bucket, unless it is for another container
// to say how the job ended.
func (c *Job) conclude(asked context.Context, t *task, r run.Result) (left run.Artifact, err error) {
	ctx, changes := context.WithoutCancel(asked), engine.Changes(t.in.Command)
	if changes && !r.Began && !t.store.made {
		if err := c.standBack(ctx, t.in); err != nil {
			return left, err
		}
	}
	if !changes && (r.Outcome == run.OutcomeCancelled || r.Outcome == run.OutcomeFailed && asked.Err() != nil) {
		if r, err = c.interrupted(ctx, t.in, r); err != nil {
			return left, err
		}
	}
	content, err := json.Marshal(r)
	if err != nil {
		return left, fmt.Errorf("writing the result: %w", err)
	}
	content = []byte(engine.Masked(string(content))) // a refusal of S3 names the object
	if c.o.Function {
		return c.objects.Put(ctx, engine.AnswerKey(t.place, t.in.JobID), bytes.NewReader(content))
	}
	return left, c.leave(ctx, engine.ResultKey(t.place, t.in.JobID), content)
}

// claims notes whether a claim succeeded. It does so once for each plan, so that
// no other container begins, also when this one is told to end before terraform
// does: then it is the one that knows that nothing was changed.
type claims struct {
	*bucket.Bucket
	made bool
}

// Claim implements artifact.Dir's contract.
func (c *claims) Claim(ctx context.Context, key, by string) error {
	err := c.Bucket.Claim(ctx, key, by)
	c.made = c.made || err == nil
	return err
}

// standBack makes sure that the job changes nothing before someone is told so:
// another container of it may be about to. If one has begun already there must
// be no result but its own.
func (c *Job) standBack(ctx context.Context, in engine.Input) error {
	if in.Claim == "" { // nothing can begin
		return nil
	}
	err := c.objects.Claim(ctx, in.Claim, runner.Withdrawn)
	if err == nil {
		return nil
	}
	by, claimed, readErr := c.objects.Claimant(ctx, in.Claim)
	switch {
	case readErr != nil:
		return errors.Join(err, readErr)
	case !claimed:
		return err
	case by == in.JobID:
		return errors.New("another container of this job has begun, and its result counts")
	}
	return nil
}

// result does the job. Whatever keeps it from being done is a result, too.
func (c *Job) result(asked context.Context, t *task) run.Result {
	ctx, doc := context.WithoutCancel(asked), t.in.JobDocument
	if t.in.Probe {
		return c.probe(ctx, t)
	}
	if engine.Changes(doc.Command) && t.in.Claim == "" {
		return refused("plan_gone", "What was known of this plan no longer exists, so nothing was applied. Comment `/plan`, then `/apply`.", errors.New("the plan has no claim"))
	}
	dir, err := c.mkdirs(doc)
	if err != nil {
		return refused("container", "The container could not prepare the job, so nothing ran. Comment the command again.", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, name, err := c.o.Terraform(ctx, doc.Project.Terraform)
	if err != nil {
		return refused("terraform_missing", "The image has no Terraform for this project, so nothing ran. Your Lockkeeper administrator has to add it.", err)
	}
	credentials := filepath.Join(dir, credentialsDir)
	end, err := c.environment(ctx, doc, credentials)
	if err != nil {
		return refused("secrets_unavailable", "The job could not get its role or its secrets, so nothing ran. Your Lockkeeper administrator finds the reason below.", err)
	}
	defer end()
	if asked.Err() != nil { // the runner has not listened until now
		return run.Result{Outcome: run.OutcomeCancelled, Problem: engine.CancelledBefore(doc)}
	}
	r, err := runner.Do(asked, runner.Options{
		Dir: filepath.Join(dir, "job"), Terraform: path, TerraformName: name, Evaluator: c.o.Evaluator, Prefix: t.place, Claim: t.in.Claim,
		Pass: passed, Given: []string{credentials}, Write: c.o.Write, OwnMachine: true, Grace: c.o.Grace, Isolation: c.isolation(), Limits: c.limits(),
	}, t.store)
	if err != nil {
		return refused("container", "The container could not begin the job, so nothing ran. Comment the command again.", err)
	}
	if c.o.Function && r.Isolation != "" { // something ran
		r.Isolation = run.IsolationFunction
	}
	return r
}

// isolation is what happens where terraform cannot be kept apart. A container is
// root's, so that it always can: by a user id of its own, where Fargate has
// neither namespaces nor Landlock. Whoever is in a function asks its runtime for
// the next job, and has the credentials of its role.
func (c *Job) isolation() jail.Mode {
	if c.o.Function {
		return jail.Off
	}
	return jail.Required
}

// limits leave an eighth of the container's memory to the runner: a job that
// takes too much is to say so, and not to end with its container.
func (c *Job) limits() jail.Limits { return jail.Limits{Memory: c.o.Memory / 8 * 7} }

// passed are variables of the container that terraform gets.
var passed = []string{"AWS_CONFIG_FILE", "AWS_REGION", "AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}

func refused(code, message string, err error) run.Result {
	return run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: code, Message: message, Detail: err.Error()}}
}

// credentialsDir is what the jail is given: the credentials of the role, and
// where they are.
const credentialsDir = "credentials"

// mkdirs makes the directories of the job, at the same path for a plan and its
// apply, and empty, also where the last job of a function left something.
func (c *Job) mkdirs(doc run.JobDocument) (dir string, err error) {
	dir = filepath.Join(c.o.Dir, "lockkeeper-job")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // nobody else made it
		return "", err
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "job"), 0o700), os.Mkdir(filepath.Join(dir, credentialsDir), 0o700)); err != nil {
		return "", err
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o711); err != nil { // the user of the jail comes through
			return "", err
		}
	}
	content, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "job", runner.DocumentFile), content, 0o600)
}

func (c *Job) input(ctx context.Context, key string) (in engine.Input, err error) {
	if err := artifact.CheckKey(key); err != nil {
		return in, err
	}
	content, err := c.read(ctx, key)
	if err != nil {
		return in, fmt.Errorf("reading the input of the job: %w", err)
	}
	if err := json.Unmarshal(content, &in); err != nil {
		return in, fmt.Errorf("reading the input of the job: %w", err)
	}
	return in, nil
}

// maxObject bounds what is read into memory, in bytes.
const maxObject = 4 << 20

func (c *Job) read(ctx context.Context, key string) ([]byte, error) {
	out, err := c.objects.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &c.o.Bucket, Key: &key})
	if status(err) == http.StatusForbidden || status(err) == http.StatusNotFound { // a container may not list
		return nil, errors.Join(artifact.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Body.Close() }()
	return io.ReadAll(io.LimitReader(out.Body, maxObject))
}

// leave writes the result unless one is there: the first one counts.
func (c *Job) leave(ctx context.Context, key string, content []byte) error {
	if err := c.objects.Create(ctx, key, content); err != nil && status(err) != http.StatusPreconditionFailed {
		return fmt.Errorf("storing the result: %w", err)
	}
	return nil
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
