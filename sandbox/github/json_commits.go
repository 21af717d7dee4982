package github

import (
	"net/url"
	"strings"
)

// commitJSON renders a commit of the repositories API. Callers hold d.mu.
func (d *Double) commitJSON(r *repository, c *commit) object {
	repo := r.fullName()
	u, web := d.api("/repos/%s/commits/%s", repo, c.sha), d.web("/%s/commit/%s", repo, c.sha)
	parents := []object{}
	for _, p := range c.parents {
		parents = append(parents, object{"sha": p, "url": d.api("/repos/%s/commits/%s", repo, p), "html_url": d.web("/%s/commit/%s", repo, p)})
	}
	return object{
		"sha": c.sha, "node_id": "C_" + c.sha, "url": u, "html_url": web, "comments_url": u + "/comments", "parents": parents,
		"author": d.userJSON(d.accountOf(c.author)), "committer": d.userJSON(d.accountOf(c.committer)),
		"commit": object{
			"url": d.api("/repos/%s/git/commits/%s", repo, c.sha), "author": signatureJSON(c.author), "committer": signatureJSON(c.committer),
			"message": c.message, "comment_count": 0, "tree": object{"sha": c.tree, "url": d.api("/repos/%s/git/trees/%s", repo, c.tree)},
			"verification": unverified(),
		},
	}
}

func signatureJSON(s signature) object {
	return object{"name": s.name, "email": s.email, "date": stamp(s.when)}
}

func unverified() object {
	return object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
}

// gitCommitJSON renders a commit of the git database API. Callers hold d.mu.
func (d *Double) gitCommitJSON(r *repository, c *commit) object {
	repo := r.fullName()
	parents := []object{}
	for _, p := range c.parents {
		parents = append(parents, object{"sha": p, "url": d.api("/repos/%s/git/commits/%s", repo, p), "html_url": d.web("/%s/commit/%s", repo, p)})
	}
	return object{
		"sha": c.sha, "node_id": "C_" + c.sha, "url": d.api("/repos/%s/git/commits/%s", repo, c.sha),
		"html_url": d.web("/%s/commit/%s", repo, c.sha), "author": signatureJSON(c.author), "committer": signatureJSON(c.committer),
		"message": c.message, "tree": object{"sha": c.tree, "url": d.api("/repos/%s/git/trees/%s", repo, c.tree)}, "parents": parents,
		"verification": unverified(),
	}
}

// numberedFile is a changed file with its patch.
type numberedFile struct {
	changedFile
	patch string
}

func numberedFiles(files []changedFile, patches []string, limit int) []numberedFile {
	out := make([]numberedFile, 0, min(len(files), limit))
	for i, f := range files[:min(len(files), limit)] {
		x := numberedFile{changedFile: f}
		if i < len(patches) {
			x.patch = patches[i]
		}
		out = append(out, x)
	}
	return out
}

// fileJSON renders one changed file at a commit. Callers hold d.mu.
func (d *Double) fileJSON(r *repository, at string, f numberedFile) object {
	repo, path := r.fullName(), escapePath(f.path)
	o := object{
		"sha": f.sha, "filename": f.path, "status": f.status, "additions": f.additions, "deletions": f.deletions,
		"changes": f.additions + f.deletions, "blob_url": d.web("/%s/blob/%s/%s", repo, at, path),
		"raw_url": d.web("/%s/raw/%s/%s", repo, at, path), "contents_url": d.api("/repos/%s/contents/%s?ref=%s", repo, path, at),
	}
	if f.submodule {
		o["sha"], o["blob_url"], o["raw_url"] = nil, nil, nil
	}
	if f.patch != "" {
		o["patch"] = f.patch
	}
	if f.oldPath != "" {
		o["previous_filename"] = f.oldPath
	}
	return o
}

// escapePath escapes each segment of a path for a URL.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
