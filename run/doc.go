// Package run is the domain: what a run, a job, a notice and a delivery are,
// which state may follow which, and the worker that moves runs along.
//
// Place in the flow: server accepts a command and submits it here; the worker
// asks pull to prepare it (facts, projects, source), hands its jobs to a
// Backend, and turns the backend's messages into state; every change that
// people should see leaves as a Notice written in the same transaction, which
// report sends.
//
// Deciding is pure: Step takes a Run and an Event and returns the next Run with
// the effects and notices that follow. Acting is in Worker, and every effect
// may be carried out twice with the same result.
//
// The package must not know GitHub, SQL, AWS or Terraform: adapters import it,
// it imports none of them.
package run
