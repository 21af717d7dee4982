// Package server is the HTTP edge: the webhook endpoint, the inbox of
// deliveries, one handler per GitHub event, the sweeps of lost deliveries, of
// comments and of locks, health and metrics. Its config is in the folder config.
//
// Place in the flow: first. GitHub posts a delivery, the webhook endpoint
// verifies it and puts it into the store, the inbox hands it to its handler, and
// the handler submits a run, says what package service answered, or stays silent.
// What a payload says is confirmed at GitHub where it changes something; facts that
// rules need are read by service, or where a run is prepared.
//
// The package must not know Terraform, git, SQL, rules, or how a comment looks.
package server
