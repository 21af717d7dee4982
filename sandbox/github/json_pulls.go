package github

import "strings"

// pullJSON renders a pull request as lists do. Callers hold d.mu.
func (d *Double) pullJSON(p *pull) object {
	repo := p.repo.fullName()
	u, issue, web := d.api("/repos/%s/pulls/%d", repo, p.number), d.api("/repos/%s/issues/%d", repo, p.number), d.pullWeb(p)
	comments, statuses := d.api("/repos/%s/pulls/comments{/number}", repo), d.api("/repos/%s/statuses/%s", repo, p.headSHA)
	link := func(href string) object { return object{"href": href} }
	var mergedAt any
	if p.merged {
		mergedAt = stamp(p.closedAt)
	}
	return object{
		"url": u, "id": p.id, "node_id": nodeID("PR", p.id), "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch",
		"issue_url": issue, "commits_url": u + "/commits", "review_comments_url": u + "/comments", "review_comment_url": comments,
		"comments_url": issue + "/comments", "statuses_url": statuses, "number": p.number, "state": p.state(), "locked": false,
		"active_lock_reason": nil, "title": p.title, "user": d.authorJSON(p.author), "body": orNull(p.body), "created_at": stamp(p.created),
		"updated_at": stamp(p.updated), "closed_at": stamp(p.closedAt), "merged_at": mergedAt, "merge_commit_sha": p.mergeCommit(),
		"assignee": nil, "assignees": []any{}, "requested_reviewers": []any{}, "requested_teams": []any{}, "labels": []object{},
		"milestone": nil, "draft": p.draft, "auto_merge": nil, "author_association": p.repo.association(p.author.login),
		"head": d.sideJSON(p.headRepo, p.headRef, p.headSHA), "base": d.sideJSON(p.repo, p.baseRef, p.baseSHA),
		"_links": object{
			"self": link(u), "html": link(web), "issue": link(issue), "comments": link(issue + "/comments"), "commits": link(u + "/commits"),
			"review_comments": link(u + "/comments"), "review_comment": link(comments), "statuses": link(statuses),
		},
	}
}

func (d *Double) pullWeb(p *pull) string { return d.web("/%s/pull/%d", p.repo.fullName(), p.number) }

// mergeCommit is merge_commit_sha: the test merge commit while open, what the merge made afterwards.
func (p *pull) mergeCommit() any {
	if p.merged {
		return p.mergeSHA
	}
	if p.merge.result != nil {
		return orNull(p.merge.result.sha)
	}
	return nil
}

// sideJSON renders head or base. The repository of a fork that was deleted is null.
func (d *Double) sideJSON(r *repository, ref, sha string) object {
	o := object{"label": r.owner.login + ":" + ref, "ref": ref, "sha": sha, "user": d.userJSON(r.owner), "repo": nil}
	if !r.deleted {
		o["repo"] = d.repoJSON(r)
	}
	return o
}

// fullPullJSON renders a pull request as GET does, and webhooks. merge is what is known of mergeability. The comparison
// of head and base must be known; callers made it before they took d.mu.
func (d *Double) fullPullJSON(p *pull, merge *testMerge) object {
	c, _ := p.repo.git.compares.peek([2]string{p.baseTip(), p.headSHA})
	if c == nil {
		c = &comparison{}
	}
	var mergeable any
	if merge != nil {
		mergeable = merge.clean
	}
	return with(d.pullJSON(p), object{
		"merged": p.merged, "merged_by": d.userJSON(p.mergedBy), "mergeable": mergeable, "rebaseable": mergeable,
		"mergeable_state": p.mergeableState(merge), "comments": len(p.comments), "review_comments": 0,
		"maintainer_can_modify": p.maintainersModify, "commits": c.ahead, "additions": c.additions, "deletions": c.deletions,
		"changed_files": len(c.files),
	})
}

// mergeableState is GitHub's word for what stands in the way of a merge.
func (p *pull) mergeableState(merge *testMerge) string {
	switch {
	case merge == nil:
		return "unknown"
	case !merge.clean:
		return "dirty"
	case p.draft:
		return "draft"
	case len(p.unmet()) > 0:
		return "blocked"
	}
	for _, s := range p.repo.suites {
		if status, conclusion := s.verdict(); s.headSHA == p.headSHA && len(s.runs) > 0 && (status != "completed" || conclusionRank[conclusion] > conclusionRank["success"]) {
			return "unstable"
		}
	}
	return "clean"
}

