package github

import (
	"slices"
)

const (
	statusesRead  = "statuses=read"
	statusesWrite = "statuses=write"
)

func (d *Double) statusRoutes() []route {
	return []route{
		{operation: "POST /repos/{owner}/{repo}/statuses/{sha}", needs: needs(statusesWrite), handle: d.createStatus},
		{operation: "GET /repos/{owner}/{repo}/commits/{ref}/status", needs: needs(statusesRead), handle: d.combinedStatus},
		{operation: "GET /repos/{owner}/{repo}/commits/{ref}/statuses", needs: needs(statusesRead), handle: d.listStatuses},
	}
}

// maxStatuses is how many statuses one commit and context may have.
const maxStatuses = 1000

func (d *Double) createStatus(c *call) (answer, error) {
	var in struct {
		State, Context string
		Description    *string
		TargetURL      *string `json:"target_url"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	sha := c.values["sha"]
	if _, err := c.repo.git.commit(sha); err != nil {
		return answer{}, errNoCommit(sha, err)
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State) {
		return answer{}, errValidation("Status", "custom", "state", "state must be one of error, failure, pending, success")
	}
	if in.Description != nil && len([]rune(*in.Description)) > 140 {
		return answer{}, errValidation("Status", "custom", "description", "description is too long (maximum is 140 characters)")
	}
	if in.Context == "" {
		in.Context = "default"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	same := 0
	for _, s := range c.repo.statuses[sha] {
		if s.context == in.Context {
			same++
		}
	}
	if same >= maxStatuses {
		return answer{}, errValidation("Status", "custom", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	s := &commitStatus{
		id: d.id(), creator: c.by.account, state: in.State, context: in.Context, description: in.Description, targetURL: in.TargetURL,
		created: d.now(),
	}
	c.repo.statuses[sha] = append(c.repo.statuses[sha], s)
	d.feed.changed()
	return created(d.statusJSON(c.repo, sha, s))
}

func (d *Double) listStatuses(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	statuses := slices.Clone(c.repo.statuses[sha])
	d.mu.Unlock()
	slices.Reverse(statuses)
	return listed(c, statuses, func(s *commitStatus) object { return d.statusJSON(c.repo, sha, s) })
}

// combinedStatus is the newest status of each context: failure before pending before success; pending if there is none.
func (d *Double) combinedStatus(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	newest := map[string]*commitStatus{}
	for _, s := range c.repo.statuses[sha] {
		newest[s.context] = s
	}
	var latest []*commitStatus
	for _, name := range sortedKeys(newest) {
		latest = append(latest, newest[name])
	}
	d.mu.Unlock()
	a, err := listed(c, latest, func(s *commitStatus) object {
		o := d.statusJSON(c.repo, sha, s)
		delete(o, "creator")
		return o
	})
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	commit := d.api("/repos/%s/commits/%s", c.repo.fullName(), sha)
	a.body = object{
		"state": combinedState(latest), "statuses": a.body, "sha": sha, "total_count": len(latest), "repository": d.repoJSON(c.repo),
		"commit_url": commit, "url": commit + "/status",
	}
	return a, nil
}

func combinedState(latest []*commitStatus) string {
	state := "success"
	for _, s := range latest {
		switch {
		case s.state == "failure" || s.state == "error":
			return "failure"
		case s.state == "pending":
			state = "pending"
		}
	}
	if len(latest) == 0 {
		return "pending"
	}
	return state
}
