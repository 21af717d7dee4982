package cli

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/backend/aws/container"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
)

// jobCmd is the entry of a container of the AWS engine.
type jobCmd struct {
	Document string `help:"Key of the job's input in the bucket. A Lambda function gets it with each invocation."`
	Bucket   string `help:"Bucket of the artifacts." env:"LOCKKEEPER_BUCKET" required:""`
	Scratch  string `help:"Directory for the job's files, where everybody may pass through; left out: that for temporary files." env:"LOCKKEEPER_SCRATCH"`
	Memory   int64  `help:"MiB of memory that the container has; left out: not known, and the job may have 4 GiB." env:"LOCKKEEPER_MEMORY,AWS_LAMBDA_FUNCTION_MEMORY_SIZE"`
}

func (c *jobCmd) Run(ctx context.Context, p Program) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	binaries, err := toolchain.Find(context.WithoutCancel(ctx), toolchain.Options{}) // SIGTERM is for the job
	if err != nil {
		return err
	}
	evaluator, _ := app.FindEvaluator() // without one, a plan that rules have to judge fails and says so
	function := os.Getenv("AWS_LAMBDA_RUNTIME_API") != ""
	job := container.New(container.Options{
		Config: cfg, Bucket: c.Bucket, ExternalID: os.Getenv("LOCKKEEPER_EXTERNAL_ID"),
		Attempt: os.Getenv("AWS_BATCH_JOB_ATTEMPT"), Attempts: os.Getenv("LOCKKEEPER_ATTEMPTS"),
		Terraform: func(ctx context.Context, wanted string) (string, string, error) {
			b, err := binaries.Binary(ctx, wanted)
			return b.Path, b.String(), err
		},
		Evaluator: evaluator, Write: p.JobsWrite, Dir: cmp.Or(c.Scratch, os.TempDir()), Memory: c.Memory << 20, Function: function,
	})
	if function {
		container.Serve(job)
		return nil
	}
	if c.Document == "" {
		return errors.New("--document names no job")
	}
	_, err = job.Do(ctx, c.Document)
	return err
}
