package github

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kinds of accounts, as GitHub's "type" field spells them.
const (
	kindUser = "User"
	kindBot  = "Bot"
	kindOrg  = "Organization"
)

type account struct {
	id      int64
	login   string
	kind    string
	members []string         // logins; organizations only
	teams   map[string]*team // by slug; organizations only
	gone    bool             // deleted: what it did stays, without a user
	json    []byte           // rendered once; nil: not yet
}

type team struct {
	id      int64
	slug    string
	members []string
}

var loginPattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?$`)

// addAccount registers an account or gives the one that exists. Callers hold d.mu.
func (d *Double) addAccount(login, kind string) *account {
	if a := d.accounts[strings.ToLower(login)]; a != nil {
		return a
	}
	a := &account{id: d.id(), login: login, kind: kind, teams: map[string]*team{}}
	d.accounts[strings.ToLower(login)] = a
	return a
}

// account finds an account by login, case-insensitively as GitHub does; nil if unknown. Callers hold d.mu.
func (d *Double) account(login string) *account { return d.accounts[strings.ToLower(login)] }

// AddUser creates a user; kind is "User" or "Bot". Adding an existing login changes nothing.
func (d *Double) AddUser(login, kind string) error {
	if !loginPattern.MatchString(login) {
		return fmt.Errorf("adding user %q: not a GitHub login", login)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addAccount(login, kind)
	return nil
}

// AddOrg creates an organization with members, creating users that do not exist.
func (d *Double) AddOrg(login string, members ...string) error {
	if err := d.AddUser(login, kindOrg); err != nil {
		return err
	}
	for _, m := range members {
		if err := d.AddUser(m, kindUser); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	org := d.account(login)
	for _, m := range members {
		org.join(m)
	}
	return nil
}

// AddTeam creates a team of an organization, or replaces its members; they become members of the organization.
func (d *Double) AddTeam(org, slug string, members ...string) error {
	if err := d.AddOrg(org, members...); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.account(org)
	t := o.teams[slug]
	if t == nil {
		t = &team{id: d.id(), slug: slug}
		o.teams[slug] = t
	}
	t.members = slices.Clone(members)
	return nil
}

// DeleteUser deletes a person's account. Reviews and comments stay and have no user
// then, and the user ghost has opened the pull requests.
func (d *Double) DeleteUser(login string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account(login)
	if a == nil || a.kind == kindOrg {
		return fmt.Errorf("deleting user %q: there is none", login)
	}
	isThis := func(other string) bool { return strings.EqualFold(other, login) }
	for _, org := range d.accounts {
		org.members = slices.DeleteFunc(slices.Clone(org.members), isThis)
		for _, t := range org.teams {
			t.members = slices.DeleteFunc(slices.Clone(t.members), isThis)
		}
	}
	for _, r := range d.repos {
		delete(r.roles, strings.ToLower(login))
	}
	for value, t := range d.tokens {
		if t.person == a {
			delete(d.tokens, value)
		}
	}
	a.gone, a.json = true, nil
	delete(d.accounts, strings.ToLower(login))
	d.feed.changed()
	return nil
}

func (a *account) join(login string) {
	if !a.isMember(login) {
		a.members = append(a.members, login)
	}
}

func (a *account) isMember(login string) bool { return containsFold(a.members, login) }

func (t *team) isMember(login string) bool { return containsFold(t.members, login) }

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
