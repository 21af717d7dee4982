package github

import (
	"net/http"
	"slices"
)

const (
	issuesRead  = "issues=read; pull_requests=read"
	issuesWrite = "issues=write; pull_requests=write"
)

func (d *Double) issueRoutes() []route {
	return []route{
		{operation: "GET /repos/{owner}/{repo}/issues", needs: needs(issuesRead), handle: d.listIssues},
		{operation: "GET /repos/{owner}/{repo}/issues/{issue_number}", needs: needs(issuesRead), handle: d.getIssue},
		{operation: "GET /repos/{owner}/{repo}/issues/{issue_number}/labels", needs: needs(issuesRead), handle: d.listLabels},
		{operation: "POST /repos/{owner}/{repo}/issues/{issue_number}/labels", needs: needsRole(issuesWrite, "triage"), handle: d.addLabels},
		{operation: "PUT /repos/{owner}/{repo}/issues/{issue_number}/labels", needs: needsRole(issuesWrite, "triage"), handle: d.setLabels},
		{operation: "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", needs: needsRole(issuesWrite, "triage"), handle: d.removeLabel},
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

func (d *Double) listLabels(c *call) (answer, error) {
	return d.changeLabels(c, func(labels []string) ([]string, error) { return labels, nil })
}

func (d *Double) addLabels(c *call) (answer, error) {
	names, err := c.labelNames()
	if err != nil {
		return answer{}, err
	}
	return d.changeLabels(c, func(labels []string) ([]string, error) { return append(labels, names...), nil })
}

func (d *Double) setLabels(c *call) (answer, error) {
	names, err := c.labelNames()
	if err != nil {
		return answer{}, err
	}
	return d.changeLabels(c, func([]string) ([]string, error) { return names, nil })
}

func (d *Double) removeLabel(c *call) (answer, error) {
	return d.changeLabels(c, func(labels []string) ([]string, error) {
		if !slices.Contains(labels, c.values["name"]) {
			return nil, &Error{Status: http.StatusNotFound, Message: "Label does not exist"}
		}
		return slices.DeleteFunc(labels, func(s string) bool { return s == c.values["name"] }), nil
	})
}

// labelNames reads the body, which is a list of names or an object with one.
func (c *call) labelNames() ([]string, error) {
	var body any
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if o, wrapped := body.(object); wrapped {
		body = o["labels"]
	}
	list, _ := body.([]any)
	var names []string
	for _, x := range list {
		if name, isText := x.(string); isText {
			names = append(names, name)
		}
	}
	return names, nil
}

func (d *Double) changeLabels(c *call, change func([]string) ([]string, error)) (answer, error) {
	p, err := c.pull("issue_number")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	labels, err := change(slices.Clone(p.labels))
	if err != nil {
		return answer{}, err
	}
	slices.Sort(labels)
	p.labels = slices.Compact(labels)
	d.feed.changed()
	return ok(d.labelsJSON(p))
}