// pullRefJSON renders a pull request as check runs and suites refer to it.
func (d *Double) pullRefJSON(p *pull) object {
	side := func(r *repository, ref, sha string) object {
		return object{"ref": ref, "sha": sha, "repo": object{"id": r.id, "url": d.api("/repos/%s", r.fullName()), "name": r.name}}
	}
	return object{
		"id": p.id, "number": p.number, "url": d.api("/repos/%s/pulls/%d", p.repo.fullName(), p.number),
		"head": side(p.headRepo, p.headRef, p.headSHA), "base": side(p.repo, p.baseRef, p.baseSHA),
	}
}

// issueJSON renders a pull request as the issue that it also is. Callers hold d.mu.
func (d *Double) issueJSON(p *pull) object {
	repo := p.repo.fullName()
	u, pullURL, web := d.api("/repos/%s/issues/%d", repo, p.number), d.api("/repos/%s/pulls/%d", repo, p.number), d.pullWeb(p)
	var mergedAt any
	if p.merged {
		mergedAt = stamp(p.closedAt)
	}
	return object{
		"url": u, "repository_url": d.api("/repos/%s", repo), "labels_url": u + "/labels{/name}", "comments_url": u + "/comments",
		"events_url": u + "/events", "timeline_url": u + "/timeline", "html_url": web, "id": p.issueID, "node_id": nodeID("PR", p.id),
		"number": p.number, "title": p.title, "user": d.authorJSON(p.author), "labels": []object{}, "state": p.state(), "locked": false,
		"assignee": nil, "assignees": []any{}, "milestone": nil, "comments": len(p.comments), "created_at": stamp(p.created),
		"updated_at": stamp(p.updated), "closed_at": stamp(p.closedAt), "author_association": p.repo.association(p.author.login),
		"active_lock_reason": nil, "body": orNull(p.body), "draft": p.draft, "performed_via_github_app": nil, "state_reason": nil,
		"reactions":    reactionsJSON(u, nil),
		"pull_request": object{"url": pullURL, "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "merged_at": mergedAt},
	}
}

// commentJSON renders an issue comment. Callers hold d.mu.
func (d *Double) commentJSON(c *comment) object {
	repo := c.pull.repo.fullName()
	u := d.api("/repos/%s/issues/comments/%d", repo, c.id)
	o := object{
		"id": c.id, "node_id": nodeID("IC", c.id), "url": u, "html_url": d.pullWeb(c.pull) + "#issuecomment-" + itoa(c.id),
		"issue_url": d.api("/repos/%s/issues/%d", repo, c.pull.number), "body": c.body, "user": d.userJSON(c.author),
		"created_at": stamp(c.created), "updated_at": stamp(c.updated), "author_association": c.pull.repo.association(c.author.login),
		"performed_via_github_app": nil, "reactions": reactionsJSON(u, c.reactions),
	}
	if c.app {
		o["performed_via_github_app"] = d.appJSON()
	}
	return o
}

// reactionContents are the reactions that GitHub knows.
var reactionContents = []string{"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}

func reactionsJSON(of string, reactions []*reaction) object {
	o := object{"url": of + "/reactions", "total_count": len(reactions)}
	for _, content := range reactionContents {
		n := 0
		for _, r := range reactions {
			if r.content == content {
				n++
			}
		}
		o[content] = n
	}
	return o
}

// reviewJSON renders a review for REST. Callers hold d.mu.
func (d *Double) reviewJSON(v *review) object {
	pullURL, web := d.api("/repos/%s/pulls/%d", v.pull.repo.fullName(), v.pull.number), d.pullWeb(v.pull)+"#pullrequestreview-"+itoa(v.id)
	o := object{
		"id": v.id, "node_id": nodeID("PRR", v.id), "user": d.userJSON(v.author), "body": v.body, "state": v.state, "html_url": web,
		"pull_request_url": pullURL, "author_association": v.pull.repo.association(v.author.login), "commit_id": v.commit,
		"_links": object{"html": object{"href": web}, "pull_request": object{"href": pullURL}},
	}
	if !v.submitted.IsZero() {
		o["submitted_at"] = stamp(v.submitted)
	}
	return o
}

// hookReviewJSON is reviewJSON in the lower case that webhooks use.
func (d *Double) hookReviewJSON(v *review) object {
	o := d.reviewJSON(v)
	o["state"], o["body"], o["submitted_at"] = strings.ToLower(v.state), orNull(v.body), stamp(v.submitted)
	return o
}
