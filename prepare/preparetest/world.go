package preparetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// World is a preparer with a memory: runs that were planned, their artifacts
// and locks. People of it: ana pushes and asks, rui, ben and oda may write, sam
// may read; @acme/production is rui.
type World struct {
	*Fixture
	Runs  []run.Run // newest first
	Locks run.Locks
	ids   int

	Pushes []run.Push // that are known

	LastReview int64 // its id
}

// NewWorld makes one whose base branch holds files.
func NewWorld(t *testing.T, files double.Files) *World {
	t.Helper()
	f := NewFixture(t, files)
	w := &World{Fixture: f}
	for login, role := range map[string]string{"rui": "write", "ben": "write", "oda": "admin"} {
		w.Check(f.GitHub.SetPermission(Repository, login, role))
	}
	w.Check(f.GitHub.AddTeam("acme", "production", "rui"))
	w.Check(f.GitHub.AddTeam("acme", "everybody", "ana", "rui", "ben", "oda"))
	p := f.Gate
	p.Rules = map[string]policy.Rules{"dev": {Current: policy.CurrentStrict}, "prod": {Current: policy.CurrentStrict}}
	p.Runs = func(_ context.Context, id int64, n int, _ string) ([]run.Run, error) {
		return slices.DeleteFunc(slices.Clone(w.Runs), func(r run.Run) bool { return r.Repository.ID != id || r.PullRequest != n }), nil
	}
	p.Locks = func(context.Context) (run.Locks, error) { return w.Locks, nil }
	p.Pushes = func(_ context.Context, id int64, shas []string) ([]run.Push, error) {
		return slices.DeleteFunc(slices.Clone(w.Pushes), func(x run.Push) bool { return x.RepositoryID != id || !slices.Contains(shas, x.SHA) }), nil
	}
	p.KeepPushes = func(_ context.Context, told []run.Push) error {
		w.Pushes = append(w.Pushes, told...)
		return nil
	}
	p.Open = func(ctx context.Context, a run.Artifact) (io.ReadCloser, error) { return f.Artifacts.Open(ctx, a) }
	p.WebURL = f.URL
	return w
}

// Of is the same world for a subtest, which has no other beside it.
func (w *World) Of(t *testing.T) *World {
	t.Helper()
	outer := w.T
	w.T = t
	t.Cleanup(func() { w.T = outer })
	return w
}

// Forgetful is the same world for a subtest, in which nothing was planned yet.
func (w *World) Forgetful(t *testing.T) *World {
	t.Helper()
	w.Runs, w.Locks = nil, run.Locks{}
	return w.Of(t)
}

func (w *World) Check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Rules changes the rules of an environment.
func (w *World) Rules(environment string, change func(*policy.Rules)) {
	r := w.Gate.Rules[environment]
	change(&r)
	w.Gate.Rules[environment] = r
}

// Plan prepares a plan and lets each of its jobs succeed with one resource to
// add, or as the changes say.
func (w *World) Plan(n int, changes map[string]Planned, change ...func(*run.Run)) run.Run {
	w.Helper()
	w.ids++
	r := w.NewRun(n, run.KindPlan, change...)
	p, err := w.Preparer.Prepare(w.Context(), r)
	w.Check(err)
	r = run.Step(r, run.Prepared{At: time.Now(), Preparation: p}).Run
	var docs []run.JobDocument
	for _, j := range r.Jobs {
		docs = append(docs, j.Document)
	}
	fences, blocked := w.Locks.Claim(r.Pull(), run.Claims(docs), r.AllProjects(), time.Now())
	r.Blocked = blocked
	for i, j := range r.Jobs {
		r.Jobs[i].Document.Fence = fences[j.Document.Project.Name]
	}
	for _, j := range r.Jobs {
		c, known := changes[j.Document.Project.Name]
		if !known {
			c = Planned{Counts: run.Counts{Add: 1}, Keeping: run.StateKept}
		}
		r = w.Finish(r, j, c)
	}
	if r.ShownAt.IsZero() { // a second ago: whoever reviews now has seen it
		r.ShownAt = time.Now().UTC().Truncate(time.Second).Add(-time.Second)
	}
	w.Runs = append([]run.Run{r}, w.Runs...)
	return r
}

// Planned is how the plan of a project ends.
type Planned struct {
	run.Counts
	Changes []run.Change
	Policy  *run.PolicyResult
	Made    *run.Made
	Fails   bool
	Runs    bool // it is not over
	Keeping run.Keeping
}

