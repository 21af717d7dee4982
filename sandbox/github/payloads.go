package github

import (
	"slices"
	"strings"
)

// emit queues a webhook of one repository for the App, if the App is installed there and subscribed. Callers hold d.mu,
// so that webhooks are queued in the order in which things happened.
func (d *Double) emit(event string, r *repository, by actor, payload object) {
	i := r.install
	if i == nil || !i.suspendedAt.IsZero() || !containsFold(i.events, event) {
		return
	}
	if payload["repository"] == nil {
		payload["repository"] = d.repoJSON(r)
	}
	payload["sender"] = d.userJSON(by.account)
	payload["installation"] = object{"id": i.id, "node_id": nodeID("I", i.id)}
	if r.owner.kind == kindOrg {
		payload["organization"] = d.organizationJSON(r.owner)
	}
	d.queueHook(event, payload, i.id, r.id)
}

func (d *Double) queueHook(event string, payload object, installation, repository int64) {
	action, _ := payload["action"].(string)
	d.hooks.push(&Delivery{
		ID: d.id(), GUID: newGUID(), Event: event, Action: action, At: d.now(), InstallationID: installation, RepositoryID: repository,
		Payload: render(payload),
	})
	d.feed.changed()
}

func (d *Double) emitPull(p *pull, by actor, action string, more object) {
	payload := object{"action": action, "number": p.number, "pull_request": d.fullPullJSON(p, nil)}
	d.emit("pull_request", p.repo, by, with(payload, more))
}

func (d *Double) emitComment(c *comment, by actor, action string, changes object) {
	payload := object{"action": action, "issue": d.issueJSON(c.pull), "comment": d.commentJSON(c)}
	if changes != nil {
		payload["changes"] = changes
	}
	d.emit("issue_comment", c.pull.repo, by, payload)
}

func (d *Double) emitReview(v *review, by actor, action string) {
	d.emit("pull_request_review", v.pull.repo, by, object{
		"action": action, "review": d.hookReviewJSON(v), "pull_request": d.pullJSON(v.pull),
	})
}

func (d *Double) emitCheckRun(c *checkRun, by actor, action string, more object) {
	d.emit("check_run", c.repo, by, with(object{"action": action, "check_run": d.hookCheckRunJSON(c)}, more))
}

func (d *Double) emitSuite(s *checkSuite, by actor, action string) {
	suite, app := d.suiteJSON(s), d.appJSON()
	// The description of this one event lacks the name merge_group among the App's events.
	app["events"] = slices.DeleteFunc(app["events"].([]string), func(e string) bool { return e == "merge_group" })
	suite["app"] = app
	d.emit("check_suite", s.repo, by, object{"action": action, "check_suite": suite})
}

func (d *Double) pushPayload(r *repository, by actor, c refChange, f pushFacts) object {
	commits := []object{}
	for _, pc := range f.commits {
		commits = append(commits, d.pushedCommitJSON(r, pc))
	}
	var head any
	if f.head != nil {
		head = d.pushedCommitJSON(r, *f.head)
	}
	var baseRef any
	if c.before == zeroSHA && c.ref != "refs/heads/"+r.defaultBranch {
		baseRef = "refs/heads/" + r.defaultBranch
	}
	repo := with(d.repoObject(r), object{
		"created_at": r.created.Unix(), "pushed_at": r.pushed.Unix(), "stargazers": 0, "master_branch": r.defaultBranch,
		"url": d.web("/%s", r.fullName()),
	})
	return object{
		"ref": c.ref, "before": c.before, "after": c.after, "base_ref": baseRef, "created": c.before == zeroSHA, "deleted": c.after == zeroSHA,
		"forced": f.forced, "compare": d.web("/%s/compare/%s...%s", r.fullName(), c.before[:12], c.after[:12]), "commits": commits,
		"head_commit": head, "repository": repo,
		"pusher": object{"name": by.account.login, "email": by.account.login + "@users.noreply.github.com"},
	}
}

func (d *Double) pushedCommitJSON(r *repository, c pushedCommit) object {
	added, removed, modified := []string{}, []string{}, []string{}
	for _, f := range c.files {
		switch f.status {
		case "added":
			added = append(added, f.path)
		case "removed":
			removed = append(removed, f.path)
		case "renamed":
			added, removed = append(added, f.path), append(removed, f.oldPath)
		default:
			modified = append(modified, f.path)
		}
	}
	return object{
		"id": c.sha, "tree_id": c.tree, "distinct": !r.known[c.sha], "message": c.message, "timestamp": stamp(c.committer.when),
		"url": d.web("/%s/commit/%s", r.fullName(), c.sha), "author": d.pushAuthor(c.author), "committer": d.pushAuthor(c.committer),
		"added": added, "removed": removed, "modified": modified,
	}
}

func (d *Double) pushAuthor(s signature) object {
	o := object{"name": s.name, "email": s.email}
	if a := d.accountOf(s); a != nil {
		o["username"] = a.login
	}
	return o
}

// accountOf finds the account behind a commit's e-mail address; nil if there is none. Callers hold d.mu.
func (d *Double) accountOf(s signature) *account {
	login, ours := strings.CutSuffix(s.email, "@users.noreply.github.com")
	if !ours {
		return nil
	}
	id, _, numbered := strings.Cut(login, "+")
	if !numbered {
		return d.account(login)
	}
	for _, a := range d.accounts { // the number counts, the login may be an old one
		if itoa(a.id) == id {
			return a
		}
	}
	return nil
}

func (d *Double) emitInstallation(i *installation, by actor, action string) {
	repositories := []object{}
	for _, r := range i.repos {
		repositories = append(repositories, shortRepoJSON(r))
	}
	d.queueInstallation("installation", i, by, object{"action": action, "repositories": repositories})
}

func (d *Double) emitInstallationRepositories(i *installation, by actor, action string, r *repository) {
	added, removed := []object{}, []object{}
	if action == "added" {
		added = append(added, shortRepoJSON(r))
	} else {
		removed = append(removed, shortRepoJSON(r))
	}
	d.queueInstallation("installation_repositories", i, by, object{
		"action": action, "repositories_added": added, "repositories_removed": removed, "repository_selection": "selected", "requester": nil,
	})
}

func (d *Double) queueInstallation(event string, i *installation, by actor, payload object) {
	payload["installation"], payload["sender"] = d.installationJSON(i), d.userJSON(by.account)
	d.queueHook(event, payload, i.id, 0)
}

func shortRepoJSON(r *repository) object {
	return object{"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.fullName(), "private": r.private}
}

// installationJSON renders an installation. Callers hold d.mu.
func (d *Double) installationJSON(i *installation) object {
	u := d.api("/app/installations/%d", i.id)
	o := object{
		"id": i.id, "account": d.userJSON(i.account), "repository_selection": "selected", "access_tokens_url": u + "/access_tokens",
		"repositories_url": d.api("/installation/repositories"), "html_url": d.web("/settings/installations/%d", i.id), "app_id": d.app.ID,
		"app_slug": d.app.Slug, "client_id": d.clientID(), "target_id": i.account.id, "target_type": i.account.kind, "permissions": i.granted,
		"events": append([]string{}, i.events...), "created_at": stamp(i.created), "updated_at": stamp(i.created), "single_file_name": nil,
		"has_multiple_single_files": false, "single_file_paths": []string{}, "suspended_by": nil, "suspended_at": stamp(i.suspendedAt),
	}
	if i.suspendedBy != nil {
		o["suspended_by"] = d.userJSON(i.suspendedBy)
	}
	return o
}
