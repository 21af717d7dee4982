// Package report says in Markdown what people should see of a pull request: its one
// comment, its check runs, and replies.
//
// Comment, CheckRun, ApplyCheck, Status, Result and Refusal are pure functions of the
// model in the subpackage view, of locks and of plan summaries; the sinks in outbox
// ask for them when they send. All text that others wrote goes through the package
// markdown.
//
// The package must not decide anything about runs or locks, or know how runs are
// stored, how what it says gets to GitHub, and how often that has to be tried.
package report
