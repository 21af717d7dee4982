package github

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
)

func (d *Double) contentRoutes() []route {
	const one = "/repos/{owner}/{repo}/contents/{path...}"
	return []route{
		{operation: "GET " + one, needs: needs(contentsRead), handle: d.getContents},
		{operation: "PUT " + one, needs: needs(contentsWrite), handle: d.putContents},
		{operation: "DELETE " + one, needs: needs(contentsWrite), handle: d.deleteContents},
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

// contentInput is the body of writing or deleting one file.
type contentInput struct {
	Message, Content, SHA, Branch string
}

func (d *Double) putContents(c *call) (answer, error) {
	return d.writeContents(c, func(in contentInput) (string, error) {
		data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", ""))
		if err != nil {
			return "", errUnprocessable("content is not valid Base64")
		}
		return string(data), nil
	})
}

func (d *Double) deleteContents(c *call) (answer, error) {
	return d.writeContents(c, func(contentInput) (string, error) { return Deleted, nil })
}

// writeContents commits one file. sha must name the blob that it replaces.
func (d *Double) writeContents(c *call, content func(contentInput) (string, error)) (answer, error) {
	var in contentInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.Message == "" {
		return answer{}, errUnprocessable("Invalid request.\n\n\"message\" wasn't supplied.")
	}
	if in.Branch == "" {
		in.Branch = c.repo.defaultBranch
	}
	data, err := content(in)
	if err != nil {
		return answer{}, err
	}
	name := strings.Trim(c.values["path"], "/")
	existed, err := d.checkReplaced(c, in, name)
	if err != nil {
		return answer{}, err
	}
	if !existed && data == Deleted {
		return answer{}, errNotFound()
	}
	sha, err := d.commitTo(c.repo, c.by.account.login, newCommit{branch: in.Branch, message: in.Message, files: Files{name: data}}, false)
	if err != nil {
		return answer{}, err
	}
	return d.writtenContents(c, in.Branch, sha, name, existed)
}

// checkReplaced compares the blob that the caller means to replace with the one that is there.
func (d *Double) checkReplaced(c *call, in contentInput, name string) (existed bool, err error) {
	d.mu.Lock()
	tip := c.repo.branch(in.Branch)
	empty := len(c.repo.refs) == 0
	d.mu.Unlock()
	if tip == "" && !empty {
		return false, &Error{Status: http.StatusNotFound, Message: "Branch " + in.Branch + " not found"}
	}
	if tip == "" {
		return false, nil
	}
	entry, err := c.repo.git.lookup(tip, name)
	switch {
	case errors.Is(err, errNoObject):
		return false, nil
	case err != nil:
		return false, err
	case in.SHA == "":
		return true, errUnprocessable("Invalid request.\n\n\"sha\" wasn't supplied.")
	case in.SHA != entry.sha:
		return true, &Error{Status: http.StatusConflict, Message: fmt.Sprintf("%s does not match %s", name, in.SHA)}
	}
	return true, nil
}

func (d *Double) writtenContents(c *call, branch, sha, name string, existed bool) (answer, error) {
	x, err := c.repo.git.commit(sha)
	if err != nil {
		return answer{}, err
	}
	entry, err := c.repo.git.lookup(sha, name)
	gone := errors.Is(err, errNoObject)
	if err != nil && !gone {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	body := object{"content": nil, "commit": d.gitCommitJSON(c.repo, x)}
	if !gone {
		body["content"] = d.contentJSON(c.repo, branch, name, entry, 0)
	}
	if existed {
		return ok(body)
	}
	return created(body)
}
