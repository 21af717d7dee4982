package config

import (
	"path"
	"slices"
	"strings"
)

// Repository is one that the server works for, or with owner/* all of an owner.
// In the file it is its name, or a mapping.
type Repository struct {
	Name string `yaml:"name"`
	// Branches may be the base of its pull requests; empty: as for all.
	Branches []string `yaml:"branches"`
	// Source is what its jobs get: SourceCommit, also where it is empty, or SourceReach.
	Source string `yaml:"source"`
	// LFS has the content of its large files (Git LFS) fetched.
	LFS bool `yaml:"lfs"`
	// Submodules are the repositories, owner/name or owner/*, that are fetched as submodules
	// of its commits. Anyone who may push to it can read those.
	Submodules []string `yaml:"submodules"`
}

// Short is where a name alone goes: an entry with nothing else.
func (r *Repository) Short() *string { return &r.Name }

// What Repository.Source may be.
const (
	SourceCommit = "commit" // the whole commit
	SourceReach  = "reach"  // the directories and files that the project reaches
)

// ReachOf reports whether the jobs of a repository get only what their project
// reaches. The entry of the repository wins over the one of its owner.
func (c Config) ReachOf(repository string) bool {
	e := c.entry(repository)
	return e != nil && e.Source == SourceReach
}

// BranchesOf are the branches that may be the base of a repository's pull
// requests, names or patterns of path.Match; none means its default branch. The
// entry of the repository wins over the one of its owner, and that over what is
// set for all.
func (c Config) BranchesOf(repository string) []string {
	if e := c.entry(repository); e != nil && len(e.Branches) > 0 {
		return e.Branches
	}
	return c.Branches
}

// LFSOf reports whether the content of a repository's large files is fetched.
func (c Config) LFSOf(repository string) bool {
	e := c.entry(repository)
	return e != nil && e.LFS
}

// SubmoduleOf reports whether another repository is fetched as a submodule of a repository.
func (c Config) SubmoduleOf(repository, submodule string) bool {
	e := c.entry(repository)
	owner, _, whole := strings.Cut(submodule, "/")
	return e != nil && whole && slices.ContainsFunc(e.Submodules, func(name string) bool {
		return strings.EqualFold(name, submodule) || strings.EqualFold(name, owner+"/*")
	})
}

// RepositoryNames are those of the entries: owner/name or owner/*.
func (c Config) RepositoryNames() []string {
	var out []string
	for _, r := range c.Repositories {
		out = append(out, r.Name)
	}
	return out
}

// entry is the closest one; nil when there is none. GitHub compares names
// without regard to case.
func (c Config) entry(repository string) *Repository {
	owner, _, _ := strings.Cut(repository, "/")
	for _, name := range []string{repository, owner + "/*"} {
		i := slices.IndexFunc(c.Repositories, func(r Repository) bool { return strings.EqualFold(r.Name, name) })
		if i >= 0 {
			return &c.Repositories[i]
		}
	}
	return nil
}

var isRepository = atMost(140, `^[A-Za-z0-9][A-Za-z0-9-]*/(?:\*|[A-Za-z0-9._-]+)$`)

func (v *validator) repositories(c *Config) {
	v.branches("branches", c.Branches)
	for i, address := range c.ToolAddresses {
		v.check(isToolAddress(address), indexed("tool_addresses", i), "must be an e-mail address, or *@ and a domain")
	}
	for i, login := range c.TrustedPushers {
		v.check(isApp(login), indexed("trusted_pushers", i), "must be the account of an App, such as renovate[bot]")
		v.check(!strings.EqualFold(login, actions), indexed("trusted_pushers", i), "pushes whatever a workflow of the repository tells it to; remove it")
	}
	seen := map[string]bool{}
	for i, r := range c.Repositories {
		at := indexed("repositories", i)
		named := at
		if _, mapping := v.Lines[at+".name"]; mapping {
			named += ".name"
		}
		v.check(isRepository(r.Name), named, "must be owner/name or owner/*")
		v.check(!seen[strings.ToLower(r.Name)] || r.Name == "", named, "stands there twice; keep one entry")
		seen[strings.ToLower(r.Name)] = true
		v.branches(at+".branches", r.Branches)
		v.check(r.Source == "" || r.Source == SourceCommit || r.Source == SourceReach, at+".source", "must be commit or reach")
		for j, name := range r.Submodules {
			v.check(isRepository(name), indexed(at+".submodules", j), "must be owner/name or owner/*")
		}
	}
}

var isToolAddress = atMost(254, `^(?:\*|[^\s@*<>]+)@[A-Za-z0-9][A-Za-z0-9.-]*$`)

// IsTool reports whether a commit's address is no person's.
func (c Config) IsTool(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return slices.ContainsFunc(c.ToolAddresses, func(a string) bool {
		return strings.EqualFold(a, email) || strings.EqualFold(a, "*@"+domain) && strings.Count(email, "@") == 1
	})
}

var isApp = atMost(100, `^[A-Za-z0-9][A-Za-z0-9_-]*\[bot\]$`)

// actions is the account of every workflow's GITHUB_TOKEN.
const actions = "github-actions[bot]"

// TrustedPusher reports whether an App's account pushes by itself alone.
func (c Config) TrustedPusher(login string) bool {
	return slices.ContainsFunc(c.TrustedPushers, func(l string) bool { return strings.EqualFold(l, login) })
}

// branches checks names and patterns. An empty list could be read as none and
// as all, so it is refused; so is what no branch can match, which would look
// like protection and be none.
func (v *validator) branches(key string, names []string) {
	_, given := v.Lines[key]
	v.check(!given || len(names) > 0, key, "names no branch; name one, or remove it")
	for i, name := range names {
		at := indexed(key, i)
		v.check(!strings.HasPrefix(name, "refs/"), at, "must be the name of a branch without refs/heads/, such as main")
		v.check(strings.HasPrefix(name, "refs/") || isBranch(name), at, "must be a branch such as main, or a pattern such as release/*, whose * stands for anything but a slash")
	}
}

// isBranch accepts patterns of path.Match that a branch can have
// (git-check-ref-format(1)). ** promises more than * does there.
func isBranch(name string) bool {
	_, err := path.Match(name, "")
	return err == nil && name != "" && len(name) <= 255 && !strings.ContainsAny(name, " ~^:\\\x7f") && !strings.Contains(name, "..") &&
		!strings.Contains(name, "**") && !strings.Contains(name, "//") && !strings.HasPrefix(name, "/") && !strings.HasSuffix(name, "/") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' })
}
