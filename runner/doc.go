// Package runner is what happens inside a job: it unpacks the source, runs
// terraform, reads the plan and stores what came of it.
//
// Its place in the flow: an engine (package backend/…) puts a job document into
// a directory and starts "lockkeeper runner" on it; Main does the work and
// leaves result.json behind, last and at once. In between nobody has to listen:
// everything goes to files, so the runner finishes its job also when the engine
// goes away.
//
// It must not know GitHub, git, the store or the engine. It never decides
// whether a job may run, and never runs one a second time.
package runner
