package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/backend/aws/doctor"
)

type doctorCmd struct {
	Local  doctorLocalCmd  `cmd:"" name:"local" help:"Look at what keeps the jobs of the local engine apart from this machine, and at what they reach in the network."`
	AWS    doctorAWSCmd    `cmd:"" name:"aws" help:"Look at what the AWS engine needs, and run jobs that can do nothing to their ends."`
	GitHub doctorGitHubCmd `cmd:"" name:"github" help:"Look at the App, its installations and webhooks, and whether GitHub protects the branches whose rules count."`
}

type doctorAWSCmd struct {
	Config string `required:"" placeholder:"FILE" help:"The server's config file."`
}

// Run looks at every part with the server's own credentials.
func (c *doctorAWSCmd) Run(ctx context.Context) error { return c.check(ctx, os.Stdout) }

func (c *doctorAWSCmd) check(ctx context.Context, w io.Writer) error {
	cfg, err := LoadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	if cfg.Engine != "aws" {
		return fmt.Errorf("engine is %s in %s: there is nothing of AWS to look at", cfg.Engine, c.Config)
	}
	sdk, err := app.AWSConfig(ctx, cfg.AWS.Region)
	if err != nil {
		return err
	}
	if len(cfg.Environments) == 0 {
		return fmt.Errorf("%s has no environments: nothing says where jobs run", c.Config)
	}
	return diagnose(w, doctor.Checks(ctx, app.AWSOptions(sdk, cfg)))
}

// diagnose prints one line for each check, as it ends. A warning fails nothing.
func diagnose(w io.Writer, checks func(yield func(doctor.Check) bool)) error {
	failed := 0
	for check := range checks {
		if check.Err == nil {
			fmt.Fprintf(w, "ok      %-15s %s\n", check.Name, check.Found)
			continue
		}
		label := "warning"
		if !check.Warn {
			label = "failed"
			failed++
		}
		fmt.Fprintf(w, "%-7s %-15s %v\n        %-15s %s\n", label, check.Name, check.Err, "", check.Do)
	}
	if failed > 0 {
		return errors.New(count(failed, "check") + " failed")
	}
	return nil
}
