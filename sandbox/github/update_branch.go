package github

import (
	"errors"
	"fmt"
)

// UpdateBranch presses "Update branch": it merges the base branch into the head and gives the new head. Pull requests from
// forks are refused.
func (p *Person) UpdateBranch(repo string, number int) (string, error) {
	d := p.d
	pr, by, err := p.editable(repo, number)
	if err != nil {
		return "", err
	}
	r := pr.repo
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	base, head, fork := r.branch(pr.baseRef), pr.headSHA, pr.fromFork()
	message := fmt.Sprintf("Merge branch '%s' into %s", pr.baseRef, pr.headRef)
	ref, committer := "refs/heads/"+pr.headRef, personSignature(p.login, d.now())
	d.mu.Unlock()
	if fork {
		return "", errForbidden("The head branch of a fork cannot be updated here")
	}
	c, err := r.git.compare(base, head)
	if err != nil {
		return "", err
	}
	if c.behind == 0 {
		return "", errUnprocessable("There are no new commits on the base branch.")
	}
	sha, err := r.git.mergeCommit("merge", head, base, message, committer)
	if errors.Is(err, errConflict) {
		return "", errUnprocessable("merge conflict between base and head")
	}
	if err != nil {
		return "", err
	}
	if err := r.git.updateRefs(map[string]string{ref: sha}); err != nil {
		return "", err
	}
	return sha, d.pushed(r, by, []refChange{{ref: ref, before: head, after: sha}})
}