func (w *World) Finish(r run.Run, j run.Job, c Planned) run.Run {
	w.Helper()
	if c.Runs {
		return r
	}
	result := run.Result{Outcome: run.OutcomeSucceeded, Counts: &c.Counts, Terraform: "Terraform 1.11.4", Artifacts: map[string]run.Artifact{}, Policy: c.Policy, Keeping: c.Keeping, Made: c.Made}
	if c.Fails {
		result = run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: "x", Message: "x"}}
	} else {
		summary, err := json.Marshal(run.Summary{Version: run.SummaryVersion, Counts: c.Counts, Changes: c.Changes})
		w.Check(err)
		stored := map[string][]byte{run.ArtifactPlan: []byte("plan of " + j.ID), run.ArtifactSummary: summary}
		if c.Made != nil && c.Made.Files > 0 {
			stored[run.ArtifactMade] = []byte("files of " + j.ID)
		}
		for name, content := range stored {
			a, err := w.Artifacts.Put(w.Context(), "runs/"+r.ID+"/"+j.ID+"/"+name, bytes.NewReader(content))
			w.Check(err)
			result.Artifacts[name] = a
		}
	}
	return w.Message(r, j, result)
}

func (w *World) Message(r run.Run, j run.Job, result run.Result) run.Run {
	return run.Step(r, run.Messaged{Message: run.Message{
		JobID: j.ID, Fence: j.Document.Fence, Seq: j.Seq + 1, Kind: run.MessageFinished, At: time.Now(), Result: &result,
	}}).Run
}

func (w *World) NewRun(n int, kind run.Kind, change ...func(*run.Run)) run.Run {
	w.ids++
	r := run.Run{
		ID: fmt.Sprintf("%027d", w.ids), Subject: run.Subject{Repository: run.Repository{ID: w.RepositoryID(), Owner: "acme", Name: "infra", InstallationID: 1}, PullRequest: n},
		Kind: kind, Trigger: run.TriggerComment, Actor: "ana", State: run.StateAccepted, CreatedAt: time.Now(),
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// Apply comments /apply as somebody and prepares what follows.
func (w *World) Apply(n int, change ...func(*run.Run)) (run.Preparation, error) {
	w.Helper()
	return w.Preparer.Prepare(w.Context(), w.Commented(n, change...))
}

// Commented is the run of an /apply that was just commented.
func (w *World) Commented(n int, change ...func(*run.Run)) run.Run {
	w.Helper()
	r := w.NewRun(n, run.KindApply, change...)
	id, err := w.GitHub.As(r.Actor).Comment(Repository, n, "/apply")
	w.Check(err)
	sum := sha256.Sum256([]byte("/apply"))
	r.CommentID, r.Comment = id, hex.EncodeToString(sum[:])
	return r
}

// Allowed makes sure that an apply is, with these projects in this order.
func (w *World) Allowed(p run.Preparation, err error, projects ...string) {
	w.Helper()
	if err != nil {
		w.Errorf("refused: %v", err)
		return
	}
	if got := strings.Join(Names(p), " "); got != strings.Join(projects, " ") {
		w.Errorf("applies %q, want %q", got, projects)
	}
}

// Refused makes sure that nothing is applied, because of each of these words.
func (w *World) Refused(p run.Preparation, err error, words ...string) *run.Problem {
	w.Helper()
	var problem *run.Problem
	if !errors.As(err, &problem) {
		w.Errorf("not refused: documents %v, error %v", Names(p), err)
		return &run.Problem{}
	}
	if len(p.Documents) != 0 {
		w.Errorf("refused with documents: %v", Names(p))
	}
	for _, word := range words {
		if problem.Code != word && !strings.Contains(problem.Message, word) {
			w.Errorf("the refusal %q does not say %q:\n%s", problem.Code, word, problem.Message)
		}
	}
	return problem
}

func (w *World) Holder(n int) run.Subject {
	r := w.NewRun(n, run.KindPlan)
	return r.Pull()
}

// Review reviews the head as somebody.
func (w *World) Review(login string, n int, event string) {
	w.Helper()
	body := ""
	if event != "APPROVE" {
		body = "hm"
	}
	var err error
	w.LastReview, err = w.GitHub.As(login).Review(Repository, n, event, body)
	w.Check(err)
}

func By(login string) func(*run.Run)        { return func(r *run.Run) { r.Actor = login } }
func Naming(names ...string) func(*run.Run) { return func(r *run.Run) { r.Selectors = names } }
func Approvals(n int) func(*policy.Rules)   { return func(r *policy.Rules) { r.Approvals = n } }
func Calls(requests map[string]int) (n int) {
	for _, c := range requests {
		n += c
	}
	return n
}
func Change(path string) double.Files              { return double.Files{path: Root + "# changed\n"} }
func Current(c policy.Current) func(*policy.Rules) { return func(r *policy.Rules) { r.Current = c } }
