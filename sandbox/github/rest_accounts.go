package github

import "strings"

const membersRead = "members=read"

func (d *Double) accountRoutes() []route {
	const team = "/orgs/{org}/teams/{team_slug}"
	return []route{
		{operation: "GET /user", needs: asAnybody, handle: d.getAuthenticatedUser},
		{operation: "GET /users/{username}", needs: asAnybody, handle: d.getUser},
		{operation: "GET /orgs/{org}/teams", needs: needs(membersRead), handle: d.listTeams},
		{operation: "GET " + team, needs: needs(membersRead), handle: d.getTeam},
		{operation: "GET " + team + "/members", needs: needs(membersRead), handle: d.listTeamMembers},
		{operation: "GET " + team + "/memberships/{username}", needs: needs(membersRead), handle: d.getTeamMembership, bare: true},
	}
}

func (d *Double) getAuthenticatedUser(c *call) (answer, error) {
	if c.token == nil || c.token.person == nil {
		return answer{}, errForbidden("Resource not accessible by integration")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(d.publicUserJSON(c.token.person))
}

func (d *Double) getUser(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account(c.values["username"])
	if a == nil {
		return answer{}, errNotFound()
	}
	return ok(d.publicUserJSON(a))
}

func (d *Double) publicUserJSON(a *account) object {
	return with(d.userObject(a), object{
		"name": a.login, "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil, "public_repos": 0,
		"public_gists": 0, "followers": 0, "following": 0, "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
	})
}

// org finds the organization of the path if the caller may see its members. Callers hold d.mu.
func (c *call) org() (*account, error) {
	o := c.d.account(c.values["org"])
	if o == nil || o.kind != kindOrg {
		return nil, errNotFound()
	}
	if t := c.token; t.install != nil && t.install.account != o || t.person != nil && !o.isMember(t.person.login) {
		return nil, errNotFound()
	}
	return o, nil
}

// team finds the team of the path. Callers hold d.mu.
func (c *call) team() (*account, *team, error) {
	o, err := c.org()
	if err != nil {
		return nil, nil, err
	}
	if t := o.teams[strings.ToLower(c.values["team_slug"])]; t != nil {
		return o, t, nil
	}
	return nil, nil, errNotFound()
}

func (d *Double) teamJSON(o *account, t *team) object {
	u := d.api("/organizations/%d/team/%d", o.id, t.id)
	return object{
		"id": t.id, "node_id": nodeID("T", t.id), "name": t.slug, "slug": t.slug, "description": nil, "privacy": "closed",
		"notification_setting": "notifications_enabled", "permission": "pull", "url": u, "html_url": d.web("/orgs/%s/teams/%s", o.login, t.slug),
		"members_url": u + "/members{/member}", "repositories_url": u + "/repos", "parent": nil, "type": "organization", "organization_id": o.id,
	}
}

func (d *Double) listTeams(c *call) (answer, error) {
	d.mu.Lock()
	o, err := c.org()
	var slugs []string
	if err == nil {
		slugs = sortedKeys(o.teams)
	}
	d.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return listed(c, slugs, func(slug string) object { return d.teamJSON(o, o.teams[slug]) })
}

func (d *Double) getTeam(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, t, err := c.team()
	if err != nil {
		return answer{}, err
	}
	return ok(with(d.teamJSON(o, t), object{
		"members_count": len(t.members), "repos_count": 0, "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
		"organization": with(d.organizationJSON(o), object{
			"html_url": d.web("/%s", o.login), "has_organization_projects": true, "has_repository_projects": true, "public_repos": 0,
			"public_gists": 0, "followers": 0, "following": 0, "type": kindOrg, "created_at": "2024-01-01T00:00:00Z",
			"updated_at": "2024-01-01T00:00:00Z", "archived_at": nil,
		}),
	}))
}

func (d *Double) listTeamMembers(c *call) (answer, error) {
	d.mu.Lock()
	_, t, err := c.team()
	var logins []string
	if err == nil {
		logins = t.members
	}
	d.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return listed(c, logins, func(login string) object { return d.userObject(d.account(login)) })
}

func (d *Double) getTeamMembership(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, t, err := c.team()
	if err != nil {
		return answer{}, err
	}
	if !t.isMember(c.values["username"]) {
		return answer{}, errNotFound()
	}
	u := d.api("/organizations/%d/team/%d/memberships/%s", o.id, t.id, c.values["username"])
	return ok(object{"url": u, "role": "member", "state": "active"})
}
