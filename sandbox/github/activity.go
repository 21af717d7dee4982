package github

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// activity is one entry of what GitHub shows as a repository's activity: a branch that was moved, and by whom.
type activity struct {
	id     int64
	change refChange
	kind   string
	by     *account
	at     time.Time
}

// noteActivity keeps that a branch was moved. Callers hold d.mu.
func (d *Double) noteActivity(r *repository, by actor, c refChange, facts pushFacts) {
	if _, isBranch := c.branch(); !isBranch {
		return
	}
	kind := "push"
	switch {
	case c.before == zeroSHA:
		kind = "branch_creation"
	case c.after == zeroSHA:
		kind = "branch_deletion"
	case c.merges:
		kind = "pr_merge"
	case facts.forced:
		kind = "force_push"
	}
	r.activities = append(r.activities, activity{id: d.id(), change: c, kind: kind, by: by.account, at: d.now()})
}

// ForgetActivity lets a repository's activity begin anew, as if all of it were too long ago to be told.
func (d *Double) ForgetActivity(repo string) error {
	r, err := d.findRepo(repo)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.activities = nil
	return nil
}

func (d *Double) activityRoutes() []route {
	return []route{{operation: "GET /repos/{owner}/{repo}/activity", needs: needs(contentsRead), handle: d.listActivity}}
}

// listActivity lists a repository's activity; see https://docs.github.com/rest/repos/repos#list-repository-activities.
func (d *Double) listActivity(c *call) (answer, error) {
	ref := c.query("ref")
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		ref = "refs/heads/" + ref
	}
	d.mu.Lock()
	all := slices.DeleteFunc(slices.Clone(c.repo.activities), func(a activity) bool {
		return ref != "" && a.change.ref != ref || c.query("activity_type") != "" && a.kind != c.query("activity_type") ||
			c.query("actor") != "" && (a.by == nil || !strings.EqualFold(a.by.login, c.query("actor")))
	})
	d.mu.Unlock()
	if c.query("direction") != "asc" {
		slices.Reverse(all)
	}
	return d.cursored(c, all)
}

// cursored answers with the page that follows the cursor "after".
func (d *Double) cursored(c *call, all []activity) (answer, error) {
	from := 0
	if after := c.query("after"); after != "" {
		at := slices.IndexFunc(all, func(a activity) bool { return strconv.FormatInt(a.id, 10) == after })
		if at < 0 {
			return answer{}, errUnprocessable("Invalid cursor")
		}
		from = at + 1
	}
	per := 30
	if n := atoi(c.query("per_page")); n > 0 {
		per = min(n, 100)
	}
	all = all[from:]
	shown := all[:min(per, len(all))]
	d.mu.Lock()
	list := make([]object, 0, len(shown))
	for _, a := range shown {
		list = append(list, d.activityJSON(a))
	}
	d.mu.Unlock()
	out := answer{status: http.StatusOK, body: list}
	if len(all) > len(shown) {
		q := c.r.URL.Query()
		q.Set("after", strconv.FormatInt(shown[len(shown)-1].id, 10))
		out.header = map[string]string{"Link": "<" + d.publicURL() + c.r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="next"`}
	}
	return out, nil
}

// activityJSON renders one entry. Callers hold d.mu.
func (d *Double) activityJSON(a activity) object {
	o := object{
		"id": a.id, "node_id": nodeID("PSH", a.id), "before": a.change.before, "after": a.change.after, "ref": a.change.ref,
		"timestamp": stamp(a.at), "activity_type": a.kind, "actor": nil,
	}
	if a.by != nil && d.account(a.by.login) == a.by {
		o["actor"] = d.userJSON(a.by)
	}
	return o
}
