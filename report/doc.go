// Package report writes to GitHub what people should see: the one comment of a
// pull request, its check runs, replies and reactions.
//
// It is the end of the flow: run leaves a Notice in the store for every change
// that people should see, and Sender turns each into at most one visible thing
// on GitHub, however often it has to try. What a comment or check run says is
// computed by Comment, CheckRun, ApplyCheck, Status and Refusal: pure functions
// of runs, locks and plan summaries. All text that others wrote goes through the
// subpackage markdown.
//
// The package must not decide anything about runs or locks, read pull requests
// or know how runs are stored: it takes small interfaces and functions for that.
package report
