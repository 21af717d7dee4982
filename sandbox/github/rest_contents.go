package github

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"
)

func (d *Double) contentRoutes() []route {
	const one = "/repos/{owner}/{repo}/contents/{path...}"
	return []route{
		{operation: "GET " + one, needs: needs(contentsRead), handle: d.getContents},
	}
}

const (
	maxInlineFile = 1 << 20   // bytes: larger files come with encoding "none"
	maxFile       = 100 << 20 // bytes: larger files are refused
)

// getContents answers with a file, a directory, a symbolic link or a submodule.
func (d *Double) getContents(c *call) (answer, error) {
	ref := c.query("ref")
	if ref == "" {
		ref = c.repo.defaultBranch
	}
	sha, err := d.resolve(c.repo, ref)
	if err != nil {
		return answer{}, &Error{Status: http.StatusNotFound, Message: "No commit found for the ref " + ref}
	}
	name := strings.Trim(c.values["path"], "/")
	entry, err := c.repo.git.lookup(sha, name)
	if err != nil {
		return answer{}, err
	}
	if entry.kind == "commit" {
		d.mu.Lock()
		defer d.mu.Unlock()
		return ok(with(d.contentJSON(c.repo, ref, name, entry, 0), object{"submodule_git_url": nil}))
	}
	obj, err := c.repo.git.object(entry.sha)
	if err != nil {
		return answer{}, err
	}
	if obj.kind == "tree" {
		return d.directory(c, ref, name, obj)
	}
	accept := c.r.Header.Get("Accept")
	if strings.Contains(accept, ".raw") {
		return answer{status: http.StatusOK, plain: obj.data, header: map[string]string{"Content-Type": "application/vnd.github.raw; charset=utf-8"}}, nil
	}
	return d.file(c, ref, name, entry, obj)
}

func (d *Double) file(c *call, ref, name string, entry treeEntry, obj gitObject) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.contentJSON(c.repo, ref, name, entry, len(obj.data))
	switch {
	case len(obj.data) > maxFile:
		return answer{}, errForbidden("This API returns blobs up to 100 MB in size.")
	case entry.mode == "120000":
		o["target"] = string(obj.data)
	case len(obj.data) > maxInlineFile:
		o["encoding"], o["content"] = "none", ""
	default:
		o["encoding"], o["content"] = "base64", base64Lines(obj.data)
	}
	return ok(o)
}

func (d *Double) directory(c *call, ref, name string, obj gitObject) (answer, error) {
	entries := parseTree(obj.data)
	sizes := make([]int, len(entries))
	for i, e := range entries {
		if e.kind == "blob" {
			b, err := c.repo.git.object(e.sha)
			if err != nil {
				return answer{}, err
			}
			sizes[i] = len(b.data)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []object{}
	for i, e := range entries {
		list = append(list, d.contentJSON(c.repo, ref, path.Join(name, e.path), e, sizes[i]))
	}
	return ok(list)
}

// lookup finds the entry of a path in a commit.
func (g *gitRepo) lookup(sha, name string) (treeEntry, error) {
	c, err := g.commit(sha)
	if err != nil {
		return treeEntry{}, err
	}
	at := treeEntry{mode: "040000", kind: "tree", sha: c.tree}
	if name == "" {
		return at, nil
	}
	for _, part := range strings.Split(name, "/") {
		tree, err := g.object(at.sha)
		if err != nil {
			return treeEntry{}, err
		}
		if at.kind != "tree" {
			return treeEntry{}, errNoObject
		}
		found := false
		for _, e := range parseTree(tree.data) {
			if e.path == part {
				at, found = e, true
			}
		}
		if !found {
			return treeEntry{}, errNoObject
		}
	}
	return at, nil
}

// contentJSON renders an entry without its content. Callers hold d.mu.
func (d *Double) contentJSON(r *repository, ref, name string, e treeEntry, size int) object {
	kind, area := "file", "blob"
	switch {
	case e.kind == "tree":
		kind, area = "dir", "tree"
	case e.kind == "commit":
		kind = "submodule"
	case e.mode == "120000":
		kind = "symlink"
	}
	repo, escaped := r.fullName(), escapePath(name)
	self := d.api("/repos/%s/contents/%s?ref=%s", repo, escaped, ref)
	git, web := d.api("/repos/%s/git/%ss/%s", repo, area, e.sha), d.web("/%s/%s/%s/%s", repo, area, ref, escaped)
	var download any
	if kind == "file" || kind == "symlink" {
		download = d.web("/%s/raw/%s/%s", repo, ref, escaped)
	}
	return object{
		"type": kind, "size": size, "name": path.Base(name), "path": name, "sha": e.sha, "url": self, "git_url": git, "html_url": web,
		"download_url": download, "_links": object{"self": self, "git": git, "html": web},
	}
}

// base64Lines encodes as GitHub does: lines of 60 characters.
func base64Lines(data []byte) string {
	all := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(all) > 60 {
		b.WriteString(all[:60] + "\n")
		all = all[60:]
	}
	return b.String() + all + "\n"
}
