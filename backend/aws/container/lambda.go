package container

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

// Request is the input of the Lambda function: see deploy/aws/job.asl.json.
type Request struct {
	Document string `json:"document"` // key of the job document
}

// Serve does the jobs of Lambda's invocations, one after the other, and never
// returns. A job that changes infrastructure is not for a function: its time
// limit kills without an interrupt.
func Serve(c *Job) {
	lambda.Start(func(ctx context.Context, r Request) error { return c.Do(ctx, r.Document) })
}
