package github

import (
	"maps"
	"strings"
)

// Fork copies a repository to the person's account and gives the fork's "owner/name". It exists already: nothing changes.
func (p *Person) Fork(repo string) (string, error) {
	d := p.d
	if err := p.on(repo, "read", func(*repository, actor) error { return nil }); err != nil {
		return "", err
	}
	parent, err := d.findRepo(repo)
	if err != nil {
		return "", err
	}
	parent.git.writing.Lock() // the copy must see the refs that the double knows
	defer parent.git.writing.Unlock()
	d.mu.Lock()
	owner := d.account(p.login)
	existing := d.repo(owner.login + "/" + parent.name)
	name, branch, refs := parent.name, parent.defaultBranch, maps.Clone(parent.refs)
	d.mu.Unlock()
	if existing != nil {
		return owner.login + "/" + name, nil
	}
	fork, err := d.newRepository(owner, name, branch)
	if err != nil {
		return "", err
	}
	if _, err := fork.git.line("fetch", "--quiet", parent.git.dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(refs, func(ref, _ string) bool {
		return !strings.HasPrefix(ref, "refs/heads/") && !strings.HasPrefix(ref, "refs/tags/")
	})
	fork.refs, fork.parent, fork.private, fork.json = refs, parent, parent.private, nil
	d.feed.changed()
	return fork.fullName(), nil
}
