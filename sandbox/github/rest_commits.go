package github

import (
	"errors"
	"net/http"
	"strings"
)

func (d *Double) commitRoutes() []route {
	return []route{
		{operation: "GET /repos/{owner}/{repo}/commits", needs: needs(contentsRead), handle: d.listCommits},
		{operation: "GET /repos/{owner}/{repo}/commits/{ref...}", needs: needs(contentsRead), handle: d.getCommit},
		{operation: "GET /repos/{owner}/{repo}/compare/{basehead...}", needs: needs(contentsRead), handle: d.compareCommits},
	}
}

// resolve gives the commit of a branch, a tag, a full or short SHA, "heads/x" or "refs/pull/1/head".
func (d *Double) resolve(r *repository, ref string) (string, error) {
	d.mu.Lock()
	empty := len(r.refs) == 0
	candidates := []string{r.refs["refs/heads/"+ref], r.refs["refs/tags/"+ref], r.refs["refs/"+ref], r.refs[ref]}
	d.mu.Unlock()
	if empty {
		return "", &Error{Status: http.StatusConflict, Message: "Git Repository is empty."}
	}
	for _, sha := range candidates {
		if sha != "" {
			return r.git.peel(sha)
		}
	}
	name := ref
	if strings.HasPrefix(ref, "pull/") {
		name = "refs/" + ref
	}
	if !strings.HasPrefix(name, "refs/pull/") && (len(name) < 7 || strings.Trim(name, "0123456789abcdef") != "") {
		return "", errNoCommit(ref, errNoObject)
	}
	sha, err := r.git.peel(name)
	return sha, errNoCommit(ref, err)
}

// peel follows a tag to its commit.
func (g *gitRepo) peel(name string) (string, error) {
	if validSHA(name) {
		if _, err := g.commit(name); err == nil {
			return name, nil
		}
	}
	obj, err := g.object(name + "^{commit}")
	return obj.sha, err
}

func (g *gitRepo) readCommits(shas []string) ([]*commit, error) {
	commits := make([]*commit, len(shas))
	for i, sha := range shas {
		c, err := g.commit(sha)
		if err != nil {
			return nil, err
		}
		commits[i] = c
	}
	return commits, nil
}

func (d *Double) listCommits(c *call) (answer, error) {
	ref := c.query("sha")
	if ref == "" {
		ref = c.repo.defaultBranch
	}
	sha, err := d.resolve(c.repo, ref)
	if err != nil {
		return answer{}, err
	}
	args := []string{"rev-list", sha}
	if path := c.query("path"); path != "" {
		args = append(args, "--", ":(literal)"+path)
	}
	out, err := c.repo.git.line(args...)
	if err != nil {
		return answer{}, err
	}
	shas := strings.Fields(out)
	p := c.paginate(len(shas))
	commits, err := c.repo.git.readCommits(shas[p.from:p.to])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []object{}
	for _, x := range commits {
		list = append(list, d.commitJSON(c.repo, x))
	}
	return answer{status: http.StatusOK, body: list, header: p.header}, nil
}

// getCommit answers with the commit and up to 3,000 of its files, 300 a page.
func (d *Double) getCommit(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	if c.r.Header.Get("Accept") == "application/vnd.github.sha" || strings.HasSuffix(c.r.Header.Get("Accept"), ".sha") {
		return answer{status: http.StatusOK, plain: []byte(sha), header: map[string]string{"Content-Type": "application/vnd.github.sha; charset=utf-8"}}, nil
	}
	x, err := c.repo.git.commit(sha)
	if err != nil {
		return answer{}, err
	}
	files, err := c.repo.git.commitDiff(x)
	if err != nil {
		return answer{}, err
	}
	from := ""
	if len(x.parents) > 0 {
		from = x.parents[0]
	}
	patches, err := c.repo.git.patchesOf(from, sha)
	if err != nil {
		return answer{}, err
	}
	p := c.paginateBy(min(len(files), maxPullFiles), 300, 300)
	d.mu.Lock()
	defer d.mu.Unlock()
	added, deleted := 0, 0
	list := []object{}
	for i, f := range numberedFiles(files, patches, maxPullFiles) {
		added, deleted = added+f.additions, deleted+f.deletions
		if i >= p.from && i < p.to {
			list = append(list, d.fileJSON(c.repo, sha, f))
		}
	}
	body := with(d.commitJSON(c.repo, x), object{
		"stats": object{"additions": added, "deletions": deleted, "total": added + deleted}, "files": list,
	})
	return answer{status: http.StatusOK, body: body, header: p.header}, nil
}

