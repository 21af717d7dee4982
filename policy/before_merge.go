package policy

// beforeMerge: a project that is applied after the merge has no command for it.
func beforeMerge(_ Facts, p Project) Reason {
	if !p.AfterMerge {
		return good("before_merge", "")
	}
	return bad("before_merge", "This project is applied after the merge: merge the pull request, or comment `/apply` with the names of other projects.")
}
