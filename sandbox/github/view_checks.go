package github

// Checks gives the App's check runs of any commit, the newest of each name: also of commits that are no head, such as those of
// the merge queue.
func (d *Double) Checks(repo, sha string) ([]CheckView, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []CheckView
	for _, s := range r.suites {
		if s.headSHA != sha || s.app != nil {
			continue
		}
		for _, c := range s.latest() {
			out = append(out, d.viewCheck(c))
		}
	}
	return out, nil
}

// Tip gives the commit that a branch points to.
func (d *Double) Tip(repo, branch string) (string, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if sha := r.branch(branch); sha != "" {
		return sha, nil
	}
	return "", errNotFound()
}
