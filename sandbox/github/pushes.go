package github

import (
	"errors"
	"fmt"
	"strings"
)

// refChange is one ref that a push moved; the zero SHA stands for a ref that was not there or is gone.
type refChange struct {
	ref, before, after string
	merges             bool // a pull request into the ref
}

func (c refChange) branch() (string, bool) { return strings.CutPrefix(c.ref, "refs/heads/") }

// Commit commits files to a branch as that person and behaves as a push: webhooks, pull requests and check suites follow.
// A branch that does not exist starts at the default branch. It gives the new commit's SHA.
func (d *Double) Commit(repo, branch, author, message string, files Files) (string, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return "", err
	}
	return d.commitTo(r, author, newCommit{branch: branch, message: message, files: files}, false)
}

// commitTo makes one commit and runs everything that a push causes. rewind replaces the tip instead of building on it.
func (d *Double) commitTo(r *repository, login string, c newCommit, rewind bool) (string, error) {
	if !validRef("refs/heads/" + c.branch) {
		return "", errUnprocessable("Reference name is not valid: %s", c.branch)
	}
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	who := d.addAccount(login, kindUser)
	before := r.branch(c.branch)
	c.parent = before
	if c.author == (signature{}) {
		c.author = personSignature(who.login, d.now())
	}
	if before == "" {
		c.parent = r.branch(r.defaultBranch)
	}
	c.also = d.pullRefs(r, c.branch)
	d.mu.Unlock()
	if rewind && before != "" {
		tip, err := r.git.commit(before)
		if err != nil {
			return "", err
		}
		c.parent = strings.Join(tip.parents[:min(1, len(tip.parents))], "")
	}
	after, err := r.git.commitFiles(c)
	if err != nil {
		return "", fmt.Errorf("committing to %s: %w", c.branch, err)
	}
	change := refChange{ref: "refs/heads/" + c.branch, before: orZero(before), after: after}
	return after, d.pushed(r, actor{account: who}, []refChange{change})
}

func orZero(sha string) string {
	if sha == "" {
		return zeroSHA
	}
	return sha
}

// pullRefs lists refs/pull/N/head of the pull requests of this repository that follow a branch of it. Callers hold d.mu.
func (d *Double) pullRefs(r *repository, branch string) []string {
	var refs []string
	for _, p := range r.pulls {
		if p.open() && p.headRepo == r && p.headRef == branch {
			refs = append(refs, p.gitHead())
		}
	}
	return refs
}

// pushed makes the double see refs that git has already moved: state first by SHA facts, then events. Callers hold
// r.git.writing and not d.mu.
func (d *Double) pushed(r *repository, by actor, changes []refChange) error {
	for _, c := range changes {
		facts, err := r.git.pushFacts(c)
		if err != nil {
			return fmt.Errorf("reading what was pushed to %s: %w", c.ref, err)
		}
		followers := d.followers(r, c)
		for _, p := range followers {
			if err := d.fetchHead(p, r, c); err != nil {
				return err
			}
		}
		absorbed, err := d.absorbed(r, c)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.applyPush(r, by, c, facts, followers, absorbed)
		d.mu.Unlock()
		d.feed.changed()
	}
	return nil
}

// applyPush is the part of a push that happens in memory. Callers hold d.mu.
func (d *Double) applyPush(r *repository, by actor, c refChange, facts pushFacts, followers, absorbed []*pull) {
	if c.after == zeroSHA {
		delete(r.refs, c.ref)
	} else {
		r.refs[c.ref] = c.after
	}
	r.pushed, r.json = d.now(), nil
	d.noteActivity(r, by, c, facts)
	if strings.HasPrefix(c.ref, "refs/heads/") || strings.HasPrefix(c.ref, "refs/tags/") { // notes and the like move silently
		d.emit("push", r, by, d.pushPayload(r, by, c, facts))
	}
	facts.note(r)
	if _, isBranch := c.branch(); isBranch && c.after != zeroSHA {
		d.requestSuite(r, by, c)
	}
	for _, p := range followers {
		if c.after == zeroSHA {
			d.closePull(p, by)
			continue
		}
		d.synchronize(p, by, c.before, c.after)
	}
	for _, p := range absorbed {
		d.markMerged(p, by, c.after)
	}
}

// followers gives the open pull requests whose head is the pushed branch, in this repository and in its parent.
func (d *Double) followers(r *repository, c refChange) []*pull {
	branch, ok := c.branch()
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []*pull
	for _, base := range []*repository{r, r.parent} {
		if base == nil {
			continue
		}
		for _, n := range sortedNumbers(base.pulls) {
			if p := base.pulls[n]; p.open() && p.headRepo == r && p.headRef == branch {
				found = append(found, p)
			}
		}
	}
	return found
}

