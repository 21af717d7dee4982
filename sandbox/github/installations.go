package github

import (
	"maps"
	"time"
)

// installation is the App on one account.
type installation struct {
	id          int64
	account     *account
	granted     map[string]string
	events      []string
	repos       []*repository
	created     time.Time
	suspendedAt time.Time
	suspendedBy *account
}

func (i *installation) permissions() map[string]string { return i.granted }

// Install installs the App on a repository, or adds the repository to its owner's installation, and gives the installation's id.
func (d *Double) Install(repo string) (int64, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.install != nil {
		return r.install.id, nil
	}
	by := actor{account: r.owner}
	for _, i := range d.installs {
		if i.account == r.owner {
			i.repos, r.install = append(i.repos, r), i
			d.emitInstallationRepositories(i, by, "added", r)
			return i.id, nil
		}
	}
	granted := maps.Clone(d.app.Permissions)
	if granted == nil {
		granted = map[string]string{}
	}
	granted["metadata"] = "read"
	i := &installation{id: d.id(), account: r.owner, granted: granted, events: d.app.Events, repos: []*repository{r}, created: d.now()}
	d.installs[i.id], r.install = i, i
	d.emitInstallation(i, by, "created")
	return i.id, nil
}

// Uninstall removes the App from a repository's owner with all its repositories; its tokens stop working.
func (d *Double) Uninstall(repo string) error {
	return d.withInstallation(repo, func(i *installation, by actor) {
		d.emitInstallation(i, by, "deleted")
		for _, r := range i.repos {
			r.install = nil
		}
		delete(d.installs, i.id)
	})
}

// Suspend stops the App on a repository's owner until Unsuspend: tokens answer 403 and no webhooks are sent.
func (d *Double) Suspend(repo string) error {
	return d.withInstallation(repo, func(i *installation, by actor) {
		i.suspendedAt, i.suspendedBy = d.now(), by.account
		d.emitInstallation(i, by, "suspend")
	})
}

// Unsuspend ends Suspend.
func (d *Double) Unsuspend(repo string) error {
	return d.withInstallation(repo, func(i *installation, by actor) {
		i.suspendedAt, i.suspendedBy = time.Time{}, nil
		d.emitInstallation(i, by, "unsuspend")
	})
}

// Grant changes the permissions of the installation on a repository's owner, as its owner can on GitHub.
func (d *Double) Grant(repo string, permissions map[string]string) error {
	return d.withInstallation(repo, func(i *installation, by actor) {
		i.granted = maps.Clone(permissions)
		i.granted["metadata"] = "read"
		d.emitInstallation(i, by, "new_permissions_accepted")
	})
}

func (d *Double) withInstallation(repo string, change func(*installation, actor)) error {
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.install == nil {
		return errNotFound()
	}
	change(r.install, actor{account: r.owner})
	d.feed.changed()
	return nil
}
