package demo

import "embed"

//go:generate go test . -run TestStatesAreCurrent -update

//go:embed change
var change embed.FS

// Change is a pull request: what its branch changes on the default branch.
type Change struct {
	Branch string
	Author string            // login
	Title  string            // also the commit message
	Body   string            // Markdown
	Files  map[string][]byte // whole content by path; nil: the file is deleted
}

// FirstChange returns the pull request that is open when the sandbox starts.
// It changes one shared module and the files of three projects; planned over States it adds
// 2 resources, changes 5, replaces 1 and destroys 1, in four projects.
func FirstChange() Change {
	return Change{
		Branch: "orders-more-capacity",
		Author: Author,
		Title:  "Orders: more capacity for the season",
		Body: `The season starts in three weeks and last year orders ran out of room.

- **orders**: 6 replicas in production, and every service may now grow to twice its size when busy
- **cluster**: up to 10 general nodes, so the replicas have somewhere to run
- **database**: PostgreSQL 16 in production, as dev has had for a month, and twice the storage
- a task now gets 30 seconds to finish its requests when it stops
- the nightly report goes away: the data team has its own now

The database is **replaced**; rui and I restore the snapshot in the window on Sunday, 02:00 UTC.`,
		Files: read(change, "change"),
	}
}
