package github

// appJSON renders the App. Callers hold d.mu.
func (d *Double) appJSON() object {
	permissions := object{}
	for k, v := range d.app.Permissions {
		permissions[k] = v
	}
	permissions["metadata"] = "read"
	return object{
		"id": d.app.ID, "slug": d.app.Slug, "node_id": nodeID("A", d.app.ID), "client_id": d.clientID(), "name": d.app.Name,
		"owner": d.userJSON(d.appOwner()), "description": "", "external_url": "https://example.com", "html_url": d.web("/apps/%s", d.app.Slug),
		"created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z", "permissions": permissions,
		"events": append([]string{}, d.app.Events...),
	}
}

func (d *Double) clientID() string { return "Iv23li" + itoa(d.app.ID) }

// appOwner is the account shown as the App's owner: that of the first installation, else the bot. Callers hold d.mu.
func (d *Double) appOwner() *account {
	owner := d.account(d.app.Slug + "[bot]")
	first := int64(0)
	for id, i := range d.installs {
		if first == 0 || id < first {
			first, owner = id, i.account
		}
	}
	return owner
}

// checkPulls gives the open pull requests of a check: none for forks. Callers hold d.mu.
func (d *Double) checkPulls(r *repository, sha string) []object {
	found := []object{}
	for _, n := range sortedNumbers(r.pulls) {
		if p := r.pulls[n]; p.open() && p.headSHA == sha && !p.fromFork() {
			found = append(found, d.pullRefJSON(p))
		}
	}
	return found
}

// checkRunJSON renders a check run. Actions are not part of it. Callers hold d.mu.
func (d *Double) checkRunJSON(c *checkRun) object {
	u := d.api("/repos/%s/check-runs/%d", c.repo.fullName(), c.id)
	web := d.web("/%s/runs/%d", c.repo.fullName(), c.id)
	details := c.details
	if details == "" {
		details = web
	}
	return object{
		"id": c.id, "node_id": nodeID("CR", c.id), "name": c.name, "head_sha": c.headSHA, "external_id": c.externalID, "url": u, "html_url": web,
		"details_url": details, "status": c.status, "conclusion": orNull(c.conclusion), "started_at": stamp(c.started),
		"completed_at": stamp(c.completed), "check_suite": object{"id": c.suite.id}, "app": d.appOf(c.suite),
		"pull_requests": d.checkPulls(c.repo, c.headSHA),
		"output": object{
			"title": c.title, "summary": c.summary, "text": c.text, "annotations_count": len(c.annotations), "annotations_url": u + "/annotations",
		},
	}
}

// hookCheckRunJSON renders a check run with its suite, as webhooks do. Callers hold d.mu.
func (d *Double) hookCheckRunJSON(c *checkRun) object {
	o := d.checkRunJSON(c)
	o["check_suite"] = d.simpleSuiteJSON(c.suite)
	return o
}

func (d *Double) simpleSuiteJSON(s *checkSuite) object {
	status, conclusion := s.verdict()
	return object{
		"id": s.id, "node_id": nodeID("CS", s.id), "head_branch": orNull(s.headBranch), "head_sha": s.headSHA, "status": status,
		"conclusion": orNull(conclusion), "url": d.api("/repos/%s/check-suites/%d", s.repo.fullName(), s.id), "before": s.before,
		"after": s.headSHA, "pull_requests": d.checkPulls(s.repo, s.headSHA), "app": d.appOf(s), "created_at": stamp(s.created),
		"updated_at": stamp(s.updated),
	}
}

// suiteJSON renders a check suite. Its head commit must have been read before d.mu was taken.
func (d *Double) suiteJSON(s *checkSuite) object {
	return with(d.simpleSuiteJSON(s), object{
		"latest_check_runs_count": len(s.latest()), "check_runs_url": d.api("/repos/%s/check-suites/%d/check-runs", s.repo.fullName(), s.id),
		"head_commit": d.simpleCommitJSON(s.repo, s.headSHA), "rerequestable": true, "runs_rerequestable": true,
	})
}

// restSuiteJSON renders a check suite for REST. Callers hold d.mu.
func (d *Double) restSuiteJSON(s *checkSuite) object {
	return with(d.suiteJSON(s), object{"repository": d.repoJSON(s.repo)})
}

// simpleCommitJSON renders a commit as check suites and merge groups embed it, from what is known already.
func (d *Double) simpleCommitJSON(r *repository, sha string) any {
	c, ok := r.git.commits.peek(sha)
	if !ok {
		return nil
	}
	return object{
		"id": c.sha, "tree_id": c.tree, "message": c.message, "timestamp": stamp(c.committer.when),
		"author": object{"name": c.author.name, "email": c.author.email}, "committer": object{"name": c.committer.name, "email": c.committer.email},
	}
}
