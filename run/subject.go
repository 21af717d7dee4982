package run

// Subject is what a run is about, and what holds locks: a pull request, or a commit of
// a branch.
type Subject struct {
	Repository  Repository `json:"repository"`
	PullRequest int        `json:"pull_request"`
	// Branch is set for a commit that is not on the pull request's own branch. That of a
	// merge group has a pull request, too: the last one that would be merged, whose author
	// and rules count (GitHub documentation, "Managing a merge queue").
	Branch string `json:"branch,omitempty"`
}

// Is reports whether two subjects are the same. Names of repositories may change.
func (s Subject) Is(o Subject) bool {
	return s.Repository.ID == o.Repository.ID && s.PullRequest == o.PullRequest && s.Branch == o.Branch
}

// OfPull reports whether it is a pull request, and not a commit of another branch.
func (s Subject) OfPull() bool { return s.Branch == "" }

// Pull is the pull request that it belongs to.
func (s Subject) Pull() Subject { return Subject{Repository: s.Repository, PullRequest: s.PullRequest} }

// IsZero reports whether it is nothing: a lock without one is free.
func (s Subject) IsZero() bool { return s.PullRequest == 0 && s.Branch == "" }
