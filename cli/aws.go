package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/deploy/aws/rollout"
)

type awsCmd struct {
	Up     awsUpCmd     `cmd:"" help:"Make or update the stacks, as docs/aws.md describes it by hand; whatever is there stays."`
	Status awsStatusCmd `cmd:"" help:"Show the stacks, and what the server's config needs of them."`
	Down   awsDownCmd   `cmd:"" help:"Remove the stacks. Bucket, key and repository stay."`
}

type stacksFile struct {
	Stacks string `required:"" placeholder:"FILE" type:"existingfile" help:"What the stacks are (docs/aws.md): region, parameters, environments."`
}

// rollout works on the stacks of the file, with the AWS credentials of whoever runs it.
func (f stacksFile) rollout(ctx context.Context, out io.Writer) (*rollout.Rollout, error) {
	content, err := os.ReadFile(f.Stacks)
	if err != nil {
		return nil, err
	}
	settings, err := rollout.Read(f.Stacks, content)
	if err != nil {
		return nil, err
	}
	cfg, err := app.AWSConfig(ctx, settings.Region)
	if err != nil {
		return nil, err
	}
	return rollout.New(cfg, settings, out), nil
}

type awsUpCmd struct {
	stacksFile
	Image  string `placeholder:"IMAGE" xor:"image" help:"Image of the jobs by digest (repository@sha256:...)."`
	Source string `placeholder:"DIR" xor:"image" type:"existingdir" help:"A clone of Lockkeeper, whose commit CodeBuild makes the image of. Without this and --image the image that is deployed stays."`
}

// Run makes what is missing, and says what is left for people.
func (c *awsUpCmd) Run(ctx context.Context) error {
	r, err := c.rollout(ctx, os.Stdout)
	if err != nil {
		return err
	}
	var source *rollout.Source
	if c.Source != "" {
		if source, err = archived(ctx, c.Source); err != nil {
			return err
		}
	}
	if err := r.Up(ctx, c.Image, source); err != nil {
		return err
	}
	text, err := r.ServerConfig(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe server's config has to say:\n\n%s\nLeft for you: the roles in the target accounts, the secrets, and `lockkeeper doctor aws` (docs/aws.md, steps 3, 4 and 6).\n", text)
	return nil
}

// archived is the commit that a clone has.
func archived(ctx context.Context, dir string) (*rollout.Source, error) {
	git := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("git %s in %s: %w: %s", args[0], dir, err, strings.TrimSpace(said.String()))
		}
		return out, nil
	}
	commit, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return nil, err
	}
	archive, err := git("archive", "--format=zip", "HEAD")
	if err != nil {
		return nil, err
	}
	return &rollout.Source{Tag: strings.TrimSpace(string(commit)), Archive: bytes.NewReader(archive)}, nil
}

type awsStatusCmd struct{ stacksFile }

// Run fails when a stack is missing or not well, so that a script can ask.
func (c *awsStatusCmd) Run(ctx context.Context) error {
	r, err := c.rollout(ctx, os.Stdout)
	if err != nil {
		return err
	}
	well, err := r.Status(ctx)
	if err == nil && !well {
		err = errors.New("not all stacks are there and well, see above")
	}
	return err
}

type awsDownCmd struct {
	stacksFile
	Yes bool `help:"Remove them; without it nothing is done."`
}

// Run removes the stacks if that is meant.
func (c *awsDownCmd) Run(ctx context.Context) error {
	r, err := c.rollout(ctx, os.Stdout)
	if err != nil {
		return err
	}
	if !c.Yes {
		return fmt.Errorf("this removes all stacks of the prefix %s in %s: stop the server, and say --yes", r.Settings.Prefix, r.Settings.Region)
	}
	return r.Down(ctx)
}
