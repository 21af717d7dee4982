// Package outbox sends what people should see.
//
// It is the end of the flow: a change that people should see leaves a run.Notice
// in the store, in the same transaction, and Sender hands each that is due to the
// run.Sink of its kind, again and again until it is sent or refused for good. The
// notices of one pull request are a queue; queues share what can be sent at once
// fairly. The sinks are packages below this one, each for one place.
//
// The package must not know what a notice says, how it is written, or where it
// goes: no Markdown, no GitHub.
package outbox
