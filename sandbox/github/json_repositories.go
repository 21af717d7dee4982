package github

// repoURLs are the URL templates of a repository: field without "_url" to what follows the repository's own URL.
var repoURLs = map[string]string{
	"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}", "branches": "/branches{/branch}",
	"collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}", "commits": "/commits{/sha}",
	"compare": "/compare/{base}...{head}", "contents": "/contents/{+path}", "contributors": "/contributors",
	"deployments": "/deployments", "downloads": "/downloads", "events": "/events", "forks": "/forks",
	"git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}", "git_tags": "/git/tags{/sha}", "hooks": "/hooks",
	"issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}", "issues": "/issues{/number}",
	"keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages", "merges": "/merges",
	"milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}", "pulls": "/pulls{/number}",
	"releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}", "subscribers": "/subscribers",
	"subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
}

// repoJSON renders a repository as other resources embed it. Callers hold d.mu.
func (d *Double) repoJSON(r *repository) raw {
	if r == nil {
		return raw("null")
	}
	if r.json == nil {
		r.json = render(d.repoObject(r))
	}
	return r.json
}

func (d *Double) repoObject(r *repository) object {
	u, web := d.api("/repos/%s", r.fullName()), d.web("/%s", r.fullName())
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	o := object{
		"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.fullName(), "private": r.private, "visibility": visibility,
		"owner": d.userJSON(r.owner), "html_url": web, "description": nil, "fork": r.parent != nil, "url": u, "default_branch": r.defaultBranch,
		"created_at": stamp(r.created), "updated_at": stamp(r.pushed), "pushed_at": stamp(r.pushed), "clone_url": web + ".git",
		"git_url": "git:" + web[min(len(web), len("http:")):] + ".git", "ssh_url": "git@github:" + r.fullName() + ".git", "svn_url": web,
		"homepage": nil, "language": nil, "license": nil, "mirror_url": nil, "size": 1, "topics": []string{}, "custom_properties": object{},
		"stargazers_count": 0, "watchers_count": 0, "watchers": 0, "forks_count": 0, "forks": 0, "open_issues_count": 0, "open_issues": 0,
		"has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false, "has_discussions": false,
		"has_pull_requests": true, "pull_request_creation_policy": "all", "archived": false, "disabled": false, "allow_forking": true,
		"is_template": false, "web_commit_signoff_required": false,
	}
	for name, path := range repoURLs {
		o[name+"_url"] = u + path
	}
	return o
}

// fullRepoJSON renders a repository as GET /repos/{owner}/{repo} does. Callers hold d.mu.
func (d *Double) fullRepoJSON(r *repository) object {
	o := with(d.repoObject(r), object{
		"network_count": 0, "subscribers_count": 0, "allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": true,
		"allow_auto_merge": false, "delete_branch_on_merge": false, "allow_update_branch": false,
	})
	if r.parent != nil {
		o["parent"], o["source"] = d.repoJSON(r.parent), d.repoJSON(r.parent)
	}
	return o
}
