package github

import (
	"net/http"
	"slices"
	"strings"
)

const (
	pullsRead     = "pull_requests=read"
	pullsWrite    = "pull_requests=write"
	contentsRead  = "contents=read"
	contentsWrite = "contents=write"
)

func (d *Double) pullRoutes() []route {
	return []route{
		{operation: "GET /repos/{owner}/{repo}/pulls", needs: needs(pullsRead), handle: d.listPulls},
		{operation: "POST /repos/{owner}/{repo}/pulls", needs: needsRole(pullsWrite, "read"), handle: d.createPull},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}", needs: needs(pullsRead), handle: d.getPull},
		{operation: "PATCH /repos/{owner}/{repo}/pulls/{pull_number}", needs: needsRole(pullsWrite, "read"), handle: d.updatePull},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}/files", needs: needs(pullsRead), handle: d.listPullFiles},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits", needs: needs(pullsRead), handle: d.listPullCommits},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}/merge", needs: needs(contentsRead), handle: d.isPullMerged, bare: true},
		{operation: "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge", needs: needs(contentsWrite), handle: d.putMerge},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", needs: needs(pullsRead), handle: d.listRequestedReviewers},
		{operation: "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", needs: needs(pullsRead), handle: d.listReviewComments},
		{operation: "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", needs: needs(pullsRead), handle: d.listCommitPulls},
	}
}

// pull finds the pull request of the path.
func (c *call) pull(name string) (*pull, error) {
	n, err := c.number(name)
	if err != nil {
		return nil, err
	}
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if p := c.repo.pulls[int(n)]; p != nil {
		return p, nil
	}
	return nil, errNotFound()
}

// renderPull renders a pull request in full; the comparison is made before the lock is taken.
func (d *Double) renderPull(p *pull, merge *testMerge) (object, error) {
	for {
		if _, err := d.pullComparison(p); err != nil {
			return nil, err
		}
		d.mu.Lock()
		if _, known := p.repo.git.compares.peek([2]string{p.baseTip(), p.headSHA}); known {
			defer d.mu.Unlock()
			return d.fullPullJSON(p, merge), nil
		}
		d.mu.Unlock() // a push came in between
	}
}

func (d *Double) getPull(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	merge, err := d.mergeable(p)
	if err != nil {
		return answer{}, err
	}
	body, err := d.renderPull(p, merge)
	return answer{status: http.StatusOK, body: body}, err
}

func (d *Double) listPulls(c *call) (answer, error) {
	state, head, base := c.query("state"), c.query("head"), c.query("base")
	if state == "" {
		state = "open"
	}
	d.mu.Lock()
	var found []*pull
	for _, n := range sortedNumbers(c.repo.pulls) {
		p := c.repo.pulls[n]
		if (state == "all" || state == p.state()) && (base == "" || base == p.baseRef) &&
			(head == "" || strings.EqualFold(head, p.headRepo.owner.login+":"+p.headRef)) {
			found = append(found, p)
		}
	}
	if c.query("sort") == "updated" {
		slices.SortStableFunc(found, func(a, b *pull) int { return a.updated.Compare(b.updated) })
	}
	d.mu.Unlock()
	if direction := c.query("direction"); direction == "desc" || direction == "" && c.query("sort") == "" {
		slices.Reverse(found)
	}
	return listed(c, found, d.pullJSON)
}

func (d *Double) createPull(c *call) (answer, error) {
	var in struct {
		Title, Head, Base, Body string
		Draft                   bool
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := d.openPull(c.repo, c.by, newPull{head: in.Head, base: in.Base, title: in.Title, body: in.Body, draft: in.Draft})
	if err != nil {
		return answer{}, err
	}
	body, err := d.renderPull(p, nil)
	return answer{status: http.StatusCreated, body: body}, err
}

func (d *Double) updatePull(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	var in struct{ Title, Body, Base, State *string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.State != nil && *in.State != "open" && *in.State != "closed" {
		return answer{}, errValidation("PullRequest", "invalid", "state", "")
	}
	if !d.mayEdit(p, c.by) {
		return answer{}, errForbidden("Must have push access to repository")
	}
	if err := d.editPull(p, c.by, pullChange{title: in.Title, body: in.Body, base: in.Base, state: in.State}); err != nil {
		return answer{}, err
	}
	body, err := d.renderPull(p, nil)
	return answer{status: http.StatusOK, body: body}, err
}

func (d *Double) mayEdit(p *pull, by actor) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return by.app || p.author == by.account || p.repo.may(by.account.login, "write")
}

// maxPullFiles is where GitHub cuts the list of a pull request's files.
const maxPullFiles = 3000

func (d *Double) listPullFiles(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	comparison, patches, err := d.pullDiff(p)
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	head := p.headSHA
	d.mu.Unlock()
	files := numberedFiles(comparison.files, patches, maxPullFiles)
	return listed(c, files, func(f numberedFile) object { return d.fileJSON(c.repo, head, f) })
}

// maxPullCommits is where GitHub cuts the list of a pull request's commits.
const maxPullCommits = 250

func (d *Double) listPullCommits(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	comparison, err := d.pullComparison(p)
	if err != nil {
		return answer{}, err
	}
	commits, err := c.repo.git.readCommits(comparison.commits[:min(len(comparison.commits), maxPullCommits)])
	if err != nil {
		return answer{}, err
	}
	return listed(c, commits, func(x *commit) object { return d.commitJSON(c.repo, x) })
}

func (d *Double) isPullMerged(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !p.merged {
		return answer{}, errNotFound()
	}
	return noContent()
}

func (d *Double) putMerge(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		SHA     string
		Method  string `json:"merge_method"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	sha, err := d.mergePull(p, c.by, mergeRequest{method: in.Method, title: in.Title, message: in.Message, sha: in.SHA})
	if err != nil {
		return answer{}, err
	}
	return ok(object{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

func (d *Double) listRequestedReviewers(c *call) (answer, error) {
	if _, err := c.pull("pull_number"); err != nil {
		return answer{}, err
	}
	return ok(object{"users": []object{}, "teams": []object{}})
}

func (d *Double) listReviewComments(c *call) (answer, error) {
	if _, err := c.pull("pull_number"); err != nil {
		return answer{}, err
	}
	return ok([]object{}) // nobody comments on lines here
}

func (d *Double) listCommitPulls(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["commit_sha"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	var candidates []*pull
	heads := map[*pull][2]string{}
	for _, n := range sortedNumbers(c.repo.pulls) {
		p := c.repo.pulls[n]
		candidates, heads[p] = append(candidates, p), [2]string{p.baseTip(), p.headSHA}
	}
	d.mu.Unlock()
	var found []*pull
	for _, p := range candidates {
		comparison, err := c.repo.git.compare(heads[p][0], heads[p][1])
		if err != nil {
			return answer{}, err
		}
		if p.mergeSHA == sha || slices.Contains(comparison.commits, sha) {
			found = append(found, p)
		}
	}
	return listed(c, found, d.pullJSON)
}
