package policy

// anyProject: nothing to do is never a success (T23).
func anyProject(f Facts) Reason {
	if len(f.Projects) > 0 {
		return good("any_project", "")
	}
	return bad("any_project", "There is no project to do this for: comment `/plan` to see which projects this pull request changes.")
}
