package github

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

func (d *Double) installationRoutes() []route {
	const one = "/app/installations/{installation_id}"
	return []route{
		{operation: "GET /app/installations", needs: asApp, handle: d.listInstallations},
		{operation: "GET " + one, needs: asApp, handle: d.getInstallation},
		{operation: "POST " + one + "/access_tokens", needs: asApp, handle: d.createToken},
		{operation: "GET /repos/{owner}/{repo}/installation", needs: asApp, handle: d.getRepoInstallation},
		{operation: "GET /orgs/{org}/installation", needs: asApp, handle: d.getAccountInstallation("org", kindOrg)},
		{operation: "GET /users/{username}/installation", needs: asApp, handle: d.getAccountInstallation("username", kindUser)},
		{operation: "GET /installation/repositories", needs: access{}, handle: d.listInstallationRepos},
		{operation: "DELETE /installation/token", needs: access{}, handle: d.revokeToken},
	}
}

func (d *Double) listInstallations(c *call) (answer, error) {
	d.mu.Lock()
	ids := slices.Sorted(maps.Keys(d.installs))
	d.mu.Unlock()
	return listed(c, ids, func(id int64) object { return d.installationJSON(d.installs[id]) })
}

// installation finds the installation of the path.
func (c *call) installation() (*installation, error) {
	id, err := c.number("installation_id")
	if err != nil {
		return nil, err
	}
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if i := c.d.installs[id]; i != nil {
		return i, nil
	}
	return nil, errNotFound()
}

func (d *Double) getInstallation(c *call) (answer, error) {
	i, err := c.installation()
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(d.installationJSON(i))
}

func (d *Double) getRepoInstallation(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.repo(c.values["owner"] + "/" + c.values["repo"])
	if r == nil || r.install == nil {
		return answer{}, errNotFound()
	}
	return ok(d.installationJSON(r.install))
}

func (d *Double) getAccountInstallation(name, kind string) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		a := d.account(c.values[name])
		for _, i := range d.installs {
			if i.account == a && a.kind == kind {
				return ok(d.installationJSON(i))
			}
		}
		return answer{}, errNotFound()
	}
}

// tokenLife is how long an installation token works.
const tokenLife = time.Hour

// tokenInput narrows a token.
type tokenInput struct {
	Repositories  []string
	RepositoryIDs []int64 `json:"repository_ids"`
	Permissions   map[string]string
}

func (d *Double) createToken(c *call) (answer, error) {
	i, err := c.installation()
	if err != nil {
		return answer{}, err
	}
	var in tokenInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !i.suspendedAt.IsZero() {
		return answer{}, errForbidden("This installation has been suspended")
	}
	repos, err := i.selectRepos(in)
	if err != nil {
		return answer{}, err
	}
	permissions, err := i.selectPermissions(in.Permissions)
	if err != nil {
		return answer{}, err
	}
	t := &token{install: i, expires: d.now().Add(tokenLife), permissions: permissions}
	body := object{"expires_at": stamp(t.expires), "permissions": permissions, "repository_selection": "selected"}
	if repos != nil {
		t.repos = map[int64]bool{}
		list := []object{}
		for _, r := range repos {
			t.repos[r.id] = true
			list = append(list, d.repoObject(r))
		}
		body["repositories"] = list
	}
	// The form of tokens since 2026: longer than the classic 40 characters.
	value := "ghs_" + itoa(d.app.ID) + "_" + randomText(150)
	d.tokens[value], body["token"] = t, value
	return created(body)
}

// selectRepos gives the repositories that a token is narrowed to; nil for all.
func (i *installation) selectRepos(in tokenInput) ([]*repository, error) {
	if in.Repositories == nil && in.RepositoryIDs == nil {
		return nil, nil
	}
	refused := errUnprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	if len(in.Repositories)+len(in.RepositoryIDs) > 500 {
		return nil, errUnprocessable("Too many repositories: 500 at most.")
	}
	repos := []*repository{}
	find := func(match func(*repository) bool) bool {
		at := slices.IndexFunc(i.repos, match)
		if at >= 0 {
			repos = append(repos, i.repos[at])
		}
		return at >= 0
	}
	for _, name := range in.Repositories {
		if !find(func(r *repository) bool { return r.name == name }) {
			return nil, refused
		}
	}
	for _, id := range in.RepositoryIDs {
		if !find(func(r *repository) bool { return r.id == id }) {
			return nil, refused
		}
	}
	return repos, nil
}

// selectPermissions gives a token's permissions: never more than the installation has.
func (i *installation) selectPermissions(want map[string]string) (map[string]string, error) {
	if want == nil {
		return maps.Clone(i.granted), nil
	}
	permissions := map[string]string{"metadata": "read"}
	for name, level := range want {
		if levels[level] == 0 || levels[level] > levels[i.granted[name]] {
			return nil, errUnprocessable("The permissions requested are not granted to this installation.")
		}
		permissions[name] = level
	}
	return permissions, nil
}

func (d *Double) listInstallationRepos(c *call) (answer, error) {
	if c.token.install == nil {
		return answer{}, errForbidden("You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	d.mu.Lock()
	var repos []*repository
	for _, r := range c.token.install.repos {
		if c.token.covers(r) {
			repos = append(repos, r)
		}
	}
	d.mu.Unlock()
	a, err := counted(c, "repositories", repos, d.repoObject)
	a.body.(object)["repository_selection"] = "selected"
	return a, err
}

func (d *Double) revokeToken(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.token.install == nil {
		return answer{}, &Error{Status: http.StatusForbidden, Message: "Resource not accessible by personal access token"}
	}
	delete(d.tokens, bearer(c.r))
	return noContent()
}
