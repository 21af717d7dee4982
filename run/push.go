package run

import "time"

// Push says that someone pushed a commit. The names in a commit are what
// its maker wrote there; who pushed it is what GitHub saw.
type Push struct {
	RepositoryID int64
	SHA          string
	Ref          string // full name of the ref that it was pushed to
	New          bool   // the repository did not have it before
	Login        string // of who pushed
	UserID       int64  // of the account; survives renames
	Confirmed    bool   // by GitHub's activity of the branch, not by a webhook alone
	At           time.Time
}
