// Package run is the domain: what a run, a job, a lock, a notice and a delivery are, and
// which state may follow which.
//
// Place in the flow: server makes a Run of a command; Step takes a Run and an Event and
// returns the next Run with the effects and notices that follow, and StepWithLocks does
// so for events that take or give back locks. Package worker carries the effects out:
// it asks prepare what a run needs, hands jobs to a Backend, and stores each answer with
// the notices that report sends.
//
// Everything here is pure but for the random ids of new runs: no goroutine, no clock, no
// I/O. The Store and the Backend are contracts that adapters fulfil.
//
// The package must not know GitHub, SQL, AWS or Terraform: adapters import it,
// it imports none of them.
package run
