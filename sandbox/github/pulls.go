package github

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// pull is one pull request. Its fields are guarded by Double.mu except the constant ones.
type pull struct {
	id, issueID int64       // constant
	repo        *repository // constant: the base repository
	number      int         // constant
	author      *account    // constant
	created     time.Time   // constant

	title, body       string
	draft, closed     bool
	merged            bool
	updated           time.Time
	closedAt          time.Time
	mergedBy          *account
	mergeSHA          string // the merge commit once merged
	headRepo          *repository
	headRef, headSHA  string
	baseRef, baseSHA  string // baseSHA: the base's tip when the head last moved, as GitHub keeps it
	maintainersModify bool
	comments          []*comment
	reviews           []*review
	timeline          []*moment
	merge             mergeJob
	queued            mergeGroup
}

func (p *pull) open() bool { return !p.closed }

func (p *pull) state() string {
	if p.closed {
		return "closed"
	}
	return "open"
}

func (p *pull) fromFork() bool { return p.headRepo != p.repo }

// baseTip is the commit that the pull request is compared with: the base branch as it is now, until it is closed.
func (p *pull) baseTip() string {
	if tip := p.repo.branch(p.baseRef); tip != "" && p.open() {
		return tip
	}
	return p.baseSHA
}

func sortedNumbers(pulls map[int]*pull) []int { return slices.Sorted(maps.Keys(pulls)) }

// newPull is a pull request to be opened.
type newPull struct {
	head  string // "branch" or "owner:branch"
	base  string
	title string
	body  string
	draft bool
}

// openPull opens a pull request as by.
func (d *Double) openPull(r *repository, by actor, n newPull) (*pull, error) {
	r.git.writing.Lock() // nobody else takes the number, nor refs/pull/<number>
	defer r.git.writing.Unlock()
	d.mu.Lock()
	headRepo, headRef, err := d.resolveHead(r, n.head)
	headSHA, baseSHA := "", r.branch(n.base)
	if headRepo != nil {
		headSHA = headRepo.branch(headRef)
	}
	number := r.lastNumber + 1
	d.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case headSHA == "":
		return nil, errValidation("PullRequest", "invalid", "head", "")
	case baseSHA == "":
		return nil, errValidation("PullRequest", "invalid", "base", "")
	case strings.TrimSpace(n.title) == "":
		return nil, errValidation("PullRequest", "missing_field", "title", "")
	}
	p := &pull{
		repo: r, number: number, author: by.account, title: n.title, body: n.body, draft: n.draft, headRepo: headRepo,
		headRef: headRef, headSHA: headSHA, baseRef: n.base, baseSHA: baseSHA, maintainersModify: headRepo != r,
	}
	if err := d.fetchHead(p, headRepo, refChange{before: zeroSHA, after: headSHA}); err != nil {
		return nil, err
	}
	c, err := r.git.compare(baseSHA, headSHA)
	if err != nil {
		return nil, err
	}
	if c.ahead == 0 {
		return nil, errValidation("PullRequest", "custom", "", "No commits between "+n.base+" and "+headRef)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p.id, p.issueID, p.created, p.updated = d.id(), d.id(), d.now(), d.now()
	r.pulls[number], r.lastNumber = p, number
	d.record(p, by, moment{kind: "opened", sha: headSHA})
	d.emitPull(p, by, "opened", nil)
	return p, nil
}

// resolveHead finds "branch" or "owner:branch" among the repository and its forks. Callers hold d.mu.
func (d *Double) resolveHead(r *repository, head string) (*repository, string, error) {
	owner, branch, qualified := strings.Cut(head, ":")
	if !qualified {
		owner, branch = r.owner.login, head
	}
	found := r
	if !strings.EqualFold(owner, r.owner.login) {
		found = nil
		for _, f := range d.repos {
			if f.parent == r && strings.EqualFold(f.owner.login, owner) {
				found = f
			}
		}
	}
	if found == nil {
		return nil, "", errValidation("PullRequest", "invalid", "head", "")
	}
	for _, p := range r.pulls {
		if p.open() && p.headRepo == found && p.headRef == branch {
			return nil, "", errValidation("PullRequest", "custom", "", "A pull request already exists for "+owner+":"+branch+".")
		}
	}
	return found, branch, nil
}

// synchronize is what a push to the head does. Callers hold d.mu.
func (d *Double) synchronize(p *pull, by actor, before, after string) {
	p.headSHA, p.baseSHA = after, p.repo.branch(p.baseRef)
	d.record(p, by, moment{kind: "pushed", before: before, sha: after})
	d.emitPull(p, by, "synchronize", object{"before": before, "after": after})
}

