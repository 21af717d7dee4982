package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// environment gives terraform its variables and the credentials of its role,
// until end. Values of secrets go into variables that package runner reads and
// masks; credentials go into a file, so that no variable of terraform holds any.
func (c *Job) environment(ctx context.Context, doc run.JobDocument, dir string) (end func(), err error) {
	var set variables
	defer func() {
		if err != nil {
			set.restore()
		}
	}()
	phase, role := "plan", doc.Environment.PlanRole
	if engine.Changes(doc.Command) {
		phase, role = "apply", doc.Environment.ApplyRole
	}
	for _, v := range doc.Environment.Variables {
		own := v.For == "" || v.For == "both" || v.For == phase
		if !own && phase == "plan" {
			continue // a plan runs what a pull request says, and what is for the apply is nowhere near it
		}
		value := v.Value
		if v.Secret != "" {
			if value, err = engine.ReadSecret(ctx, c.o.Config, v.Secret); err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			}
		}
		name := runner.SecretPrefix + v.Name
		if !own {
			name = runner.MaskPrefix + v.Name // what the plan had and the apply may print
		}
		if err := set.put(name, value); err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, err)
		}
	}
	if role == "" {
		return set.restore, nil
	}
	stop, err := c.assume(ctx, doc, role, dir, &set)
	if err != nil {
		return nil, err
	}
	return func() { stop(); set.restore() }, nil
}

// variables are those of this process that a job changed, with what they were.
// The next job of a function may be one of another environment.
type variables []func() error

func (v *variables) put(name, value string) error {
	before, was := os.LookupEnv(name)
	*v = append(*v, func() error {
		if was {
			return os.Setenv(name, before)
		}
		return os.Unsetenv(name)
	})
	return os.Setenv(name, value)
}

func (v variables) restore() {
	for _, undo := range slices.Backward(v) {
		_ = undo() // a name that could be set can be unset
	}
}

// A role that is assumed by a role lasts an hour at most (IAM user guide, "Role
// chaining"), and an apply may last longer: terraform asks for credentials again
// when they expire, and finds new ones.
const (
	roleSeconds  = 3600
	renewedEvery = 20 * time.Minute
)

// assume writes credentials of a role where terraform looks for them, and
// renews them until end.
func (c *Job) assume(ctx context.Context, doc run.JobDocument, role, dir string, set *variables) (end func(), err error) {
	file, config := filepath.Join(dir, "credentials.json"), filepath.Join(dir, "config")
	if err := c.renew(ctx, doc, role, file); err != nil {
		return nil, err
	}
	text := "[default]\ncredential_process = /bin/cat " + strconv.Quote(file) + "\n"
	if r := doc.Environment.Region; r != "" {
		text += "region = " + r + "\n"
	}
	if err := place(config, []byte(text)); err != nil {
		return nil, err
	}
	if err := errors.Join(set.put("AWS_CONFIG_FILE", config), set.put("AWS_REGION", region(doc, c.o.Config))); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(renewedEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			if err := c.renew(ctx, doc, role, file); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, err) // the credentials that are there last for another while
			}
		}
	}()
	return func() { cancel(); <-done }, nil
}

func region(doc run.JobDocument, cfg aws.Config) string {
	if doc.Environment.Region != "" {
		return doc.Environment.Region
	}
	return cfg.Region
}

// renew writes fresh credentials as credential_process gives them (AWS SDKs and
// tools reference guide, "Process credential provider").
func (c *Job) renew(ctx context.Context, doc run.JobDocument, role, file string) error {
	in := &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String(word(doc.JobID)), DurationSeconds: aws.Int32(roleSeconds),
		SourceIdentity: aws.String(word(doc.Actor)),
		Tags: []types.Tag{
			tag("lockkeeper:repository", doc.Repository), tag("lockkeeper:project", doc.Project.Name),
			tag("lockkeeper:command", string(doc.Command)), tag("lockkeeper:pull_request", strconv.Itoa(doc.PullRequest)),
		},
	}
	if c.o.ExternalID != "" {
		in.ExternalId = &c.o.ExternalID
	}
	out, err := c.roles.AssumeRole(ctx, in)
	if err != nil {
		return fmt.Errorf("assuming role %s: %w", role, err)
	}
	if a := doc.Environment.Account; a != "" && !strings.Contains(aws.ToString(out.AssumedRoleUser.Arn), ":"+a+":") {
		return fmt.Errorf("role %s is not in account %s, where the environment %s is", role, a, doc.Environment.Name)
	}
	content, err := json.Marshal(map[string]any{
		"Version": 1, "AccessKeyId": out.Credentials.AccessKeyId, "SecretAccessKey": out.Credentials.SecretAccessKey,
		"SessionToken": out.Credentials.SessionToken, "Expiration": out.Credentials.Expiration.UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	return place(file, content)
}

// place puts a file into the directory of credentials, at once with all of its
// content. Whoever comes into the directory, which is closed to all but the
// jail's user, may read it: that user was not known when the first one was written.
func place(file string, content []byte) error {
	next := file + ".new"
	if err := errors.Join(os.WriteFile(next, content, 0o600), os.Chmod(next, 0o644)); err != nil {
		return err
	}
	return os.Rename(next, file)
}

// unfit is what names of sessions and identities may not have (AWS STS API
// reference, "AssumeRole").
var unfit = regexp.MustCompile(`[^\w+=,.@-]`)

// word makes a text fit to be a name of 2 to 64 characters.
func word(s string) string {
	if s = unfit.ReplaceAllString(s, "-"); len(s) < 2 {
		s += "--"
	}
	return s[:min(len(s), 64)]
}

// tagUnfit is what values of tags may not have.
var tagUnfit = regexp.MustCompile(`[^\p{L}\p{Z}\p{N}_.:/=+\-@]`)

func tag(name, value string) types.Tag {
	value = tagUnfit.ReplaceAllString(value, "-")
	return types.Tag{Key: &name, Value: aws.String(value[:min(len(value), 256)])}
}
