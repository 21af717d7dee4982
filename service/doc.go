// Package service has the use cases of people who ask something of Lockkeeper about a
// pull request: release its locks, cancel what runs, say how it stands and why it cannot
// be applied. Each reads facts, asks policy, acts, and returns an Answer.
//
// Place in the flow: between an edge that knows the requester, and where (package server),
// and the worker that changes runs and locks. What becomes of an Answer, such as a
// comment with a reaction, is the edge's.
//
// The package must not know HTTP, webhooks, GitHub's API, SQL or Terraform.
package service
