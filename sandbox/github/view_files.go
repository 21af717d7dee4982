package github

import (
	"slices"
	"strings"
)

// Repositories lists all repositories as "owner/name", sorted.
func (d *Double) Repositories() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, key := range sortedKeys(d.repos) {
		all = append(all, d.repos[key].fullName())
	}
	return all
}

// ListFiles lists the files of a branch, tag or commit by their paths, sorted as git does; submodules are left out.
func (d *Double) ListFiles(repo, ref string) ([]string, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return nil, err
	}
	sha, err := d.resolve(r, ref)
	if err != nil {
		return nil, err
	}
	paths, err := r.git.listings.get(sha, func() ([]string, error) {
		out, err := r.git.do(gitCall{args: []string{"ls-tree", "-r", "-z", sha}})
		if err != nil {
			return nil, err
		}
		var paths []string
		for _, line := range strings.Split(string(out), "\x00") {
			meta, path, found := strings.Cut(line, "\t")
			if found && !strings.Contains(meta, " commit ") {
				paths = append(paths, path)
			}
		}
		return paths, nil
	})
	return slices.Clone(paths), err
}

// ReadFile gives the content of one file of a branch, tag or commit; of a symbolic link, its target.
func (d *Double) ReadFile(repo, ref, path string) ([]byte, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return nil, err
	}
	sha, err := d.resolve(r, ref)
	if err != nil {
		return nil, err
	}
	entry, err := r.git.lookup(sha, path)
	if err != nil || entry.kind != "blob" {
		return nil, errNotFound()
	}
	obj, err := r.git.object(entry.sha)
	return obj.data, err
}
