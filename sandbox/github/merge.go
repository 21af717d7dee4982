package github

import (
	"errors"
	"net/http"
	"slices"
)

// mergeJob is the background job that finds out whether a pull request can be merged.
type mergeJob struct {
	base, head string // what it looks at; another pair starts a new job
	asked      int    // how often the answer was asked for
	done       chan struct{}
	result     *testMerge
}

// mergeRequest is a merge to be made. sha, if set, must still be the head.
type mergeRequest struct {
	method, title, message, sha string
}

// mergePull merges an open pull request and gives the base branch's new SHA.
func (d *Double) mergePull(p *pull, by actor, m mergeRequest) (string, error) {
	if m.method == "" {
		m.method = "merge"
	}
	if !slices.Contains([]string{"merge", "squash", "rebase"}, m.method) {
		return "", errValidation("PullRequest", "invalid", "merge_method", "")
	}
	r := p.repo
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	base, head := r.branch(p.baseRef), p.headSHA
	refusal := p.refuseMerge(m)
	message := p.mergeMessage(m)
	committer := personSignature(by.account.login, d.now())
	d.mu.Unlock()
	if refusal != nil {
		return "", refusal
	}
	if _, err := r.git.compare(base, head); err != nil { // the closed event tells its numbers
		return "", err
	}
	sha, err := r.git.mergeCommit(m.method, base, head, message, committer)
	if errors.Is(err, errConflict) {
		return "", &Error{Status: http.StatusMethodNotAllowed, Message: "Pull Request is not mergeable"}
	}
	if err != nil {
		return "", err
	}
	ref := "refs/heads/" + p.baseRef
	if err := r.git.updateRefs(map[string]string{ref: sha}); err != nil {
		return "", err
	}
	d.mu.Lock()
	p.baseSHA = base
	d.markMerged(p, by, sha)
	d.mu.Unlock()
	return sha, d.pushed(r, by, []refChange{{ref: ref, before: base, after: sha, merges: true}})
}

// refuseMerge says why a pull request cannot be merged, conflicts aside. Callers hold d.mu.
func (p *pull) refuseMerge(m mergeRequest) error {
	switch {
	case p.closed, p.draft:
		return &Error{Status: http.StatusMethodNotAllowed, Message: "Pull Request is not mergeable"}
	case m.sha != "" && m.sha != p.headSHA:
		return &Error{Status: http.StatusConflict, Message: "Head branch was modified. Review and try the merge again."}
	}
	if unmet := p.unmet(); len(unmet) > 0 {
		return refuseUnmet(unmet)
	}
	return nil
}

func (p *pull) mergeMessage(m mergeRequest) string {
	title := m.title
	if title == "" && m.method == "squash" {
		title = p.title + " (#" + itoa(p.number) + ")"
	}
	if title == "" {
		title = "Merge pull request #" + itoa(p.number) + " from " + p.headRepo.owner.login + "/" + p.headRef
	}
	body := m.message
	if body == "" && m.method != "squash" {
		body = p.title
	}
	if body == "" {
		return title
	}
	return title + "\n\n" + body
}

// mergeable answers whether a pull request can be merged as GitHub does: nil until a background job, started by the
// question, has found out. The first Faults.MergeableAfter answers for a head and base are nil.
func (d *Double) mergeable(p *pull) (*testMerge, error) {
	d.mu.Lock()
	j := &p.merge
	base, head := p.baseTip(), p.headSHA
	if p.closed || base == "" {
		d.mu.Unlock()
		return nil, nil
	}
	if j.base != base || j.head != head {
		*j = mergeJob{base: base, head: head, done: make(chan struct{})}
		d.work.Add(1)
		go d.findMergeable(p, *j)
	}
	j.asked++
	unknown, done := j.asked <= d.faults.mergeableAfter(), j.done
	d.mu.Unlock()
	if unknown {
		return nil, nil
	}
	<-done
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.merge.done != done { // a push came in between: unknown again
		return nil, nil
	}
	return p.merge.result, nil
}

// findMergeable runs one job and maintains refs/pull/N/merge.
func (d *Double) findMergeable(p *pull, j mergeJob) {
	defer d.work.Done()
	defer close(j.done)
	result, err := p.repo.git.testMerge(j.base, j.head)
	if err != nil {
		return // stays unknown, as when GitHub's job dies
	}
	if result.clean {
		p.repo.git.writing.Lock()
		defer p.repo.git.writing.Unlock()
		if p.repo.git.updateRefs(map[string]string{p.gitMerge(): result.sha}) != nil {
			return
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.merge.done == j.done {
		p.merge.result = result
		d.feed.changed()
	}
}
