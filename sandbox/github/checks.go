package github

import (
	"slices"
	"time"
)

// checkRun is one check run of an App.
type checkRun struct {
	id                   int64
	repo                 *repository
	suite                *checkSuite
	name, headSHA        string
	externalID, details  string
	status, conclusion   string
	started, completed   time.Time
	title, summary, text *string
	annotations          []object
	actions              []Action
}

// Action is a button of a check run.
type Action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

// checkSuite groups one App's check runs of one commit.
type checkSuite struct {
	id               int64
	app              *OtherApp // nil: the App
	repo             *repository
	headSHA          string
	headBranch       string // empty for pushes to forks
	before           string
	requeued         bool // rerequested: queued again until a run changes
	created, updated time.Time
	runs             []*checkRun
}

// suiteFor gives the App's suite of a commit, created if there is none. Callers hold d.mu.
func (d *Double) suiteFor(r *repository, sha string) *checkSuite { return d.suiteOf(r, sha, nil) }

// suiteOf is suiteFor for any App. Callers hold d.mu.
func (d *Double) suiteOf(r *repository, sha string, app *OtherApp) *checkSuite {
	for _, s := range r.suites {
		if s.headSHA == sha && s.app.is(app) {
			return s
		}
	}
	s := &checkSuite{id: d.id(), app: app, repo: r, headSHA: sha, before: zeroSHA, created: d.now(), updated: d.now()}
	for ref, tip := range r.refs {
		if branch, ok := (refChange{ref: ref}).branch(); ok && tip == sha {
			s.headBranch = branch
		}
	}
	r.suites[s.id] = s
	return s
}

// requestSuite is what a push to a branch does for an App with the permission checks: write. Callers hold d.mu.
func (d *Double) requestSuite(r *repository, by actor, c refChange) {
	if r.install == nil || r.install.permissions()["checks"] != "write" {
		return
	}
	s := d.suiteFor(r, c.after)
	s.before = c.before
	s.headBranch, _ = c.branch()
	d.emitSuite(s, by, "requested")
}

// maxSameName is how many runs of one name a suite keeps; older ones are deleted.
const maxSameName = 1000

// add puts a run into the suite. Callers hold d.mu.
func (s *checkSuite) add(run *checkRun) {
	s.runs = append(s.runs, run)
	same := 0
	for _, x := range slices.Backward(s.runs) {
		if x.name != run.name {
			continue
		}
		if same++; same > maxSameName {
			delete(s.repo.checks, x.id)
		}
	}
	if same > maxSameName {
		s.runs = slices.DeleteFunc(s.runs, func(x *checkRun) bool { return s.repo.checks[x.id] == nil })
	}
}

// staleAfter is when GitHub gives up on an incomplete check run.
const staleAfter = 14 * 24 * time.Hour

// expireChecks marks runs stale that have been incomplete for too long. Callers hold d.mu.
func (d *Double) expireChecks() {
	for _, r := range d.repos {
		for _, run := range r.checks {
			if run.status != "completed" && d.now().Sub(run.started) > staleAfter {
				run.status, run.conclusion, run.completed = "completed", "stale", d.now()
			}
		}
	}
}

// latest gives the newest run of each name, oldest first.
func (s *checkSuite) latest() []*checkRun {
	newest := map[string]*checkRun{}
	for _, run := range s.runs {
		newest[run.name] = run
	}
	var runs []*checkRun
	for _, run := range s.runs {
		if newest[run.name] == run {
			runs = append(runs, run)
		}
	}
	return runs
}

// conclusions from least to most important for the suite.
var conclusionRank = map[string]int{
	"skipped": 1, "neutral": 2, "success": 3, "stale": 4, "cancelled": 5, "timed_out": 6, "action_required": 7, "failure": 8,
}

// verdict is the suite's status and conclusion: that of its highest-priority run.
func (s *checkSuite) verdict() (status, conclusion string) {
	if len(s.runs) == 0 || s.requeued {
		return "queued", ""
	}
	status = "completed"
	for _, run := range s.latest() {
		if run.status != "completed" {
			status = "in_progress"
		}
		if conclusionRank[run.conclusion] > conclusionRank[conclusion] {
			conclusion = run.conclusion
		}
	}
	if status != "completed" {
		conclusion = ""
	}
	return status, conclusion
}

// rerequestRun puts the suite of a run back to queued; the run itself stays as it is. Callers hold d.mu.
func (d *Double) rerequestRun(c *checkRun, by actor) {
	c.suite.requeued, c.suite.updated = true, d.now()
	d.feed.changed()
	d.emitCheckRun(c, by, "rerequested", nil)
}

// rerequestSuite puts a suite back to queued. Callers hold d.mu.
func (d *Double) rerequestSuite(s *checkSuite, by actor) {
	s.requeued, s.updated = true, d.now()
	d.feed.changed()
	d.emitSuite(s, by, "rerequested")
}
