package github

import (
	"net/http"
	"slices"
)

func (d *Double) commentRoutes() []route {
	const one = "/repos/{owner}/{repo}/issues/comments/{comment_id}"
	return []route{
		{operation: "GET /repos/{owner}/{repo}/issues/{issue_number}/comments", needs: needs(issuesRead), handle: d.listComments},
		{operation: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", needs: needsRole(issuesWrite, "read"), handle: d.createComment},
		{operation: "GET /repos/{owner}/{repo}/issues/comments", needs: needs(issuesRead), handle: d.listRepoComments},
		{operation: "GET " + one, needs: needs(issuesRead), handle: d.getComment},
		{operation: "PATCH " + one, needs: needsRole(issuesWrite, "read"), handle: d.updateComment},
		{operation: "DELETE " + one, needs: needsRole(issuesWrite, "read"), handle: d.removeComment},
		{operation: "GET " + one + "/reactions", needs: needs(issuesRead), handle: d.listReactions},
		{operation: "POST " + one + "/reactions", needs: needsRole(issuesWrite, "read"), handle: d.createReaction},
		{operation: "DELETE " + one + "/reactions/{reaction_id}", needs: needsRole(issuesWrite, "read"), handle: d.deleteReaction},
	}
}

// comment finds the comment of the path. Callers hold d.mu.
func (c *call) comment() (*comment, error) {
	id, err := c.number("comment_id")
	if err != nil {
		return nil, err
	}
	if x := c.repo.comments[id]; x != nil {
		return x, nil
	}
	return nil, errNotFound()
}

func (d *Double) listComments(c *call) (answer, error) {
	p, err := c.pull("issue_number")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	comments := sinceFilter(c, p.comments)
	d.mu.Unlock()
	return listed(c, comments, d.commentJSON)
}

func (d *Double) listRepoComments(c *call) (answer, error) {
	d.mu.Lock()
	var all []*comment
	for _, n := range sortedNumbers(c.repo.pulls) {
		all = append(all, c.repo.pulls[n].comments...)
	}
	all = sinceFilter(c, all)
	by := func(x *comment) int64 { return x.created.UnixNano() }
	if c.query("sort") == "updated" {
		by = func(x *comment) int64 { return x.updated.UnixNano() }
	}
	slices.SortStableFunc(all, func(a, b *comment) int { return int(by(a) - by(b)) })
	d.mu.Unlock()
	if c.query("sort") != "" && c.query("direction") != "asc" {
		slices.Reverse(all)
	}
	return listed(c, all, d.commentJSON)
}

// sinceFilter keeps what was updated at or after the query's "since". Callers hold d.mu.
func sinceFilter(c *call, comments []*comment) []*comment {
	since := c.query("since")
	var kept []*comment
	for _, x := range comments {
		if since == "" || stamp(x.updated).(string) >= since {
			kept = append(kept, x)
		}
	}
	return kept
}

func (d *Double) createComment(c *call) (answer, error) {
	p, err := c.pull("issue_number")
	if err != nil {
		return answer{}, err
	}
	var in struct{ Body string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := d.addComment(p, c.by, in.Body)
	if err != nil {
		return answer{}, err
	}
	return created(d.commentJSON(x))
}

func (d *Double) getComment(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.comment()
	if err != nil {
		return answer{}, err
	}
	return ok(d.commentJSON(x))
}

// writableComment finds the comment of the path if the caller may change it. Callers hold d.mu.
func (c *call) writableComment() (*comment, error) {
	x, err := c.comment()
	if err != nil {
		return nil, err
	}
	if !x.mayWriteComment(c.by) {
		return nil, errForbidden("Must have admin rights to Repository.")
	}
	return x, nil
}

func (d *Double) updateComment(c *call) (answer, error) {
	var in struct{ Body string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.writableComment()
	if err != nil {
		return answer{}, err
	}
	if err := d.editComment(x, c.by, in.Body); err != nil {
		return answer{}, err
	}
	return ok(d.commentJSON(x))
}

func (d *Double) removeComment(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.writableComment()
	if err != nil {
		return answer{}, err
	}
	d.deleteComment(x, c.by)
	return noContent()
}

func (d *Double) reactionJSON(r *reaction) object {
	return object{
		"id": r.id, "node_id": nodeID("REA", r.id), "user": d.userJSON(r.by), "content": r.content, "created_at": stamp(r.created),
	}
}

func (d *Double) listReactions(c *call) (answer, error) {
	d.mu.Lock()
	x, err := c.comment()
	var found []*reaction
	if err == nil {
		for _, r := range x.reactions {
			if want := c.query("content"); want == "" || want == r.content {
				found = append(found, r)
			}
		}
	}
	d.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return listed(c, found, d.reactionJSON)
}

// createReaction reacts once: the same reaction again is the old one with status 200.
func (d *Double) createReaction(c *call) (answer, error) {
	var in struct{ Content string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if !slices.Contains(reactionContents, in.Content) {
		return answer{}, errValidation("Reaction", "invalid", "content", "")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.comment()
	if err != nil {
		return answer{}, err
	}
	for _, r := range x.reactions {
		if r.by == c.by.account && r.content == in.Content {
			return ok(d.reactionJSON(r))
		}
	}
	r := &reaction{id: d.id(), by: c.by.account, content: in.Content, created: d.now()}
	x.reactions = append(x.reactions, r)
	d.feed.changed()
	return created(d.reactionJSON(r))
}

func (d *Double) deleteReaction(c *call) (answer, error) {
	id, err := c.number("reaction_id")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.comment()
	if err != nil {
		return answer{}, err
	}
	at := slices.IndexFunc(x.reactions, func(r *reaction) bool { return r.id == id })
	if at < 0 {
		return answer{}, errNotFound()
	}
	if x.reactions[at].by != c.by.account {
		return answer{}, &Error{Status: http.StatusForbidden, Message: "Must be the author of the reaction"}
	}
	x.reactions = slices.Delete(x.reactions, at, at+1)
	d.feed.changed()
	return noContent()
}
