package github

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// RenameRepository gives a repository another name. REST calls to the old one are redirected to /repositories/{id}.
func (d *Double) RenameRepository(repo, name string) error {
	if !validRepository(name) {
		return fmt.Errorf("renaming repository %s: %q is not a GitHub repository name", repo, name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.repo(repo)
	if r == nil {
		return errNotFound()
	}
	if d.repo(r.owner.login+"/"+name) != nil {
		return errValidation("Repository", "custom", "name", "name already exists on this account")
	}
	// The directory stays where running git processes know it; git over HTTP finds it through a link.
	link := filepath.Join(filepath.Dir(r.git.dir), name+".git")
	if err := os.Symlink(filepath.Base(r.git.dir), link); err != nil {
		return fmt.Errorf("renaming repository %s: %w", repo, err)
	}
	d.moved[strings.ToLower(r.fullName())] = r
	delete(d.repos, strings.ToLower(r.fullName()))
	r.name, r.json = name, nil
	d.repos[strings.ToLower(r.fullName())] = r
	d.feed.changed()
	return nil
}

// redirect is the refusal for a renamed repository; nil if the name was never used. Callers hold d.mu.
func (c *call) redirect() error {
	r := c.d.moved[strings.ToLower(c.values["owner"]+"/"+c.values["repo"])]
	if r == nil || !c.sees(r) {
		return nil
	}
	rest := strings.SplitN(strings.TrimPrefix(c.r.URL.EscapedPath(), apiPrefix+"/"), "/", 4) // repos, owner, name, the rest
	location := c.d.api("/repositories/%d", r.id)
	if len(rest) == 4 {
		location += "/" + rest[3]
	}
	if c.r.URL.RawQuery != "" {
		location += "?" + c.r.URL.RawQuery
	}
	e := &Error{Status: http.StatusMovedPermanently, Message: "Moved Permanently", header: map[string]string{"Location": location}}
	if c.r.Method != http.MethodGet {
		e.Status, e.Message = http.StatusTemporaryRedirect, "Temporary Redirect"
	}
	return e
}

// byName rewrites /repositories/{id}/… to /repos/{owner}/{repo}/…, which is what it stands for.
func (d *Double) byName(r *http.Request) *http.Request {
	path, isID := strings.CutPrefix(r.URL.EscapedPath(), apiPrefix+"/repositories/")
	if !isID {
		return r
	}
	id, rest, hasRest := strings.Cut(path, "/")
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return r
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, repo := range d.repos {
		if repo.id != number {
			continue
		}
		raw := apiPrefix + "/repos/" + repo.fullName()
		if hasRest {
			raw += "/" + rest
		}
		plain, err := url.PathUnescape(raw)
		if err != nil {
			return r
		}
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = plain, raw
	}
	return r
}
