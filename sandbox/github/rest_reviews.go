package github

func (d *Double) reviewRoutes() []route {
	const all = "/repos/{owner}/{repo}/pulls/{pull_number}/reviews"
	return []route{
		{operation: "GET " + all, needs: needs(pullsRead), handle: d.listReviews},
		{operation: "POST " + all, needs: needsRole(pullsWrite, "read"), handle: d.createReview},
		{operation: "GET " + all + "/{review_id}", needs: needs(pullsRead), handle: d.getReview},
		{operation: "POST " + all + "/{review_id}/events", needs: needsRole(pullsWrite, "read"), handle: d.submitReview},
		{operation: "PUT " + all + "/{review_id}/dismissals", needs: needs(pullsWrite), handle: d.putDismissal},
	}
}

func (d *Double) listReviews(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	var visible []*review
	for _, v := range p.reviews { // a pending review is its author's alone
		if v.state != reviewPending || v.author == c.by.account {
			visible = append(visible, v)
		}
	}
	d.mu.Unlock()
	return listed(c, visible, d.reviewJSON)
}

func (d *Double) createReview(c *call) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Event, Body string
		Commit      string `json:"commit_id"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.Commit != "" {
		if _, err := c.repo.git.commit(in.Commit); err != nil {
			return answer{}, errNoCommit(in.Commit, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.addReview(p, c.by, in.Event, in.Body, in.Commit)
	if err != nil {
		return answer{}, err
	}
	return ok(d.reviewJSON(v))
}

// onReview runs do on the review of the path with d.mu held and answers with the review.
func (d *Double) onReview(c *call, do func(*review) error) (answer, error) {
	p, err := c.pull("pull_number")
	if err != nil {
		return answer{}, err
	}
	id, err := c.number("review_id")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := p.review(id)
	if v == nil || v.state == reviewPending && v.author != c.by.account {
		return answer{}, errNotFound()
	}
	if err := do(v); err != nil {
		return answer{}, err
	}
	return ok(d.reviewJSON(v))
}

func (d *Double) getReview(c *call) (answer, error) {
	return d.onReview(c, func(*review) error { return nil })
}

func (d *Double) putDismissal(c *call) (answer, error) {
	var in struct{ Message string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.Message == "" {
		return answer{}, errValidation("PullRequestReview", "missing_field", "message", "")
	}
	return d.onReview(c, func(v *review) error { return d.dismissReview(v, c.by) })
}

func (d *Double) submitReview(c *call) (answer, error) {
	var in struct{ Event, Body string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	return d.onReview(c, func(v *review) error { return d.submit(v, c.by, in.Event, in.Body) })
}
