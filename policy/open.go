package policy

// pullRequestOpen: a closed pull request changes nothing any more.
func pullRequestOpen(f Facts) Reason {
	if f.Open {
		return good("open", "The pull request is open.")
	}
	r := bad("open", "This pull request is closed, so nothing is planned or applied for it: reopen it, and comment the command again.")
	if f.Merged {
		r = bad("open", "This pull request is merged, so nothing is planned or applied for it any more: open another one for what is left to change.")
	}
	r.Silent = !f.ByPerson
	return r
}
