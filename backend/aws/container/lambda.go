package container

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/lockkeeper/lockkeeper/run"
)

// Request is the input of the Lambda function: see deploy/aws/job.asl.json.
type Request struct {
	Document string `json:"document"` // key of the job's input
}

// Serve does the jobs of Lambda's invocations, one after the other, and never
// returns. It answers which version of which object is the result: what else runs
// in functions can write over it. A job that changes infrastructure is not for a function: its time
// limit kills without an interrupt.
func Serve(c *Job) {
	lambda.Start(func(ctx context.Context, r Request) (run.Artifact, error) { return c.Do(ctx, r.Document) })
}
