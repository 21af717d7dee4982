package github

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	checksRead  = "checks=read"
	checksWrite = "checks=write"
)

func (d *Double) checkRoutes() []route {
	const one = "/repos/{owner}/{repo}/check-runs/{check_run_id}"
	return []route{
		{operation: "POST /repos/{owner}/{repo}/check-runs", needs: needs(checksWrite), handle: d.createCheckRun},
		{operation: "GET " + one, needs: needs(checksRead), handle: d.getCheckRun},
		{operation: "PATCH " + one, needs: needs(checksWrite), handle: d.updateCheckRun},
		{operation: "GET " + one + "/annotations", needs: needs(checksRead), handle: d.listAnnotations},
		{operation: "POST " + one + "/rerequest", needs: needs(checksWrite), handle: d.postRerequestRun},
		{operation: "GET /repos/{owner}/{repo}/commits/{ref}/check-runs", needs: needs(checksRead), handle: d.listCheckRuns},
		{operation: "GET /repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs", needs: needs(checksRead), handle: d.listSuiteRuns},
	}
}

// checkInput is the body of creating or updating a check run. Absent fields are nil.
type checkInput struct {
	Name, Status, Conclusion *string
	HeadSHA                  *string    `json:"head_sha"`
	ExternalID               *string    `json:"external_id"`
	DetailsURL               *string    `json:"details_url"`
	StartedAt                *time.Time `json:"started_at"`
	CompletedAt              *time.Time `json:"completed_at"`
	Actions                  []Action
	Output                   *struct {
		Title, Summary, Text *string
		Annotations          []object
	}
}

var conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}

// maxOutput is the longest summary or text of a check run, in characters.
const maxOutput = 65535

// errCheckSchema words a violation as GitHub's schema check of the checks API does.
func errCheckSchema(format string, args ...any) error {
	return errUnprocessable("Invalid request.\n\n"+format, args...)
}

// validate applies the limits of https://docs.github.com/rest/checks/runs#create-a-check-run.
func (in *checkInput) validate() error {
	if in.Status != nil && !slices.Contains([]string{"queued", "in_progress", "completed", "waiting", "requested", "pending"}, *in.Status) {
		return errCheckSchema("For 'properties/status', %s is not a member of [\"queued\", \"in_progress\", \"completed\"].", *in.Status)
	}
	if in.Status != nil && *in.Status == "completed" && in.Conclusion == nil {
		return errCheckSchema("No subschema in \"anyOf\" matched.\n\"conclusion\" wasn't supplied.")
	}
	if in.Conclusion != nil && !slices.Contains(conclusions, *in.Conclusion) {
		return errCheckSchema("For 'properties/conclusion', %s is not a member of [%s].", *in.Conclusion, strings.Join(conclusions, ", "))
	}
	if len(in.Actions) > 3 {
		return errCheckSchema("No more than 3 items are allowed; %d were supplied.", len(in.Actions))
	}
	for _, a := range in.Actions {
		for _, x := range []struct {
			field, value string
			limit        int
		}{{"label", a.Label, 20}, {"description", a.Description, 40}, {"identifier", a.Identifier, 20}} {
			if x.value == "" {
				return errCheckSchema("%q wasn't supplied.", x.field)
			}
			if n := utf8.RuneCountInString(x.value); n > x.limit {
				return errCheckSchema("For 'properties/%s', only %d characters are allowed; %d were supplied.", x.field, x.limit, n)
			}
		}
	}
	return in.validateOutput()
}

func (in *checkInput) validateOutput() error {
	if in.Output == nil {
		return nil
	}
	if in.Output.Summary == nil {
		return errCheckSchema("\"summary\" wasn't supplied.")
	}
	for field, value := range map[string]*string{"summary": in.Output.Summary, "text": in.Output.Text} {
		if value != nil && utf8.RuneCountInString(*value) > maxOutput {
			return errCheckSchema("For 'properties/%s', only %d characters are allowed; %d were supplied.", field, maxOutput, utf8.RuneCountInString(*value))
		}
	}
	if n := len(in.Output.Annotations); n > 50 {
		return errCheckSchema("No more than 50 items are allowed; %d were supplied.", n)
	}
	return nil
}

