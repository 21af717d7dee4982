// Package aws executes jobs as Step Functions executions whose steps are Batch
// jobs on Fargate or a Lambda function (deploy/aws).
//
// Place in the flow: worker.Worker hands it jobs; it stores the document in S3 and
// starts an execution named after job and fence. Messages of the status queue
// are hints that something happened to a job: what happened is read from the
// bucket, Step Functions and Batch, so that one that is lost, late, doubled or
// out of order changes nothing.
//
// The package must not know GitHub, the store, or how terraform is run: package
// container does that inside of the job.
package aws
