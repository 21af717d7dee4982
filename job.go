package main

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/lockkeeper/lockkeeper/backend/aws/container"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
)

// jobCmd is the entry of a container of the AWS engine.
type jobCmd struct {
	Document string `help:"Key of the job document in the bucket. A Lambda function gets it with each invocation."`
	Bucket   string `help:"Bucket of the artifacts." env:"LOCKKEEPER_BUCKET" required:""`
	Scratch  string `help:"Directory for the job's files; left out: that for temporary files." env:"LOCKKEEPER_SCRATCH"`
}

func (c *jobCmd) Run(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	binaries, err := toolchain.Find(context.WithoutCancel(ctx), toolchain.Options{}) // SIGTERM is for the job
	if err != nil {
		return err
	}
	evaluator, _ := findEvaluator() // without one, a plan that rules have to judge fails and says so
	job := container.New(container.Options{
		Config: cfg, Bucket: c.Bucket, ExternalID: os.Getenv("LOCKKEEPER_EXTERNAL_ID"),
		Attempt: os.Getenv("AWS_BATCH_JOB_ATTEMPT"), Attempts: os.Getenv("LOCKKEEPER_ATTEMPTS"),
		Terraform: func(ctx context.Context, wanted string) (string, string, error) {
			b, err := binaries.Binary(ctx, wanted)
			return b.Path, b.String(), err
		},
		Evaluator: evaluator, Dir: cmp.Or(c.Scratch, os.TempDir()),
	})
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		container.Serve(job)
		return nil
	}
	if c.Document == "" {
		return errors.New("--document names no job")
	}
	return job.Do(ctx, c.Document)
}