// fetchHead brings a pushed commit to refs/pull/N/head of the base repository and reads the facts that the events need.
func (d *Double) fetchHead(p *pull, pushedTo *repository, c refChange) error {
	if c.after == zeroSHA {
		return nil
	}
	var err error
	if p.repo != pushedTo {
		_, err = p.repo.git.line("fetch", "--quiet", "--no-tags", pushedTo.git.dir, "+"+c.after+":"+p.gitHead())
	} else {
		err = p.repo.git.updateRefs(map[string]string{p.gitHead(): c.after})
	}
	if err != nil {
		return fmt.Errorf("updating %s: %w", p.gitHead(), err)
	}
	d.mu.Lock()
	base := p.repo.branch(p.baseRef)
	d.mu.Unlock()
	_, err = p.repo.git.compare(base, c.after)
	return err
}

// absorbed gives the open pull requests that a push to their base branch has merged: all their commits are in it now.
func (d *Double) absorbed(r *repository, c refChange) ([]*pull, error) {
	branch, ok := c.branch()
	if !ok || c.after == zeroSHA {
		return nil, nil
	}
	type candidate struct {
		pull *pull
		head string
	}
	var candidates []candidate
	d.mu.Lock()
	for _, n := range sortedNumbers(r.pulls) {
		if p := r.pulls[n]; p.open() && p.baseRef == branch && !(p.headRepo == r && p.headRef == branch) {
			candidates = append(candidates, candidate{p, p.headSHA})
		}
	}
	d.mu.Unlock()
	var found []*pull
	for _, x := range candidates {
		merged, err := r.git.isAncestor(x.head, c.after)
		if err != nil {
			return nil, err
		}
		if merged {
			found = append(found, x.pull)
		}
		if _, err := r.git.compare(c.after, x.head); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// pushFacts is what a push event tells about commits.
type pushFacts struct {
	forced  bool
	commits []pushedCommit // oldest first, 20 at most as in GitHub's payload
	head    *pushedCommit  // nil when the ref was deleted
}

// note keeps that a repository has the commits. Callers hold Double.mu.
func (f pushFacts) note(r *repository) {
	for _, c := range f.commits {
		r.known[c.sha] = true
	}
	if f.head != nil {
		r.known[f.head.sha] = true
	}
}

type pushedCommit struct {
	*commit
	files []changedFile
}

const maxPushedCommits = 20

func (g *gitRepo) pushFacts(c refChange) (pushFacts, error) {
	var f pushFacts
	if c.after == zeroSHA || !strings.HasPrefix(c.ref, "refs/heads/") {
		return f, nil
	}
	head, err := g.pushedCommit(c.after)
	if err != nil {
		return f, err
	}
	f.head = &head
	if c.before == zeroSHA {
		return f, nil
	}
	// The common push is one commit on top of the old tip: no process needed to see that.
	if len(head.parents) == 1 && head.parents[0] == c.before {
		f.commits = []pushedCommit{head}
		return f, nil
	}
	ancestor, err := g.isAncestor(c.before, c.after)
	if err != nil {
		return f, err
	}
	f.forced = !ancestor
	out, err := g.line("rev-list", "--topo-order", fmt.Sprintf("--max-count=%d", maxPushedCommits), "^"+c.before, c.after)
	if err != nil {
		return f, err
	}
	shas := strings.Fields(out)
	for i := len(shas) - 1; i >= 0; i-- {
		pc, err := g.pushedCommit(shas[i])
		if err != nil {
			return f, err
		}
		f.commits = append(f.commits, pc)
	}
	return f, nil
}

func (g *gitRepo) pushedCommit(sha string) (pushedCommit, error) {
	c, err := g.commit(sha)
	if err != nil {
		return pushedCommit{}, err
	}
	files, err := g.commitDiff(c)
	return pushedCommit{commit: c, files: files}, err
}

// commitDiff lists what one commit changed against its first parent.
func (g *gitRepo) commitDiff(c *commit) ([]changedFile, error) {
	from := ""
	if len(c.parents) > 0 {
		from = c.parents[0]
	}
	return g.diffs.get([2]string{from, c.sha}, func() ([]changedFile, error) { return g.diff(from, c.sha) })
}

// errNoCommit is GitHub's answer for a SHA that the repository does not have.
func errNoCommit(sha string, err error) error {
	if errors.Is(err, errNoObject) {
		return errUnprocessable("No commit found for SHA: %s", sha)
	}
	return err
}
