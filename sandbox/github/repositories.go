package github

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

type repository struct {
	id            int64
	owner         *account
	name          string // guarded by Double.mu; see RenameRepository
	private       bool
	defaultBranch string
	parent        *repository // of a fork
	created       time.Time
	pushed        time.Time
	install       *installation
	deleted       bool // pull requests from it outlive a fork
	git           *gitRepo
	json          []byte // the part that rarely changes, rendered once; nil: not yet

	roles       map[string]string // lower-case login to role
	refs        map[string]string // ref to SHA as git has them, refs/pull excepted
	lastNumber  int               // of issues and pull requests
	pulls       map[int]*pull
	comments    map[int64]*comment
	checks      map[int64]*checkRun
	suites      map[int64]*checkSuite
	deployments []*deployment
	activities  []activity          // oldest first
	known       map[string]bool     // commits that were pushed before
	rules       map[string][]object // active branch rules by branch
}

func (r *repository) fullName() string { return r.owner.login + "/" + r.name }

// branch gives the tip of a branch, or "". Callers hold d.mu.
func (r *repository) branch(name string) string { return r.refs["refs/heads/"+name] }

var (
	repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	roles             = []string{"none", "read", "triage", "write", "maintain", "admin"}
)

func validRepository(name string) bool {
	return repositoryPattern.MatchString(name) && name != "." && name != ".." && !strings.HasSuffix(name, ".git")
}

// AddRepository creates an empty private repository; its owner must exist. Nobody but the owner has a role yet.
func (d *Double) AddRepository(owner, name, defaultBranch string) error {
	if !validRepository(name) {
		return fmt.Errorf("adding repository %q: not a GitHub repository name", name)
	}
	if !validRef("refs/heads/" + defaultBranch) {
		return fmt.Errorf("adding repository %q: %q is not a branch name", name, defaultBranch)
	}
	d.mu.Lock()
	a := d.account(owner)
	d.mu.Unlock()
	if a == nil {
		return fmt.Errorf("adding repository %s/%s: add its owner first", owner, name)
	}
	_, err := d.newRepository(a, name, defaultBranch)
	return err
}

// newRepository creates a repository on disk and makes it known.
func (d *Double) newRepository(owner *account, name, defaultBranch string) (*repository, error) {
	r := &repository{
		owner: owner, name: name, private: true, defaultBranch: defaultBranch, created: d.now(), pushed: d.now(),
		git:   &gitRepo{ctx: d.ctx, dir: filepath.Join(d.dir, owner.login, name+".git")},
		roles: map[string]string{}, refs: map[string]string{}, pulls: map[int]*pull{}, comments: map[int64]*comment{},
		checks: map[int64]*checkRun{}, suites: map[int64]*checkSuite{},
		rules: map[string][]object{}, known: map[string]bool{},
	}
	if err := r.git.initialize(defaultBranch); err != nil { // once more for one that exists does no harm
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.repo(r.fullName()) != nil {
		return nil, fmt.Errorf("adding repository %s: it exists", r.fullName())
	}
	r.id = d.id()
	d.repos[strings.ToLower(r.fullName())] = r
	return r, nil
}

// repo finds a repository by "owner/name"; nil if unknown. Callers hold d.mu.
func (d *Double) repo(fullName string) *repository { return d.repos[strings.ToLower(fullName)] }

// findRepo is repo for callers that do not hold d.mu and want GitHub's error.
func (d *Double) findRepo(fullName string) (*repository, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.repo(fullName); r != nil {
		return r, nil
	}
	return nil, errNotFound()
}

// SetPermission gives a user, created if needed, a role: none, read, triage, write, maintain or admin.
func (d *Double) SetPermission(repo, login, role string) error {
	if !slices.Contains(roles, role) {
		return fmt.Errorf("setting the role of %s on %s: unknown role %q", login, repo, role)
	}
	if err := d.AddUser(login, kindUser); err != nil {
		return err
	}
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.roles[strings.ToLower(login)] = role
	d.feed.changed()
	return nil
}

// SetPublic makes a repository public (everybody has the role read) or private again.
func (d *Double) SetPublic(repo string, public bool) error {
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.private, r.json = !public, nil
	return nil
}

// role gives what a login may do: its explicit role, admin for the owner, read for all on public repositories.
func (r *repository) role(login string) string {
	role, explicit := r.roles[strings.ToLower(login)]
	switch {
	case strings.EqualFold(login, r.owner.login):
		return "admin"
	case explicit && (role != "none" || r.private):
		return role
	case !r.private:
		return "read"
	}
	return "none"
}

// may reports whether a login has at least that role.
func (r *repository) may(login, atLeast string) bool {
	return slices.Index(roles, r.role(login)) >= slices.Index(roles, atLeast)
}

// association is GitHub's author_association: descriptive, not a permission.
func (r *repository) association(login string) string {
	_, collaborator := r.roles[strings.ToLower(login)]
	switch {
	case strings.EqualFold(login, r.owner.login):
		return "OWNER"
	case r.owner.isMember(login):
		return "MEMBER"
	case collaborator:
		return "COLLABORATOR"
	}
	for _, p := range r.pulls {
		if p.merged && strings.EqualFold(p.author.login, login) {
			return "CONTRIBUTOR"
		}
	}
	return "NONE"
}

// SetBranchRules replaces the active rules of a branch, as objects of GitHub's get-branch-rules answer: "type", "parameters".
func (d *Double) SetBranchRules(repo, branch string, rules ...map[string]any) error {
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.rules[branch] = rules
	return nil
}

// DeleteRepository removes a repository. Pull requests from a deleted fork stay open, their head has no repository then.
func (d *Double) DeleteRepository(repo string) error {
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.repos, strings.ToLower(r.fullName()))
	r.deleted, r.refs = true, map[string]string{}
	if i := r.install; i != nil {
		i.repos = slices.DeleteFunc(slices.Clone(i.repos), func(x *repository) bool { return x == r })
		d.emitInstallationRepositories(i, actor{account: r.owner}, "removed", r)
		r.install = nil
	}
	r.git.close()
	if err := os.RemoveAll(r.git.dir); err != nil {
		return fmt.Errorf("deleting repository %s: %w", repo, err)
	}
	d.feed.changed()
	return nil
}