const (
	maxCompareCommits = 250 // unpaged
	maxCompareFiles   = 300 // on the first page only
)

// compareCommits answers base...head, where both may be "owner:branch" of the same network of forks.
func (d *Double) compareCommits(c *call) (answer, error) {
	base, head, found := strings.Cut(c.values["basehead"], "...")
	if !found {
		return answer{}, errNotFound()
	}
	baseSHA, err := d.resolveSide(c, base)
	if err != nil {
		return answer{}, err
	}
	headSHA, err := d.resolveSide(c, head)
	if err != nil {
		return answer{}, err
	}
	git := c.repo.git
	x, err := git.compare(baseSHA, headSHA)
	if err != nil {
		return answer{}, err
	}
	if x.mergeBase == "" {
		return answer{}, &Error{Status: http.StatusNotFound, Message: "No common ancestor between " + base + " and " + head + "."}
	}
	p := c.comparePage(len(x.commits))
	commits, err := git.readCommits(append([]string{baseSHA, x.mergeBase}, x.commits[p.from:p.to]...))
	if err != nil {
		return answer{}, err
	}
	files, err := c.compareFiles(x, headSHA)
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return answer{status: http.StatusOK, header: p.header, body: d.comparisonJSON(c.repo, headSHA, x, commits, files)}, nil
}

// comparePage gives all commits up to 250 unless the caller asks for pages.
func (c *call) comparePage(total int) page {
	if c.query("page") == "" && c.query("per_page") == "" {
		return page{to: min(total, maxCompareCommits)}
	}
	return c.paginate(total)
}

func (c *call) compareFiles(x *comparison, head string) ([]numberedFile, error) {
	if at := c.query("page"); at != "" && at != "1" {
		return nil, nil
	}
	patches, err := c.repo.git.patchesOf(x.mergeBase, head)
	return numberedFiles(x.files, patches, maxCompareFiles), err
}

// resolveSide resolves one side of a comparison; commits of forks are brought here first.
func (d *Double) resolveSide(c *call, side string) (string, error) {
	owner, branch, qualified := strings.Cut(side, ":")
	if !qualified || strings.EqualFold(owner, c.repo.owner.login) {
		if qualified {
			side = branch
		}
		sha, err := d.resolve(c.repo, side)
		if e := (*Error)(nil); errors.As(err, &e) && e.Status == http.StatusUnprocessableEntity {
			return "", errNotFound()
		}
		return sha, err
	}
	d.mu.Lock()
	fork := d.repo(owner + "/" + c.repo.name)
	sha := ""
	if fork != nil && fork.parent == c.repo && c.sees(fork) {
		sha = fork.branch(branch)
	}
	d.mu.Unlock()
	if sha == "" {
		return "", errNotFound()
	}
	if _, err := c.repo.git.commit(sha); err == nil {
		return sha, nil
	}
	_, err := c.repo.git.line("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", fork.git.dir, sha)
	return sha, err
}

// comparisonJSON renders a comparison; commits begins with the base and the merge base. Callers hold d.mu.
func (d *Double) comparisonJSON(r *repository, head string, x *comparison, commits []*commit, files []numberedFile) object {
	base := commits[0].sha
	u, web := d.api("/repos/%s/compare/%s...%s", r.fullName(), base, head), d.web("/%s/compare/%s...%s", r.fullName(), base, head)
	list, changed := []object{}, []object{}
	for _, commit := range commits[2:] {
		list = append(list, d.commitJSON(r, commit))
	}
	for _, f := range files {
		changed = append(changed, d.fileJSON(r, head, f))
	}
	return object{
		"url": u, "html_url": web, "permalink_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "status": x.status(),
		"base_commit": d.commitJSON(r, commits[0]), "merge_base_commit": d.commitJSON(r, commits[1]), "ahead_by": x.ahead,
		"behind_by": x.behind, "total_commits": x.ahead, "commits": list, "files": changed,
	}
}
