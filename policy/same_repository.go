package policy

// sameRepository: planning runs code, and the code of a fork was written by
// somebody who need not have any right here (T07).
func sameRepository(f Facts) Reason {
	if !f.Fork {
		return good("same_repository", "The branch is in this repository.")
	}
	r := bad("same_repository", "This pull request comes from a fork, and Lockkeeper runs nothing for forks, because planning would "+
		"run code from outside with this repository's credentials: somebody with write access can review the "+
		"commits and push them to a branch of this repository.")
	r.Silent = !f.ByPerson
	return r
}
