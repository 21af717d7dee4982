package policy

// alreadyApplied: a project whose plan an apply has carried out needs nothing
// more at this commit, so the others of the pull request can follow it. A plan
// that changes nothing went through no gate yet and passes this one.
func alreadyApplied(p Project) Reason {
	if p.Applied && p.Plan != nil && p.Plan.Used {
		return good("already_applied", "The plan is applied.")
	}
	return bad("already_applied", "The plan is not applied yet: comment `/apply`.")
}
