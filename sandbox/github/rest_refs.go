package github

import (
	"errors"
	"slices"
	"strings"
)

func (d *Double) refRoutes() []route {
	return []route{
		{operation: "GET /repos/{owner}/{repo}/git/ref/{ref...}", needs: needs(contentsRead), handle: d.getRef},
		{operation: "GET /repos/{owner}/{repo}/git/matching-refs/{ref...}", needs: needs(contentsRead), handle: d.listMatchingRefs},
		{operation: "POST /repos/{owner}/{repo}/git/refs", needs: needs(contentsWrite), handle: d.createRef},
		{operation: "PATCH /repos/{owner}/{repo}/git/refs/{ref...}", needs: needs(contentsWrite), handle: d.updateRef},
		{operation: "DELETE /repos/{owner}/{repo}/git/refs/{ref...}", needs: needs(contentsWrite), handle: d.deleteRef},
	}
}

// pushRef is moveRef for a call of the REST API.
func (d *Double) pushRef(c *call, ref, after string, check func(before string) error) error {
	return d.moveRef(c.repo, c.by, ref, after, check)
}

// moveRef moves one ref after check agreed, as a push does.
func (d *Double) moveRef(r *repository, by actor, ref, after string, check func(before string) error) error {
	r.git.writing.Lock()
	defer r.git.writing.Unlock()
	d.mu.Lock()
	before := orZero(r.refs[ref])
	d.mu.Unlock()
	if err := check(before); err != nil {
		return err
	}
	if before == after {
		return nil
	}
	if err := r.git.updateRefs(map[string]string{ref: after}); err != nil {
		return err
	}
	return d.pushed(r, by, []refChange{{ref: ref, before: before, after: after}})
}

// readRef gives what a ref points to: from memory, or from git for refs/pull and notes.
func (d *Double) readRef(r *repository, ref string) (sha, kind string, err error) {
	d.mu.Lock()
	sha = r.refs[ref]
	d.mu.Unlock()
	if sha == "" {
		if !validRef(ref) {
			return "", "", errNoObject
		}
		sha = ref
	}
	obj, err := r.git.object(sha)
	return obj.sha, obj.kind, err
}

func (d *Double) refJSON(r *repository, ref, sha, kind string) object {
	return object{
		"ref": ref, "node_id": "REF_" + sha, "url": d.api("/repos/%s/git/%s", r.fullName(), ref),
		"object": object{"sha": sha, "type": kind, "url": d.api("/repos/%s/git/%ss/%s", r.fullName(), kind, sha)},
	}
}

func (d *Double) answerRef(c *call, ref string) (object, error) {
	sha, kind, err := d.readRef(c.repo, ref)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refJSON(c.repo, ref, sha, kind), nil
}

func (d *Double) getRef(c *call) (answer, error) {
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	body, err := d.answerRef(c, "refs/"+c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	return ok(body)
}

func (d *Double) listMatchingRefs(c *call) (answer, error) {
	prefix := "refs/" + c.values["ref"]
	out, err := c.repo.git.line("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
	if err != nil {
		return answer{}, err
	}
	var refs [][]string
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Fields(line); len(f) == 3 && strings.HasPrefix(f[0], prefix) {
			refs = append(refs, f)
		}
	}
	return listed(c, refs, func(f []string) object { return d.refJSON(c.repo, f[0], f[1], f[2]) })
}

func (d *Double) createRef(c *call) (answer, error) {
	var in struct{ Ref, SHA string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	if !strings.HasPrefix(in.Ref, "refs/") || strings.Count(in.Ref, "/") < 2 || !validRef(in.Ref) || strings.HasPrefix(in.Ref, "refs/pull/") {
		return answer{}, errUnprocessable("Reference name is not valid: %s", in.Ref)
	}
	if _, err := c.repo.git.object(in.SHA); err != nil || !validSHA(in.SHA) {
		return answer{}, errUnprocessable("Object does not exist")
	}
	err := d.pushRef(c, in.Ref, in.SHA, func(before string) error {
		_, _, err := d.readRef(c.repo, in.Ref)
		if err == nil || before != zeroSHA {
			return errUnprocessable("Reference already exists")
		}
		if errors.Is(err, errNoObject) {
			return nil
		}
		return err
	})
	if err != nil {
		return answer{}, err
	}
	body, err := d.answerRef(c, in.Ref)
	if err != nil {
		return answer{}, err
	}
	return created(body)
}

func (d *Double) updateRef(c *call) (answer, error) {
	var in struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	ref := "refs/" + c.values["ref"]
	if _, err := c.repo.git.object(in.SHA); err != nil || !validSHA(in.SHA) {
		return answer{}, errUnprocessable("Object does not exist")
	}
	err := d.pushRef(c, ref, in.SHA, func(before string) error {
		old, _, err := d.readRef(c.repo, ref)
		if err != nil || strings.HasPrefix(ref, "refs/pull/") {
			return errUnprocessable("Reference does not exist")
		}
		if in.Force {
			return nil
		}
		forward, err := c.repo.git.isAncestor(old, in.SHA)
		if err == nil && !forward {
			return errUnprocessable("Update is not a fast forward")
		}
		return err
	})
	if err != nil {
		return answer{}, err
	}
	body, err := d.answerRef(c, ref)
	if err != nil {
		return answer{}, err
	}
	return ok(body)
}

func (d *Double) deleteRef(c *call) (answer, error) {
	if err := c.notEmpty(); err != nil {
		return answer{}, err
	}
	ref := "refs/" + c.values["ref"]
	err := d.pushRef(c, ref, zeroSHA, func(string) error {
		if _, _, err := d.readRef(c.repo, ref); err != nil || slices.Contains(strings.Split(ref, "/")[:2], "pull") {
			return errUnprocessable("Reference does not exist")
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return noContent()
}
