package github

import "slices"

const (
	issuesRead  = "issues=read; pull_requests=read"
	issuesWrite = "issues=write; pull_requests=write"
)

func (d *Double) issueRoutes() []route {
	return []route{
		{operation: "GET /repos/{owner}/{repo}/issues", needs: needs(issuesRead), handle: d.listIssues},
		{operation: "GET /repos/{owner}/{repo}/issues/{issue_number}", needs: needs(issuesRead), handle: d.getIssue},
	}
}

func (d *Double) listIssues(c *call) (answer, error) {
	state := c.query("state")
	d.mu.Lock()
	var found []*pull
	for _, n := range sortedNumbers(c.repo.pulls) {
		if p := c.repo.pulls[n]; state == "all" || p.state() == state || state == "" && p.open() {
			found = append(found, p)
		}
	}
	d.mu.Unlock()
	slices.Reverse(found)
	return listed(c, found, d.issueJSON)
}

func (d *Double) getIssue(c *call) (answer, error) {
	p, err := c.pull("issue_number")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(with(d.issueJSON(p), object{"closed_by": nil}))
}
