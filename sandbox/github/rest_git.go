package github

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (d *Double) gitRoutes() []route {
	return []route{
		{operation: "POST /repos/{owner}/{repo}/git/blobs", needs: needs(contentsWrite), handle: d.createBlob},
		{operation: "GET /repos/{owner}/{repo}/git/blobs/{file_sha}", needs: needs(contentsRead), handle: d.getBlob},
		{operation: "POST /repos/{owner}/{repo}/git/trees", needs: needs(contentsWrite), handle: d.createTree},
		{operation: "GET /repos/{owner}/{repo}/git/trees/{tree_sha...}", needs: needs(contentsRead), handle: d.getTree},
		{operation: "POST /repos/{owner}/{repo}/git/commits", needs: needs(contentsWrite), handle: d.createGitCommit},
		{operation: "GET /repos/{owner}/{repo}/git/commits/{commit_sha}", needs: needs(contentsRead), handle: d.getGitCommit},
	}
}

// errEmptyRepo is what the git database API answers before the first commit.
func errEmptyRepo() error {
	return &Error{Status: http.StatusConflict, Message: "Git Repository is empty."}
}

// notEmpty refuses calls to repositories without commits.
func (c *call) notEmpty() error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if len(c.repo.refs) == 0 {
		return errEmptyRepo()
	}
	return nil
}

func (d *Double) createBlob(c *call) (answer, error) {
	var in struct{ Content, Encoding string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	data := []byte(in.Content)
	if in.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", "")); err != nil {
			return answer{}, errUnprocessable("content is not valid Base64")
		}
	}
	out, err := c.repo.git.do(gitCall{args: []string{"hash-object", "-w", "--stdin"}, stdin: bytes.NewReader(data)})
	if err != nil {
		return answer{}, err
	}
	sha := strings.TrimSpace(string(out))
	d.mu.Lock()
	defer d.mu.Unlock()
	return created(object{"sha": sha, "url": d.api("/repos/%s/git/blobs/%s", c.repo.fullName(), sha)})
}

