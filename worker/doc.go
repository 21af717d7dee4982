// Package worker moves runs along: it acts on what package run decides.
//
// Place in the flow: server hands it a new run (Submit); it has prepare read what the
// run needs, lets run.Step or run.StepWithLocks decide, stores the answer, hands jobs
// to a run.Backend and turns the backend's messages into the next event. What people
// should see leaves as a run.Notice, written in the same transaction.
//
// It holds no state that matters: after a crash the next Worker finds everything in the
// store, and every effect may be carried out twice with the same result.
//
// The package must not decide what becomes of a run, and must not know GitHub, SQL, AWS
// or Terraform.
package worker
