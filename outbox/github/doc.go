// Package github holds the sinks that write to GitHub: the one comment of a pull
// request, its check runs, replies, reactions, and the merge.
//
// They come last in the flow: package outbox hands each a notice that is due. A sink
// reads what a notice is about from the store and from artifacts, lets package report
// say it, and brings one visible thing on GitHub up to date, however often it has to
// try. All writes of an installation share a budget, which stays below GitHub's limits.
//
// The package must not decide anything about runs or locks, and writes no Markdown
// itself. When a notice is sent again is for outbox to say; which errors are worth it,
// is said here.
package github
