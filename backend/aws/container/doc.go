// Package container is what runs inside of a Batch container or a Lambda
// function: it fetches one job, does it with package runner, and leaves the
// result in the bucket.
//
// Place in the flow: the state machine starts it with the key of a job document;
// backend/aws reads what it left. It has the credentials of the job's role and of
// nothing else; it must not know GitHub, the store, or other jobs.
package container