func (d *Double) getBlob(c *call) (answer, error) {
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	if !validSHA(c.values["file_sha"]) {
		return answer{}, errUnprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	obj, err := c.repo.git.object(c.values["file_sha"])
	if err != nil || obj.kind != "blob" {
		return answer{}, errNotFound()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(object{
		"sha": obj.sha, "node_id": "B_" + obj.sha, "size": len(obj.data), "url": d.api("/repos/%s/git/blobs/%s", c.repo.fullName(), obj.sha),
		"encoding": "base64", "content": base64Lines(obj.data),
	})
}

// treeInput is the body of creating a tree. An entry with sha null deletes.
type treeInput struct {
	BaseTree string `json:"base_tree"`
	Tree     []struct {
		Path, Mode, Type string
		SHA              *string
		Content          *string
	}
}

func (d *Double) createTree(c *call) (answer, error) {
	var in treeInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	if len(in.Tree) == 0 {
		return answer{}, errUnprocessable("Invalid tree info")
	}
	sha, err := c.repo.git.writeTree(in)
	if err != nil {
		return answer{}, err
	}
	body, err := d.treeJSON(c.repo, sha, false)
	return answer{status: http.StatusCreated, body: body}, err
}

// writeTree makes a tree object in a throw-away index.
func (g *gitRepo) writeTree(in treeInput) (string, error) {
	var index bytes.Buffer
	for _, e := range in.Tree {
		name := e.Path
		if name == "" || strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\x00\n") || strings.Contains("/"+name+"/", "/../") || strings.Contains("/"+name+"/", "/.git/") {
			return "", errUnprocessable("tree.path contains a malformed path component")
		}
		sha, err := g.entrySHA(in.BaseTree, name, e.SHA, e.Content)
		if err != nil {
			return "", err
		}
		mode := e.Mode
		if sha == zeroSHA {
			mode = "0"
		}
		if e.Mode == "040000" && sha != zeroSHA {
			return "", errUnprocessable("tree.sha: whole trees are not supported by this double; list their files")
		}
		fmt.Fprintf(&index, "%s %s\t%s\n", mode, sha, name)
	}
	dir, err := os.MkdirTemp("", "index-")
	if err != nil {
		return "", fmt.Errorf("creating a temporary index: %w", err)
	}
	defer os.RemoveAll(dir)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if in.BaseTree != "" {
		if _, err := g.do(gitCall{args: []string{"read-tree", in.BaseTree}, env: env}); err != nil {
			return "", err
		}
	}
	if _, err := g.do(gitCall{args: []string{"update-index", "--index-info"}, stdin: &index, env: env}); err != nil {
		return "", errUnprocessable("tree.mode must be one of 100644, 100755, 040000, 160000, 120000")
	}
	out, err := g.do(gitCall{args: []string{"write-tree"}, env: env})
	return strings.TrimSpace(string(out)), err
}

// entrySHA gives the object of one new entry; the zero SHA deletes what must be there.
func (g *gitRepo) entrySHA(base, name string, sha, content *string) (string, error) {
	if base != "" && !validSHA(base) {
		return "", errUnprocessable("base_tree is not a valid oid")
	}
	switch {
	case content != nil:
		out, err := g.do(gitCall{args: []string{"hash-object", "-w", "--stdin"}, stdin: strings.NewReader(*content)})
		return strings.TrimSpace(string(out)), err
	case sha == nil:
		if _, err := g.object(base + ":" + name); err != nil {
			return "", errUnprocessable("GitRPC::BadObjectState")
		}
		return zeroSHA, nil
	case !validSHA(*sha):
		return "", errUnprocessable("tree.sha %s is not a valid blob", *sha)
	}
	if _, err := g.object(*sha); err != nil {
		return "", errUnprocessable("tree.sha %s is not a valid blob", *sha)
	}
	return *sha, nil
}

func (d *Double) getTree(c *call) (answer, error) {
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	name := c.values["tree_sha"]
	if !validSHA(name) {
		sha, err := d.resolve(c.repo, name)
		if err != nil {
			return answer{}, errNotFound()
		}
		name = sha
	}
	obj, err := c.repo.git.object(name + "^{tree}")
	if err != nil {
		return answer{}, errNotFound()
	}
	body, err := d.treeJSON(c.repo, obj.sha, c.query("recursive") != "")
	return answer{status: http.StatusOK, body: body}, err
}

// maxTreeEntries is where GitHub truncates a recursive tree.
const maxTreeEntries = 100000

func (d *Double) treeJSON(r *repository, sha string, recursive bool) (object, error) {
	args := []string{"ls-tree", "-z", "-l", sha}
	if recursive {
		args = []string{"ls-tree", "-z", "-l", "-r", "-t", sha}
	}
	out, err := r.git.do(gitCall{args: args})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, truncated := []object{}, false
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		if len(entries) == maxTreeEntries {
			truncated = true
			break
		}
		meta, path, _ := strings.Cut(line, "\t")
		f := strings.Fields(meta) // mode, kind, sha, size or "-"
		e := object{"path": path, "mode": f[0], "type": f[1], "sha": f[2]}
		if f[1] != "commit" {
			e["url"] = d.api("/repos/%s/git/%ss/%s", r.fullName(), f[1], f[2])
		}
		if size := atoi(f[3]); f[1] == "blob" {
			e["size"] = size
		}
		entries = append(entries, e)
	}
	return object{"sha": sha, "url": d.api("/repos/%s/git/trees/%s", r.fullName(), sha), "tree": entries, "truncated": truncated}, nil
}

func (d *Double) createGitCommit(c *call) (answer, error) {
	type person struct {
		Name, Email string
		Date        *time.Time
	}
	var in struct {
		Message, Tree     string
		Parents           []string
		Author, Committer *person
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	if obj, err := c.repo.git.object(in.Tree); err != nil || obj.kind != "tree" || !validSHA(in.Tree) {
		return answer{}, errUnprocessable("Tree SHA does not exist")
	}
	args := []string{"commit-tree", in.Tree, "-F", "-"}
	for _, p := range in.Parents {
		if _, err := c.repo.git.commit(p); err != nil {
			return answer{}, errUnprocessable("Parent SHA does not exist or is not a commit object")
		}
		args = append(args, "-p", p)
	}
	author := personSignature(c.by.account.login, d.now())
	fill := func(s signature, p *person) signature {
		if p == nil {
			return s
		}
		s.name, s.email = p.Name, p.Email
		if p.Date != nil {
			s.when = *p.Date
		}
		return s
	}
	author = fill(author, in.Author)
	env := append(authorEnv(author), signatureEnv(fill(author, in.Committer))[3:]...)
	out, err := c.repo.git.do(gitCall{args: args, env: env, stdin: strings.NewReader(in.Message)})
	if err != nil {
		return answer{}, err
	}
	x, err := c.repo.git.commit(strings.TrimSpace(string(out)))
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return created(d.gitCommitJSON(c.repo, x))
}

func (d *Double) getGitCommit(c *call) (answer, error) {
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	x, err := c.repo.git.commit(c.values["commit_sha"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return ok(d.gitCommitJSON(c.repo, x))
}
