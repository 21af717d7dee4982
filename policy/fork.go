package policy

// sameRepository: planning runs code, and the code of a fork was written by
// somebody who need not have any right here (T07).
func sameRepository(f Facts) Reason {
	r := Reason{Predicate: "same_repository", OK: !f.Fork, Silent: !f.Asked, Text: "The branch is in this repository."}
	if !r.OK {
		r.Text = "This pull request comes from a fork, and Lockkeeper runs nothing for forks, because planning would " +
			"run code from outside with this repository's credentials. Somebody with write access can review the " +
			"commits and push them to a branch of this repository."
	}
	return r
}
