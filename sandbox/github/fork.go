package github

import (
	"maps"
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
	if existing := d.repo(owner.login + "/" + parent.name); existing != nil {
		d.mu.Unlock()
		return existing.fullName(), nil
	}
	fork, err := d.newRepository(owner, parent.name, parent.defaultBranch)
	if err != nil {
		d.mu.Unlock()
		return "", err
	}
	fork.parent, fork.private = parent, parent.private
	d.mu.Unlock()
	if _, err := fork.git.line("fetch", "--quiet", parent.git.dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fork.refs = maps.Clone(parent.refs)
	d.feed.changed()
	return fork.fullName(), nil
}
