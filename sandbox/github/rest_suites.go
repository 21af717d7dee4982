package github

import (
	"net/http"
	"slices"
)

func (d *Double) suiteRoutes() []route {
	const one = "/repos/{owner}/{repo}/check-suites/{check_suite_id}"
	return []route{
		{operation: "POST /repos/{owner}/{repo}/check-suites", needs: needs(checksWrite), handle: d.createSuite},
		{operation: "GET " + one, needs: needs(checksRead), handle: d.getSuite},
		{operation: "POST " + one + "/rerequest", needs: needs(checksWrite), handle: d.postRerequestSuite},
		{operation: "GET /repos/{owner}/{repo}/commits/{ref}/check-suites", needs: needs(checksRead), handle: d.listSuites},
	}
}

// suite finds the suite of the path.
func (c *call) suite() (*checkSuite, error) {
	id, err := c.number("check_suite_id")
	if err != nil {
		return nil, err
	}
	c.d.mu.Lock()
	s := c.repo.suites[id]
	c.d.mu.Unlock()
	if s == nil {
		return nil, errNotFound()
	}
	_, err = c.repo.git.commit(s.headSHA) // the rendering looks for it
	return s, err
}

// suitesOf gives the suites of a commit, oldest first. Callers hold d.mu.
func (r *repository) suitesOf(sha string) []*checkSuite {
	var found []*checkSuite
	for _, s := range r.suites {
		if s.headSHA == sha {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *checkSuite) int { return int(a.id - b.id) })
	return found[max(0, len(found)-maxListedSuites):]
}

func (d *Double) createSuite(c *call) (answer, error) {
	var in struct {
		HeadSHA string `json:"head_sha"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if _, err := c.repo.git.commit(in.HeadSHA); err != nil {
		return answer{}, errNoCommit(in.HeadSHA, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	status := http.StatusCreated
	if slices.ContainsFunc(c.repo.suitesOf(in.HeadSHA), func(s *checkSuite) bool { return s.app == nil }) {
		status = http.StatusOK
	}
	return answer{status: status, body: d.restSuiteJSON(d.suiteFor(c.repo, in.HeadSHA))}, nil
}

func (d *Double) getSuite(c *call) (answer, error) {
	s, err := c.suite()
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(d.restSuiteJSON(s))
}

func (d *Double) postRerequestSuite(c *call) (answer, error) {
	s, err := c.suite()
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rerequestSuite(s, c.by)
	return created(object{})
}

func (d *Double) listSuites(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	suites := c.repo.suitesOf(sha)
	d.mu.Unlock()
	return counted(c, "check_suites", suites, d.restSuiteJSON)
}
