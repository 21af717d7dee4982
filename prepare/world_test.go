package prepare

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

// gateWorld is a preparer with a memory: runs that were planned, their artifacts
// and locks. People of it: ana pushes and asks, rui, ben and oda may write, sam
// may read; @acme/production is rui.
type gateWorld struct {
	*fixture
	runs  []run.Run // newest first
	locks run.Locks
	ids   int

	pushes []run.Push // that are known

	lastReview int64 // its id
}

func newGateWorld(t *testing.T, files double.Files) *gateWorld {
	t.Helper()
	f := newFixture(t, files)
	w := &gateWorld{fixture: f}
	for login, role := range map[string]string{"rui": "write", "ben": "write", "oda": "admin"} {
		w.check(f.github.SetPermission(repository, login, role))
	}
	w.check(f.github.AddTeam("acme", "production", "rui"))
	w.check(f.github.AddTeam("acme", "everybody", "ana", "rui", "ben", "oda"))
	p := f.preparer
	p.Rules = map[string]policy.Rules{"dev": {Current: policy.CurrentStrict}, "prod": {Current: policy.CurrentStrict}}
	p.Runs = func(_ context.Context, id int64, n int) ([]run.Run, error) {
		return slices.DeleteFunc(slices.Clone(w.runs), func(r run.Run) bool { return r.Repository.ID != id || r.PullRequest != n }), nil
	}
	p.Locks = func(context.Context) (run.Locks, error) { return w.locks, nil }
	p.Pushes = func(_ context.Context, id int64, shas []string) ([]run.Push, error) {
		return slices.DeleteFunc(slices.Clone(w.pushes), func(x run.Push) bool { return x.RepositoryID != id || !slices.Contains(shas, x.SHA) }), nil
	}
	p.KeepPushes = func(_ context.Context, told []run.Push) error {
		w.pushes = append(w.pushes, told...)
		return nil
	}
	p.Open = func(ctx context.Context, a run.Artifact) (io.ReadCloser, error) { return f.artifacts.Open(ctx, a) }
	p.WebURL = f.url
	return w
}

// of is the same world for a subtest, which has no other beside it.
func (w *gateWorld) of(t *testing.T) *gateWorld {
	t.Helper()
	outer := w.T
	w.T = t
	t.Cleanup(func() { w.T = outer })
	return w
}

// forgetful is the same world for a subtest, in which nothing was planned yet.
func (w *gateWorld) forgetful(t *testing.T) *gateWorld {
	t.Helper()
	w.runs, w.locks = nil, run.Locks{}
	return w.of(t)
}

func (w *gateWorld) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// rules changes the rules of an environment.
func (w *gateWorld) rules(environment string, change func(*policy.Rules)) {
	r := w.preparer.Rules[environment]
	change(&r)
	w.preparer.Rules[environment] = r
}

// plan prepares a plan and lets each of its jobs succeed with one resource to
// add, or as the changes say.
func (w *gateWorld) plan(n int, changes map[string]planned, change ...func(*run.Run)) run.Run {
	w.Helper()
	w.ids++
	r := w.newRun(n, run.KindPlan, change...)
	p, err := w.preparer.Prepare(w.Context(), r)
	w.check(err)
	r = run.Step(r, run.Prepared{At: time.Now(), Preparation: p}).Run
	var docs []run.JobDocument
	for _, j := range r.Jobs {
		docs = append(docs, j.Document)
	}
	fences, blocked := w.locks.Claim(r.Holder(), run.Claims(docs), r.Whole(), time.Now())
	r.Blocked = blocked
	for i, j := range r.Jobs {
		r.Jobs[i].Document.Fence = fences[j.Document.Project.Name]
	}
	for _, j := range r.Jobs {
		c, known := changes[j.Document.Project.Name]
		if !known {
			c = planned{Counts: run.Counts{Add: 1}, keeping: run.StateKept}
		}
		r = w.finish(r, j, c)
	}
	if r.ShownAt.IsZero() { // a second ago: whoever reviews now has seen it
		r.ShownAt = time.Now().UTC().Truncate(time.Second).Add(-time.Second)
	}
	w.runs = append([]run.Run{r}, w.runs...)
	return r
}

// planned is how the plan of a project ends.
type planned struct {
	run.Counts
	changes []run.Change
	policy  *run.PolicyResult
	made    *run.Made
	fails   bool
	runs    bool // it is not over
	keeping run.Keeping
}

