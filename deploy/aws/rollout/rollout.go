// Package rollout makes, looks at and removes the CloudFormation stacks of the AWS
// engine, and what lies around them: service-linked roles, the image, the policy of
// the server's role.
//
// Place in the flow: `lockkeeper aws` is all that uses it, with the rights of the
// person who runs it. Each of its steps does nothing where what it makes is there
// already, so that whatever ended it, it is run again. It must not know the server,
// its config beyond what it prints of it, or jobs.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
)

// Rollout works on the stacks of one server.
type Rollout struct {
	Settings Settings
	Out      io.Writer     // a line for each step
	Poll     time.Duration // between two looks at what takes minutes

	stacks  *cloudformation.Client
	roles   *iam.Client
	builds  *codebuild.Client
	images  *ecr.Client
	objects *s3.Client
	steps   *sfn.Client
}

// New makes one. It calls nothing.
func New(cfg aws.Config, s Settings, out io.Writer) *Rollout {
	return &Rollout{
		Settings: s, Out: out, Poll: 5 * time.Second,
		stacks: cloudformation.NewFromConfig(cfg), roles: iam.NewFromConfig(cfg), builds: codebuild.NewFromConfig(cfg),
		images: ecr.NewFromConfig(cfg), objects: bucket.NewClient(cfg), steps: sfn.NewFromConfig(cfg),
	}
}

// Source is what an image is built from: the archive of a commit (zip), and its name.
type Source struct {
	Tag     string // of the image, the same for the same commit
	Archive io.ReadSeeker
}

// isImage is what environment.yaml takes as ImageUri. A tag may mean another image
// tomorrow, or none.
var isImage = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$`)

// Up makes or updates all stacks. image names one by digest; when it is empty one is
// built of the source, and without a source the one that is deployed stays.
func (r *Rollout) Up(ctx context.Context, image string, source *Source) error {
	if image != "" && !isImage.MatchString(image) {
		return fmt.Errorf("%s names no image of ECR by digest: say <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hexadecimal digits>", image)
	}
	if image == "" && source == nil {
		deployed, err := r.deployedImage(ctx)
		if err != nil {
			return err
		}
		if image = deployed; image == "" {
			return errors.New("no image is deployed yet: build one of a clone of Lockkeeper with --source DIR, or name one by digest with --image")
		}
	}
	if err := r.linkRoles(ctx); err != nil {
		return err
	}
	all := r.Settings.stacks()
	base, err := r.deploy(ctx, all[0], image)
	if err != nil {
		return err
	}
	if image == "" {
		if image, err = r.build(ctx, base, *source); err != nil {
			return err
		}
	} else if !strings.HasPrefix(image, base["Repository"]+"@") {
		return fmt.Errorf("the image %s is not in the repository %s, and jobs may read no other: push it there", image, base["Repository"])
	}
	engine, err := r.deploy(ctx, all[1], image)
	if err != nil {
		return err
	}
	for _, stack := range all[2:] {
		if _, err := r.deploy(ctx, stack, image); err != nil {
			return err
		}
	}
	return r.attach(ctx, engine["ServerPolicy"])
}

// Down removes all stacks of the prefix, those that the settings do not name, too. It
// refuses while jobs run.
func (r *Rollout) Down(ctx context.Context) error {
	known, err := r.known(ctx)
	if err != nil {
		return err
	}
	all := r.Settings.stacks()
	base, engine := all[0].Name, all[1].Name
	if err := r.idle(ctx, known[engine]); err != nil {
		return err
	}
	if err := r.detach(ctx, outputs(known[engine])["ServerPolicy"]); err != nil {
		return err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(name string) bool { return name == base || name == engine })
	for _, name := range append(names, engine, base) {
		if known[name] == nil {
			continue
		}
		if err := r.remove(ctx, name); err != nil {
			return err
		}
	}
	if known[base] != nil {
		out := outputs(known[base])
		r.say("kept", "the bucket %s, the repository %s and the key %s: plans and states that could not be written may lie in the bucket. Delete them by hand when nobody needs them; stacks of the same names need the names free",
			out["Bucket"], out["Repository"], out["Key"])
	}
	return nil
}

// idle wants that no job runs. A removal that broke off may have left no state machine.
func (r *Rollout) idle(ctx context.Context, engine *stack) error {
	machine := outputs(engine)["StateMachine"]
	if machine == "" {
		return nil
	}
	running, err := r.steps.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusRunning, MaxResults: 1})
	if _, gone := errors.AsType[*sfntypes.StateMachineDoesNotExist](err); gone {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for jobs that run: %w", err)
	}
	if len(running.Executions) > 0 {
		return fmt.Errorf("a job runs, %s: wait for it, or comment `/cancel` on its pull request, and run this again", aws.ToString(running.Executions[0].Name))
	}
	return nil
}

// say prints a line about one thing.
func (r *Rollout) say(about, format string, args ...any) {
	fmt.Fprintf(r.Out, "%-24s %s\n", about, fmt.Sprintf(format, args...))
}

// short is the name of a stack without what all have in common.
func (r *Rollout) short(name string) string { return strings.TrimPrefix(name, r.Settings.Prefix+"-") }

// wait waits for the next look.
func (r *Rollout) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(r.Poll):
		return nil
	}
}
