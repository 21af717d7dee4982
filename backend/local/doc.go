// Package local is the engine that runs jobs as child processes of this
// machine.
//
// Its place in the flow: the worker hands it job documents; for each it starts
// "lockkeeper runner" (package runner) in a session of its own, and tells what
// became of it. Everything it knows is in files: a server that was killed finds
// its jobs again, running or ended, and never runs one twice.
//
// It must not know GitHub, the store, or what terraform prints.
package local