func (w *gateWorld) finish(r run.Run, j run.Job, c planned) run.Run {
	w.Helper()
	if c.runs {
		return r
	}
	result := run.Result{Outcome: run.OutcomeSucceeded, Counts: &c.Counts, Terraform: "Terraform 1.11.4", Artifacts: map[string]run.Artifact{}, Policy: c.policy, Keeping: c.keeping, Made: c.made}
	if c.fails {
		result = run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: "x", Message: "x"}}
	} else {
		summary, err := json.Marshal(run.Summary{Version: run.SummaryVersion, Counts: c.Counts, Changes: c.changes})
		w.check(err)
		stored := map[string][]byte{run.ArtifactPlan: []byte("plan of " + j.ID), run.ArtifactSummary: summary}
		if c.made != nil && c.made.Files > 0 {
			stored[run.ArtifactMade] = []byte("files of " + j.ID)
		}
		for name, content := range stored {
			a, err := w.artifacts.Put(w.Context(), "runs/"+r.ID+"/"+j.ID+"/"+name, bytes.NewReader(content))
			w.check(err)
			result.Artifacts[name] = a
		}
	}
	return w.message(r, j, result)
}

func (w *gateWorld) message(r run.Run, j run.Job, result run.Result) run.Run {
	return run.Step(r, run.Messaged{Message: run.Message{
		JobID: j.ID, Fence: j.Document.Fence, Seq: j.Seq + 1, Kind: run.MessageFinished, At: time.Now(), Result: &result,
	}}).Run
}

func (w *gateWorld) newRun(n int, kind run.Kind, change ...func(*run.Run)) run.Run {
	w.ids++
	r := run.Run{
		ID: fmt.Sprintf("%027d", w.ids), Repository: run.Repository{ID: w.repositoryID(), Owner: "acme", Name: "infra", InstallationID: 1},
		PullRequest: n, Kind: kind, Trigger: run.TriggerComment, Actor: "ana", State: run.StateAccepted, CreatedAt: time.Now(),
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// apply comments /apply as somebody and prepares what follows.
func (w *gateWorld) apply(n int, change ...func(*run.Run)) (run.Preparation, error) {
	w.Helper()
	return w.preparer.Prepare(w.Context(), w.commented(n, change...))
}

// commented is the run of an /apply that was just commented.
func (w *gateWorld) commented(n int, change ...func(*run.Run)) run.Run {
	w.Helper()
	r := w.newRun(n, run.KindApply, change...)
	id, err := w.github.As(r.Actor).Comment(repository, n, "/apply")
	w.check(err)
	sum := sha256.Sum256([]byte("/apply"))
	r.CommentID, r.Comment = id, hex.EncodeToString(sum[:])
	return r
}

// allowed makes sure that an apply is, with these projects in this order.
func (w *gateWorld) allowed(p run.Preparation, err error, projects ...string) {
	w.Helper()
	if err != nil {
		w.Errorf("refused: %v", err)
		return
	}
	if got := strings.Join(names(p), " "); got != strings.Join(projects, " ") {
		w.Errorf("applies %q, want %q", got, projects)
	}
}

// refused makes sure that nothing is applied, because of each of these words.
func (w *gateWorld) refused(p run.Preparation, err error, words ...string) *run.Problem {
	w.Helper()
	var problem *run.Problem
	if !errors.As(err, &problem) {
		w.Errorf("not refused: documents %v, error %v", names(p), err)
		return &run.Problem{}
	}
	if len(p.Documents) != 0 {
		w.Errorf("refused with documents: %v", names(p))
	}
	for _, word := range words {
		if problem.Code != word && !strings.Contains(problem.Message, word) {
			w.Errorf("the refusal %q does not say %q:\n%s", problem.Code, word, problem.Message)
		}
	}
	return problem
}

func (w *gateWorld) holder(n int) run.Holder {
	r := w.newRun(n, run.KindPlan)
	return r.Holder()
}

// review reviews the head as somebody.
func (w *gateWorld) review(login string, n int, event string) {
	w.Helper()
	body := ""
	if event != "APPROVE" {
		body = "hm"
	}
	var err error
	w.lastReview, err = w.github.As(login).Review(repository, n, event, body)
	w.check(err)
}

func by(login string) func(*run.Run)        { return func(r *run.Run) { r.Actor = login } }
func naming(names ...string) func(*run.Run) { return func(r *run.Run) { r.Selectors = names } }
func approvals(n int) func(*policy.Rules)   { return func(r *policy.Rules) { r.Approvals = n } }
func calls(requests map[string]int) (n int) {
	for _, c := range requests {
		n += c
	}
	return n
}
func change(path string) double.Files              { return double.Files{path: root + "# changed\n"} }
func current(c policy.Current) func(*policy.Rules) { return func(r *policy.Rules) { r.Current = c } }
