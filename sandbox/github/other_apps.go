package github

import (
	"fmt"
	"slices"
)

// OtherApp is an App that is not the one of this double, such as a CI service.
type OtherApp struct {
	ID   int64
	Slug string
}

// is compares the Apps of check suites; nil is the App of this double.
func (a *OtherApp) is(b *OtherApp) bool { return a == b || a != nil && b != nil && a.ID == b.ID }

// ReportCheck makes a check run of another App on a commit, as CI does, and gives its id. conclusion is empty unless status
// is completed. The App of this double is told that it was created, or completed: of reruns and of pressed buttons only the
// App that made the run is told (GitHub documentation, "Webhook events and payloads", check_run).
func (d *Double) ReportCheck(repo, sha string, app OtherApp, name, status, conclusion string) (int64, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return 0, err
	}
	if _, err := r.git.commit(sha); err != nil {
		return 0, errNoCommit(sha, err)
	}
	if (status == "completed") != slices.Contains(conclusions, conclusion) {
		return 0, fmt.Errorf("reporting check %q: a run that is %s cannot have the conclusion %q", name, status, conclusion)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	run := &checkRun{
		id: d.id(), repo: r, suite: d.suiteOf(r, sha, &app), name: name, headSHA: sha, status: status, conclusion: conclusion, started: d.now(),
	}
	if status == "completed" {
		run.completed = d.now()
	}
	r.checks[run.id] = run
	run.suite.add(run)
	d.feed.changed()
	action := "created"
	if status == "completed" {
		action = "completed"
	}
	d.emitCheckRun(run, actor{account: d.addAccount(app.Slug+"[bot]", kindBot)}, action, nil)
	return run.id, nil
}

// appOf renders the App that a suite belongs to. Callers hold d.mu.
func (d *Double) appOf(s *checkSuite) object {
	if s.app == nil {
		return d.appJSON()
	}
	return with(d.appJSON(), object{
		"id": s.app.ID, "slug": s.app.Slug, "node_id": nodeID("A", s.app.ID), "client_id": "Iv23li" + itoa(s.app.ID), "name": s.app.Slug,
		"html_url": d.web("/apps/%s", s.app.Slug), "permissions": object{"checks": "write", "metadata": "read"}, "events": []string{},
	})
}

// appID is the id of the App that a suite belongs to. Callers hold d.mu.
func (d *Double) appID(s *checkSuite) int64 {
	if s.app == nil {
		return d.app.ID
	}
	return s.app.ID
}