func (d *Double) createCheckRun(c *call) (answer, error) {
	var in checkInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.validate(); err != nil {
		return answer{}, err
	}
	for field, value := range map[string]*string{"name": in.Name, "head_sha": in.HeadSHA} {
		if value == nil || *value == "" {
			return answer{}, errCheckSchema("%q wasn't supplied.", field)
		}
	}
	if _, err := c.repo.git.commit(*in.HeadSHA); err != nil {
		return answer{}, errNoCommit(*in.HeadSHA, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	run := &checkRun{
		id: d.id(), repo: c.repo, suite: d.suiteFor(c.repo, *in.HeadSHA), headSHA: *in.HeadSHA, status: "queued", started: d.now(),
	}
	c.repo.checks[run.id] = run
	d.applyCheck(run, in)
	run.suite.add(run)
	d.emitCheckRun(run, c.by, "created", nil)
	if run.status == "completed" {
		d.completed(run, c.by)
	}
	return created(d.checkRunJSON(run))
}

// applyCheck takes over what was given. Callers hold d.mu.
func (d *Double) applyCheck(run *checkRun, in checkInput) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&run.name, in.Name)
	set(&run.externalID, in.ExternalID)
	set(&run.details, in.DetailsURL)
	set(&run.status, in.Status)
	if in.Status != nil && *in.Status != "completed" {
		run.conclusion, run.completed = "", time.Time{}
	}
	if in.StartedAt != nil {
		run.started = in.StartedAt.UTC()
	}
	if in.Conclusion != nil { // a conclusion alone completes, too
		run.status, run.conclusion, run.completed = "completed", *in.Conclusion, d.now()
		if in.CompletedAt != nil {
			run.completed = in.CompletedAt.UTC()
		}
	}
	if in.Actions != nil {
		run.actions = in.Actions
	}
	if out := in.Output; out != nil {
		run.summary = out.Summary
		if out.Title != nil {
			run.title = out.Title
		}
		if out.Text != nil {
			run.text = out.Text
		}
		run.annotations = append(run.annotations, out.Annotations...)
	}
	run.suite.requeued, run.suite.updated = false, d.now()
	d.feed.changed()
}

// completed sends what follows the end of a run. Callers hold d.mu.
func (d *Double) completed(run *checkRun, by actor) {
	d.emitCheckRun(run, by, "completed", nil)
	if status, _ := run.suite.verdict(); status == "completed" {
		d.emitSuite(run.suite, by, "completed")
	}
}

// checkRun finds the run of the path. Callers hold d.mu.
func (c *call) checkRun() (*checkRun, error) {
	id, err := c.number("check_run_id")
	if err != nil {
		return nil, err
	}
	if run := c.repo.checks[id]; run != nil {
		return run, nil
	}
	return nil, errNotFound()
}

func (d *Double) updateCheckRun(c *call) (answer, error) {
	var in checkInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.validate(); err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	run, err := c.checkRun()
	if err != nil {
		return answer{}, err
	}
	before := run.status
	d.applyCheck(run, in)
	if run.status == "completed" && before != "completed" {
		d.completed(run, c.by)
	}
	return ok(d.checkRunJSON(run))
}

func (d *Double) getCheckRun(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	run, err := c.checkRun()
	if err != nil {
		return answer{}, err
	}
	return ok(d.checkRunJSON(run))
}

func (d *Double) listAnnotations(c *call) (answer, error) {
	d.mu.Lock()
	run, err := c.checkRun()
	var annotations []object
	if err == nil {
		annotations = slices.Clone(run.annotations)
	}
	d.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return listed(c, annotations, func(a object) object {
		full := object{"start_column": nil, "end_column": nil, "title": nil, "raw_details": nil}
		full["blob_href"] = d.api("/repos/%s/git/blobs/%s", c.repo.fullName(), emptyTree)
		return with(full, a)
	})
}

func (d *Double) postRerequestRun(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	run, err := c.checkRun()
	if err != nil {
		return answer{}, err
	}
	d.rerequestRun(run, c.by)
	return created(object{})
}

// maxListedSuites is how many of the newest suites a listing by ref looks at.
const maxListedSuites = 1000

func (d *Double) listCheckRuns(c *call) (answer, error) {
	sha, err := d.resolve(c.repo, c.values["ref"])
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	var runs []*checkRun
	for _, s := range c.repo.suitesOf(sha) {
		runs = append(runs, s.selectRuns(c)...)
	}
	d.mu.Unlock()
	return counted(c, "check_runs", runs, d.checkRunJSON)
}

func (d *Double) listSuiteRuns(c *call) (answer, error) {
	s, err := c.suite()
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	runs := s.selectRuns(c)
	d.mu.Unlock()
	return counted(c, "check_runs", runs, d.checkRunJSON)
}

// selectRuns applies the filters of a listing: by default the newest of each name. Callers hold c.d.mu.
func (s *checkSuite) selectRuns(c *call) []*checkRun {
	runs := s.latest()
	if c.query("filter") == "all" {
		runs = slices.Clone(s.runs)
	}
	name, status, app := c.query("check_name"), c.query("status"), c.query("app_id")
	return slices.DeleteFunc(runs, func(r *checkRun) bool {
		return name != "" && name != r.name || status != "" && status != r.status || app != "" && app != itoa(c.d.appID(s))
	})
}
