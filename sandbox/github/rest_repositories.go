package github

import (
	"maps"
	"net/http"
	"strings"
)

func (d *Double) repositoryRoutes() []route {
	return []route{
		{operation: "GET /rate_limit", needs: asAnybody, handle: d.getRateLimit},
		{operation: "GET /repos/{owner}/{repo}", needs: access{}, handle: d.getRepository},
		{operation: "GET /repos/{owner}/{repo}/branches", needs: needs(contentsRead), handle: d.listBranches},
		{operation: "GET /repos/{owner}/{repo}/rules/branches/{branch}", needs: access{}, handle: d.getBranchRules},
		{operation: "GET /repos/{owner}/{repo}/collaborators", needs: access{}, handle: d.listCollaborators},
		{operation: "GET /repos/{owner}/{repo}/collaborators/{username}", needs: access{}, handle: d.checkCollaborator, bare: true},
		{operation: "GET /repos/{owner}/{repo}/collaborators/{username}/permission", needs: access{}, handle: d.getPermission},
	}
}

func (d *Double) getRepository(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(d.fullRepoJSON(c.repo))
}

func (d *Double) listBranches(c *call) (answer, error) {
	d.mu.Lock()
	var names []string
	for _, ref := range sortedKeys(c.repo.refs) {
		if branch, isBranch := (refChange{ref: ref}).branch(); isBranch {
			names = append(names, branch)
		}
	}
	d.mu.Unlock()
	return listed(c, names, func(name string) object {
		sha := c.repo.branch(name)
		commit := object{"sha": sha, "url": d.api("/repos/%s/commits/%s", c.repo.fullName(), sha)}
		return object{"name": name, "commit": commit, "protected": len(c.repo.rules[name]) > 0}
	})
}

func (d *Double) getBranchRules(c *call) (answer, error) {
	d.mu.Lock()
	rules := c.repo.rules[c.values["branch"]]
	d.mu.Unlock()
	return listed(c, rules, func(rule object) object {
		full := object{"ruleset_source_type": "Repository", "ruleset_source": c.repo.fullName(), "ruleset_id": c.repo.id}
		return with(full, rule)
	})
}

// legacyPermission is the permission that a role shows as; role_name has the role itself.
var legacyPermission = map[string]string{
	"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read", "none": "none",
}

func (d *Double) getPermission(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account(c.values["username"])
	if a == nil {
		return answer{}, &Error{Status: http.StatusNotFound, Message: c.values["username"] + " is not a user"}
	}
	role := c.repo.role(a.login)
	return ok(object{"permission": legacyPermission[role], "role_name": roleName(role), "user": d.collaboratorJSON(c.repo, a)})
}

// roleName is how the API spells a role.
func roleName(role string) string {
	if role == "none" {
		return ""
	}
	return role
}

func (d *Double) collaboratorJSON(r *repository, a *account) object {
	return with(d.userObject(a), object{
		"role_name": r.role(a.login),
		"permissions": object{
			"pull": r.may(a.login, "read"), "triage": r.may(a.login, "triage"), "push": r.may(a.login, "write"),
			"maintain": r.may(a.login, "maintain"), "admin": r.may(a.login, "admin"),
		},
	})
}

func (d *Double) listCollaborators(c *call) (answer, error) {
	least, known := permissionRole[c.query("permission")]
	if !known {
		return answer{}, errUnprocessable("Invalid request.\n\nNo subschema in \"enum\" matched.")
	}
	d.mu.Lock()
	var logins []string
	for _, login := range d.collaborators(c.repo) {
		if c.repo.may(login, least) {
			logins = append(logins, login)
		}
	}
	d.mu.Unlock()
	return listed(c, logins, func(login string) object { return d.collaboratorJSON(c.repo, d.account(login)) })
}

// permissionRole is the least role for each filter of the list of collaborators. Who may do more has the permission, too, as
// "permissions" of each entry says.
var permissionRole = map[string]string{"": "read", "pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}

// collaborators gives the people with a role of their own, and the owner if that is a person. Apps are not among them.
// Callers hold d.mu.
func (d *Double) collaborators(r *repository) []string {
	roles := maps.Clone(r.roles)
	if r.owner.kind == kindUser {
		roles[strings.ToLower(r.owner.login)] = "admin"
	}
	maps.DeleteFunc(roles, func(login, role string) bool {
		a := d.account(login)
		return role == "none" || a == nil || a.kind == kindBot
	})
	return sortedKeys(roles)
}

func (d *Double) checkCollaborator(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.repo.role(c.values["username"]) == "none" {
		return answer{}, errNotFound()
	}
	return noContent()
}
