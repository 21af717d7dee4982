// Package pull reads: the facts of a pull request from GitHub's REST API, and
// everything about files and commits from a bare git mirror on this machine.
//
// Its place in the flow: a command was parsed; Read says what it stands on
// (commit, base, fork or not, the asker's permission); Mirror.Fetch brings the
// commits; Tree is what package project finds projects in; Changed and Behind
// say what the pull request touches; Snapshot makes the source archive that the
// runner gets. Lists that GitHub truncates (files of a pull request, compare)
// are never requested: git knows.
//
// For an apply there is more to read, each by a function of its own: Reviews,
// Commits and AuthorsOf, Permissions, Members, Checks, ReadComment, CodeOwners,
// Conflicts, and Tips right before something begins. Each answers in full or
// with an error that says what could not be read.
//
// It decides nothing and writes nothing to GitHub. It must not know jobs, locks
// or terraform. The only credential it handles is the installation token, which
// reaches git through the environment of that one process.
package pull
