package github

// userJSON renders an account as "simple user"; nil is null. Callers hold d.mu.
func (d *Double) userJSON(a *account) raw {
	if a == nil || a.gone {
		return raw("null")
	}
	if a.json == nil {
		a.json = render(d.userObject(a))
	}
	return a.json
}

// authorJSON renders who opened a pull request. When the account is deleted, GitHub
// names the account that stands for all such. Callers hold d.mu.
func (d *Double) authorJSON(a *account) raw {
	if a.gone {
		return render(d.userObject(&account{login: "ghost", id: 10137, kind: kindUser}))
	}
	return d.userJSON(a)
}

func (d *Double) userObject(a *account) object {
	u := d.api("/users/%s", a.login)
	return object{
		"login": a.login, "id": a.id, "node_id": nodeID("U", a.id), "avatar_url": d.web("/avatars/%d", a.id), "gravatar_id": "",
		"url": u, "html_url": d.web("/%s", a.login), "type": a.kind, "site_admin": false, "user_view_type": "public",
		"followers_url": u + "/followers", "following_url": u + "/following{/other_user}", "gists_url": u + "/gists{/gist_id}",
		"starred_url": u + "/starred{/owner}{/repo}", "subscriptions_url": u + "/subscriptions", "organizations_url": u + "/orgs",
		"repos_url": u + "/repos", "events_url": u + "/events{/privacy}", "received_events_url": u + "/received_events",
	}
}

// organizationJSON renders an organization as webhooks carry it. Callers hold d.mu.
func (d *Double) organizationJSON(a *account) object {
	u := d.api("/orgs/%s", a.login)
	return object{
		"login": a.login, "id": a.id, "node_id": nodeID("O", a.id), "url": u, "repos_url": u + "/repos", "events_url": u + "/events",
		"hooks_url": u + "/hooks", "issues_url": u + "/issues", "members_url": u + "/members{/member}",
		"public_members_url": u + "/public_members{/member}", "avatar_url": d.web("/avatars/%d", a.id), "description": nil,
	}
}