// closePull closes without merging. Callers hold d.mu.
func (d *Double) closePull(p *pull, by actor) {
	p.baseSHA = p.baseTip()
	p.closed, p.closedAt = true, d.now()
	d.record(p, by, moment{kind: "closed"})
	d.emitPull(p, by, "closed", nil)
}

// markMerged closes a pull request whose commits are in its base now. Callers hold d.mu.
func (d *Double) markMerged(p *pull, by actor, sha string) {
	p.closed, p.merged, p.mergedBy, p.mergeSHA, p.closedAt = true, true, by.account, sha, d.now()
	d.record(p, by, moment{kind: "merged", sha: sha})
	d.emitPull(p, by, "closed", nil)
}

// pullChange is an edit of a pull request; nil fields stay.
type pullChange struct {
	title, body, base, state *string
}

// editPull changes title, body, base branch or state, with the events that GitHub sends for each.
func (d *Double) editPull(p *pull, by actor, c pullChange) error {
	if err := d.warmForEdit(p, c); err != nil {
		return err
	}
	if c.state != nil && *c.state == "open" {
		if err := d.followBranch(p); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changes := object{}
	if c.title != nil && *c.title != p.title {
		changes["title"] = object{"from": p.title}
		p.title = *c.title
	}
	if c.body != nil && *c.body != p.body {
		changes["body"] = object{"from": p.body}
		p.body = *c.body
	}
	if c.base != nil && *c.base != p.baseRef {
		changes["base"] = object{"ref": object{"from": p.baseRef}, "sha": object{"from": p.baseSHA}}
		p.baseRef, p.baseSHA = *c.base, p.repo.branch(*c.base)
	}
	if len(changes) > 0 {
		d.record(p, by, moment{kind: "edited"})
		d.emitPull(p, by, "edited", object{"changes": changes})
	}
	if c.state == nil || *c.state == p.state() {
		return nil
	}
	if *c.state == "closed" {
		d.closePull(p, by)
		return nil
	}
	return d.reopen(p, by)
}

func (d *Double) warmForEdit(p *pull, c pullChange) error {
	d.mu.Lock()
	base, head := p.repo.branch(p.baseRef), p.headSHA
	if c.base != nil {
		base = p.repo.branch(*c.base)
	}
	d.mu.Unlock()
	if c.base != nil && base == "" {
		return errValidation("PullRequest", "invalid", "base", "")
	}
	if base == "" {
		return nil
	}
	_, err := p.repo.git.compare(base, head)
	return err
}

// followBranch brings the head of a closed pull request up to its branch, as far as commits were added there. GitHub tells of
// pushes to it only when it is opened again, and then as "reopened" alone; after any other push it cannot be opened.
func (d *Double) followBranch(p *pull) error {
	r := p.headRepo
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	before, tip, closed := p.headSHA, r.branch(p.headRef), p.closed && !p.merged
	d.mu.Unlock()
	if !closed || tip == "" || tip == before {
		return nil
	}
	added, err := r.git.isAncestor(before, tip)
	if err != nil || !added {
		return err
	}
	if err := d.fetchHead(p, r, refChange{before: before, after: tip}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p.headSHA = tip
	return nil
}

// reopen opens a closed pull request again. Callers hold d.mu.
func (d *Double) reopen(p *pull, by actor) error {
	if p.merged || p.repo.branch(p.baseRef) == "" || p.headRepo.branch(p.headRef) != p.headSHA {
		return errValidation("PullRequest", "invalid", "state", "state cannot be changed. The "+p.headRef+" branch was force-pushed, recreated, merged or deleted.")
	}
	p.closed, p.closedAt, p.baseSHA = false, time.Time{}, p.repo.branch(p.baseRef)
	d.record(p, by, moment{kind: "reopened"})
	d.emitPull(p, by, "reopened", nil)
	return nil
}

// setDraft converts to draft or back.
func (d *Double) setDraft(p *pull, by actor, draft bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.closed {
		return errUnprocessable("Pull request is closed")
	}
	if p.draft == draft {
		return nil
	}
	action := "ready_for_review"
	if draft {
		action = "converted_to_draft"
	}
	p.draft = draft
	d.record(p, by, moment{kind: action})
	d.emitPull(p, by, action, nil)
	return nil
}

// gitHead is the ref that serves the head's commits in the base repository, for forks too.
func (p *pull) gitHead() string { return "refs/pull/" + itoa(p.number) + "/head" }

// gitMerge is the ref of the test merge commit: as old as the last question for mergeability.
func (p *pull) gitMerge() string { return "refs/pull/" + itoa(p.number) + "/merge" }
