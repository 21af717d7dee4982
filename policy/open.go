package policy

// pullRequestOpen: a closed pull request changes nothing any more.
func pullRequestOpen(f Facts) Reason {
	r := Reason{Predicate: "open", OK: f.Open, Silent: !f.Asked, Text: "The pull request is open."}
	if !r.OK {
		r.Text = "This pull request is closed, so there is nothing to plan. Reopen it and comment the command again."
	}
	return r
}
