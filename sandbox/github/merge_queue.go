package github

import "fmt"

// Enqueue puts a pull request into the merge queue: a branch gh-readonly-queue/… gets the merge that would result and
// merge_group.checks_requested is sent. It gives the SHA that checks must report on. The payload names no pull request.
func (p *Person) Enqueue(repo string, number int) (headSHA string, err error) {
	d := p.d
	pr, by, err := p.editable(repo, number)
	if err != nil {
		return "", err
	}
	r := pr.repo
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	base, head, message := r.branch(pr.baseRef), pr.headSHA, pr.mergeMessage(mergeRequest{method: "merge"})
	ref, committer := pr.queueRef(base), personSignature("github-merge-queue[bot]", d.now())
	d.mu.Unlock()
	sha, err := r.git.mergeCommit("merge", base, head, message, committer)
	if err != nil {
		return "", err
	}
	if err := r.git.updateRefs(map[string]string{ref: sha}); err != nil {
		return "", err
	}
	if err := d.pushed(r, by, []refChange{{ref: ref, before: zeroSHA, after: sha}}); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	pr.queued = mergeGroup{ref: ref, sha: sha, base: base}
	d.emitMergeGroup(pr, by, "checks_requested", nil)
	return sha, nil
}

// Dequeue takes a pull request out of the merge queue: merge_group.destroyed with reason "dequeued".
func (p *Person) Dequeue(repo string, number int) error {
	d := p.d
	pr, by, err := p.editable(repo, number)
	if err != nil {
		return err
	}
	pr.repo.git.writing.Lock()
	defer pr.repo.git.writing.Unlock()
	d.mu.Lock()
	group := pr.queued
	d.mu.Unlock()
	if group.ref == "" {
		return errUnprocessable("Pull request is not in the merge queue")
	}
	if err := pr.repo.git.updateRefs(map[string]string{group.ref: zeroSHA}); err != nil {
		return err
	}
	d.mu.Lock()
	d.emitMergeGroup(pr, by, "destroyed", object{"reason": "dequeued"})
	pr.queued = mergeGroup{}
	d.mu.Unlock()
	return d.pushed(pr.repo, by, []refChange{{ref: group.ref, before: group.sha, after: zeroSHA}})
}

// mergeGroup is a pull request's place in the merge queue; empty when it is not in it.
type mergeGroup struct{ ref, sha, base string }

func (p *pull) queueRef(base string) string {
	return fmt.Sprintf("refs/heads/gh-readonly-queue/%s/pr-%d-%s", p.baseRef, p.number, base)
}

func (d *Double) emitMergeGroup(p *pull, by actor, action string, more object) {
	group := object{
		"head_sha": p.queued.sha, "head_ref": p.queued.ref, "base_sha": p.queued.base, "base_ref": "refs/heads/" + p.baseRef,
		"head_commit": d.simpleCommitJSON(p.repo, p.queued.sha),
	}
	d.emit("merge_group", p.repo, by, with(object{"action": action, "merge_group": group}, more))
}
