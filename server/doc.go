// Package server is the HTTP edge: the webhook endpoint, the inbox of
// deliveries, one handler per GitHub event, the sweeps of lost deliveries, of
// comments and of locks, health and metrics. Its config is in the folder config.
//
// Place in the flow: first. GitHub posts a delivery, the webhook endpoint
// verifies it and keeps it in the store, the inbox hands it to its handler, and
// the handler submits a run, answers, or stays silent. Handlers decide from the
// payload alone and from the store; whatever needs facts from GitHub is read
// where the run is prepared.
//
// The package must not know Terraform, git, SQL, or how a comment looks.
package server
