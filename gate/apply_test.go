package gate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestAnApplyCostsFiveReadsForAnyNumberOfProjects(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Preparer.MaxProjects = 50
	files := twoProjects()
	for i := range 20 {
		files[fmt.Sprintf("live/p%02d/main.tf", i)] = root
	}
	n, _ := w.Open(files)
	w.Plan(n, nil)
	w.Rules("dev", approvals(2))
	w.Review("rui", n, "APPROVE")
	w.Review("oda", n, "APPROVE")
	_, _, _ = w.get(n), w.get(n), w.get(n) // GitHub has worked out by now whether it can be merged
	_, err := w.Apply(n)                   // who pushed is known from then on
	w.Check(err)
	r := w.Commented(n)
	w.GitHub.ResetRequests()
	p, err := w.Preparer.Prepare(t.Context(), r)
	if err != nil || len(p.Documents) != 20 {
		t.Fatalf("%d documents, %v", len(p.Documents), err)
	}
	want := map[string]int{
		"GET /repos/{owner}/{repo}/pulls/{pull_number}": 1, "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": 1,
		"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": 1, "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits": 1,
		"GET /repos/{owner}/{repo}/collaborators": 1,
	}
	if diff := cmp.Diff(want, w.GitHub.Requests()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	w.GitHub.ResetRequests()
	w.Check(w.Gate.Recheck(t.Context(), w.started(r, p)))
	if got := w.GitHub.Requests(); len(got) != 0 {
		t.Errorf("looking again called %v", got)
	}
}

func (w *gateWorld) get(n int) bool {
	client, err := w.Gate.Client(1)
	w.Check(err)
	pr, _, err := client.PullRequests.Get(w.Context(), "acme", "infra", n)
	w.Check(err)
	return pr.GetMergeable()
}

// started is the run of an apply that was prepared.
func (w *gateWorld) started(r run.Run, p run.Preparation) run.Run {
	return run.Step(r, run.Prepared{At: time.Now(), Preparation: p}).Run
}

func TestT14ACommandThatChangedIsNotCarriedOut(t *testing.T) {
	world := newGateWorld(t, twoProjects())
	n, _ := world.Open(change("other/main.tf"))
	world.Plan(n, nil)
	for name, tt := range map[string]func(w *gateWorld, r *run.Run){
		"edited": func(w *gateWorld, r *run.Run) {
			w.Check(w.GitHub.As("ana").EditComment(repository, r.CommentID, "/apply other"))
		},
		"edited by somebody else, and back": func(w *gateWorld, r *run.Run) {
			w.Check(w.GitHub.As("rui").EditComment(repository, r.CommentID, "/apply nothing"))
			w.Check(w.GitHub.As("rui").EditComment(repository, r.CommentID, "/apply"))
		},
		"deleted":                func(w *gateWorld, r *run.Run) { w.Check(w.GitHub.As("ana").DeleteComment(repository, r.CommentID)) },
		"another body":           func(_ *gateWorld, r *run.Run) { r.Comment = strings.Repeat("0", 64) },
		"a body nobody noted":    func(_ *gateWorld, r *run.Run) { r.Comment = "" },
		"somebody else wrote it": func(_ *gateWorld, r *run.Run) { r.Actor = "rui" },
	} {
		t.Run(name, func(t *testing.T) {
			w := world.of(t)
			r := w.Commented(n)
			p, err := w.Preparer.Prepare(t.Context(), r)
			w.Allowed(p, err, "other")
			w.GitHub.Faults().Advance(2 * time.Second) // GitHub's times are in seconds
			tt(w, &r)
			p, err = w.Preparer.Prepare(t.Context(), r)
			w.Refused(p, err, "comment_unchanged", "edited or deleted")
		})
	}
}

// What an event says of its comment is the forger's; what GitHub says of it counts.
func TestForgeACommentOfLongAgoOrElsewhereIsNotCarriedOut(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Plan = []string{"ana"} })
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	r := w.Commented(n)
	_, err := w.GitHub.As("ana").Push(repository, "second", "x", change("other/second.tf"))
	w.Check(err)
	second, err := w.GitHub.As("ana").OpenPull(repository, "second", "main", "x", "", false)
	w.Check(err)
	for name, tt := range map[string]struct {
		change func(r *run.Run)
		want   []string // nothing: it is carried out
	}{
		"just now":                  {func(*run.Run) {}, nil},
		"14 minutes ago":            {func(r *run.Run) { r.CreatedAt = r.CreatedAt.Add(14 * time.Minute) }, nil},
		"16 minutes ago":            {func(r *run.Run) { r.CreatedAt = r.CreatedAt.Add(16 * time.Minute) }, []string{"late", "more than 15 minutes"}},
		"nobody knows when it came": {func(r *run.Run) { r.CreatedAt = time.Time{} }, []string{"late"}},
		"on another pull request":   {func(r *run.Run) { r.PullRequest = second }, []string{"comment_unchanged"}},
	} {
		for _, kind := range []run.Kind{run.KindApply, run.KindPlan} {
			x := r
			x.Kind = kind
			tt.change(&x)
			p, err := w.Preparer.Prepare(t.Context(), x)
			if tt.want == nil {
				w.Allowed(p, err, "other")
				continue
			}
			t.Log(name, kind)
			w.Refused(p, err, tt.want...)
		}
	}
	sum := sha256.Sum256([]byte("/apply"))
	for received, want := range map[time.Duration]bool{0: true, 16 * time.Minute: false} {
		ok, err := w.Gate.Written(t.Context(), r.Repository, n, r.CommentID, "ana", hex.EncodeToString(sum[:]), time.Now().Add(received))
		if ok != want || (err == nil) != want {
			t.Errorf("%s later: %t, %v", received, ok, err)
		}
	}
}

// A plan that no push would make takes locks of projects that it names, or has flags: its
// comment has to be at GitHub, whoever may plan.
func TestForgeAPlanThatNoPushWouldMakeIsNotMade(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	written := w.Commented(n)
	for name, tt := range map[string]struct {
		selectors, flags []string
		confirmed        bool
	}{
		"what it changes":           {nil, nil, false},
		"what it changes, by name":  {[]string{"other"}, nil, false},
		"what it does not change":   {[]string{"live-dev"}, nil, true},
		"all of it":                 {[]string{"*"}, nil, true},
		"with flags":                {nil, []string{"-refresh-only"}, true},
		"where pushes plan nothing": {nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.Gate.PlansItself = func(bool) bool { return name != "where pushes plan nothing" }
			r := written
			r.Kind, r.Selectors, r.Flags = run.KindPlan, tt.selectors, tt.flags
			w.GitHub.ResetRequests()
			if p, err := w.Preparer.Prepare(t.Context(), r); err != nil || len(p.Documents) == 0 {
				t.Fatalf("what somebody wrote: %d documents, %v", len(p.Documents), err)
			}
			if got := w.GitHub.Requests()["GET /repos/{owner}/{repo}/issues/comments/{comment_id}"]; (got == 1) != tt.confirmed || got > 1 {
				t.Errorf("the comment was read %d times", got)
			}
			r.CommentID++ // there is none
			p, err := w.Preparer.Prepare(t.Context(), r)
			if tt.confirmed {
				w.Refused(p, err, "comment_unchanged")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// An event may name another installation of the App, such as the forger's own. GitHub makes
// no token of it for a repository that it is not on, and nothing is done.
func TestForgeTheInstallationPreparesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	r := w.Commented(n)
	mine := w.Gate.Token
	w.Gate.Token = func(ctx context.Context, repo run.Repository, refused string) (string, error) {
		if repo.InstallationID != 1 {
			return "", fmt.Errorf("422: %w", pull.ErrNoAccess)
		}
		return mine(ctx, repo, refused)
	}
	push := func(r *run.Run) { r.Trigger, r.Actor = run.TriggerPush, "" }
	for _, kind := range []run.Kind{run.KindApply, run.KindPlan} {
		for name, change := range map[string]func(*run.Run){"a comment": func(*run.Run) {}, "a push": push} {
			x := r
			x.Kind = kind
			change(&x)
			if _, err := w.Preparer.Prepare(t.Context(), x); kind == run.KindPlan && err != nil {
				t.Fatalf("%s by %s of the right installation: %v", kind, name, err)
			}
			x.Repository.InstallationID = 2
			w.GitHub.ResetRequests()
			p, err := w.Preparer.Prepare(t.Context(), x)
			if s, ok := errors.AsType[*run.SilentRefusal](err); !ok || s.Problem.Code != "other_repository" || len(p.Documents) > 0 || calls(w.GitHub.Requests()) != 0 {
				t.Errorf("%s by %s: %d documents, %v, %d calls", kind, name, len(p.Documents), err, calls(w.GitHub.Requests()))
			}
		}
	}
	elsewhere := r.Repository
	elsewhere.InstallationID = 2
	sum := sha256.Sum256([]byte("/apply"))
	if ok, err := w.Gate.Written(t.Context(), elsewhere, n, r.CommentID, "ana", hex.EncodeToString(sum[:]), time.Now()); ok || err == nil {
		t.Errorf("the comment of an /unlock: %t, %v", ok, err)
	}
	if _, err := w.Gate.Facts(t.Context(), elsewhere, n, "ana"); err == nil {
		t.Error("facts are read")
	}
}

// What is read by a repository's name and stored by its id is of one repository.
func TestForgeTheRepositoryIDIsRefusedInSilence(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	other := func(r *run.Run) { r.Repository.ID++ }
	silent := func(what string, err error) {
		t.Helper()
		if s, ok := errors.AsType[*run.SilentRefusal](err); !ok || s.Problem.Code != "other_repository" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, kind := range []run.Kind{run.KindApply, run.KindPlan} {
		_, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, kind, other))
		silent(string(kind), err)
	}
	r := w.NewRun(n, run.KindPlan, other)
	_, err := w.Gate.Facts(t.Context(), r.Repository, n, "ana")
	silent("facts", err)
	_, err = w.Gate.Why(t.Context(), r.Repository, n, "ana", nil)
	silent("why", err)
}

func TestT17AnApplySelectsExactlyWhatIsNamed(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"modules/net/main.tf": "# changed\n", "other/main.tf": root + "# changed\n"})
	w.Plan(n, nil)
	for selector, want := range map[string]string{"other": "other", "live-*": "live-dev live-prod", "*": "live-dev live-prod other"} {
		p, err := w.Apply(n, naming(selector))
		w.Allowed(p, err, strings.Fields(want)...)
	}
	for _, selector := range []string{"othe", "OTHER", "other2", "live", "nope*"} {
		p, err := w.Apply(n, naming(selector))
		w.Refused(p, err, "unknown_project", "nothing was applied", "`/apply ")
	}
	p, err := w.Apply(n, naming("other", "nope"))
	w.Refused(p, err, "unknown_project")
}

func TestT18APushInBetweenWins(t *testing.T) {
	const pulls = "GET /repos/{owner}/{repo}/pulls/{pull_number}"
	for name, at := range map[string]string{
		"before the pull request is read":   pulls,
		"while the reviews are read":        pulls + "/reviews",
		"before git says where the tip is":  "git-upload-pack /" + repository + ".git",
		"between the verdict and the start": "",
	} {
		for how, push := range map[string]func(w *gateWorld) (string, error){
			"push": func(w *gateWorld) (string, error) {
				return w.GitHub.As("ben").Push(repository, "topic", "evil", change("live/dev/main.tf"))
			},
			"forced push": func(w *gateWorld) (string, error) {
				return w.GitHub.As("ben").ForcePush(repository, "topic", "evil", change("live/dev/main.tf"))
			},
			"the same files again": func(w *gateWorld) (string, error) {
				return w.GitHub.As("ben").ForcePush(repository, "topic", "same", change("other/main.tf"))
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				if how != "push" && at != "" {
					longtest.Only(t)
				}
				w := newGateWorld(t, twoProjects())
				w.Rules("dev", approvals(1))
				n, _ := w.Open(change("other/main.tf"))
				w.Plan(n, nil)
				w.Review("rui", n, "APPROVE")
				r := w.Commented(n)
				do := func() {
					_, err := push(w)
					w.Check(err)
				}
				if at != "" {
					w.GitHub.Faults().BeforeNext(at, do)
					p, err := w.Preparer.Prepare(t.Context(), r)
					w.Refused(p, err)
					return
				}
				p, err := w.Preparer.Prepare(t.Context(), r)
				w.Allowed(p, err, "other")
				w.Check(w.Gate.Recheck(t.Context(), w.started(r, p)))
				do()
				w.Refused(run.Preparation{}, w.Gate.Recheck(t.Context(), w.started(r, p)), "head_moved", "`/apply`")
			})
		}
	}
}

func TestT18AButtonOfAnotherCommitAppliesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindApply, func(r *run.Run) {
		r.Trigger, r.HeadSHA = run.TriggerButton, strings.Repeat("a", 40)
	}))
	w.Refused(p, err, "head_moved")
	p, err = w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindApply, func(r *run.Run) { r.Trigger = run.TriggerButton }))
	w.Allowed(p, err, "other")
}

func TestT20AllOf250ReviewsOver9PagesCount(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Review("ben", n, "APPROVE")
	for i := range 248 {
		w.Review([]string{"sam", "oda"}[i%2], n, []string{"APPROVE", "REQUEST_CHANGES", "COMMENT"}[i%3])
	}
	w.Review("oda", n, "APPROVE")
	w.GitHub.Faults().PageSize(30)
	w.GitHub.ResetRequests()
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	if got := w.GitHub.Requests()["GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews"]; got != 9 {
		t.Errorf("%d pages were read, want 9", got)
	}
	w.Review("oda", n, "REQUEST_CHANGES") // the 251st, on the last page
	p, err = w.Apply(n)
	w.Refused(p, err, "no_changes_requested", "`oda`")
}

func TestT20ADismissedApprovalDoesNotCount(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	id, err := w.GitHub.As("rui").Review(repository, n, "APPROVE", "")
	w.Check(err)
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	w.GitHub.Faults().BeforeNext("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", func() {
		w.Check(w.GitHub.As("ben").DismissReview(repository, n, id))
	})
	p, err = w.Apply(n)
	w.Refused(p, err, "approvals", "0 of 1 approval")
}

func TestT21AProjectThatIsConfiguredInAnotherWayIsNotApplied(t *testing.T) {
	const before = "version: 1\nprojects: [{name: net, dir: other}]\n"
	files := twoProjects()
	files["lockkeeper.yml"] = before
	world := newGateWorld(t, files)
	world.Rules("dev", current(policy.CurrentOff))
	world.Rules("prod", current(policy.CurrentOff))
	n, _ := world.Open(change("other/main.tf"))
	configure := func(w *gateWorld, text string) {
		w.Helper()
		_, err := w.GitHub.Commit(repository, "main", "oda", "configure", double.Files{"lockkeeper.yml": text})
		w.Check(err)
	}
	for name, changed := range map[string]string{
		"another workspace":   "{name: net, dir: other, workspace: blue}",
		"another environment": "{name: net, dir: other, environment: prod}",
		"variable files":      "{name: net, dir: other, var_files: [x.tfvars]}",
		"another terraform":   "{name: net, dir: other, terraform: \"1.10.0\"}",
		"where its state is":  "{name: net, dir: other, backend_config: {path: /elsewhere, x: \"y\"}}",
	} {
		t.Run(name, func(t *testing.T) {
			w := world.forgetful(t)
			w.Plan(n, nil)
			configure(w, "version: 1\nprojects: ["+changed+"]\n")
			defer configure(w, before)
			p, err := w.Apply(n)
			w.Refused(p, err, "config_changed", "`net`", "`/plan`")
			w.Plan(n, nil)
			p, err = w.Apply(n)
			w.Allowed(p, err, "net")
		})
	}
}

func TestT22APlanWhoseFileIsGoneIsNotApplied(t *testing.T) {
	for _, name := range []string{run.ArtifactPlan, run.ArtifactSummary} {
		w := newGateWorld(t, twoProjects())
		n, _ := w.Open(change("other/main.tf"))
		plan := w.Plan(n, map[string]planned{"other": {Counts: run.Counts{Destroy: 1}, Changes: []run.Change{{Address: "a.b", Type: "a", Action: run.ActionDestroy}}}})
		w.Check(w.Artifacts.Delete(t.Context(), plan.Jobs[0].Result.Artifacts[name].Key))
		p, err := w.Apply(n)
		w.Refused(p, err, "plan_complete", "`/plan`")
	}
}

func TestT22ASummaryThatIsNotTheOneOfThePlanIsAnError(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	plan := w.Plan(n, map[string]planned{"other": {Counts: run.Counts{Destroy: 2}, Changes: []run.Change{{Address: "a.b", Type: "a", Action: run.ActionDestroy}}}})
	if p, err := w.Apply(n); err == nil || !strings.Contains(err.Error(), "1 of 2 resources") {
		t.Errorf("a summary that leaves out a destroy: %v, %v", names(p), err)
	}
	ref := plan.Jobs[0].Result.Artifacts[run.ArtifactSummary]
	ref.SHA256 = strings.Repeat("0", 64)
	plan.Jobs[0].Result.Artifacts[run.ArtifactSummary] = ref
	if p, err := w.Apply(n); err == nil || !strings.Contains(err.Error(), "reading a plan's summary") {
		t.Errorf("a summary with another digest: %v, %v", names(p), err)
	}
}

func TestT23NothingIsAppliedUnlessEverythingIsPlanned(t *testing.T) {
	world := newGateWorld(t, twoProjects())
	n, _ := world.Open(double.Files{"modules/net/main.tf": "# changed\n"}) // both
	for name, tt := range map[string]struct {
		before func(w *gateWorld, n int)
		apply  []string
		words  []string // none: allowed
	}{
		"no plan at all":          {func(*gateWorld, int) {}, nil, []string{"plan_present", "no plan"}},
		"one of two planned":      {func(w *gateWorld, n int) { w.Plan(n, nil, naming("live-dev")) }, nil, []string{"plan_present", "`live-prod`"}},
		"one of two, and named":   {func(w *gateWorld, n int) { w.Plan(n, nil, naming("live-dev")) }, []string{"live-dev"}, nil},
		"one of two failed":       {func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"live-prod": {Fails: true}}) }, nil, []string{"plan_complete", "`live-prod`"}},
		"one of two is not over":  {func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"live-prod": {Runs: true}}) }, nil, []string{"`live-prod`", "`/plan` is under way"}},
		"what is over, and named": {func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"live-prod": {Runs: true}}) }, []string{"live-dev"}, nil},
		"a plan was asked for": {func(w *gateWorld, n int) {
			w.Plan(n, nil)
			w.Runs = append([]run.Run{w.NewRun(n, run.KindPlan)}, w.Runs...)
		}, nil, []string{"settled", "`/plan` is under way"}},
		"two applies at once do not wait for each other": {func(w *gateWorld, n int) {
			w.Plan(n, nil)
			w.Runs = append([]run.Run{w.NewRun(n, run.KindApply)}, w.Runs...)
		}, nil, nil},
		"planned anew in part": {func(w *gateWorld, n int) {
			w.Plan(n, nil)
			w.Plan(n, map[string]planned{"live-prod": {Fails: true}}, naming("live-prod"))
		}, nil,
			[]string{"plan_complete", "`live-prod`"}},
		"planned anew as a whole": {func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"live-prod": {Fails: true}}); w.Plan(n, nil) }, nil, nil},
		"a project that is not touched": {func(w *gateWorld, n int) { w.Plan(n, nil); w.Plan(n, nil, naming("other")) }, []string{"other"},
			[]string{"touched"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := world.forgetful(t)
			tt.before(w, n)
			p, err := w.Apply(n, naming(tt.apply...))
			switch {
			case tt.words != nil:
				w.Refused(p, err, tt.words...)
			case tt.apply != nil:
				w.Allowed(p, err, tt.apply...)
			default:
				w.Allowed(p, err, "live-dev", "live-prod")
			}
		})
	}
}

func TestT23NoProjectIsNoSuccess(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"README.md": "bye\n"})
	w.Plan(n, nil)
	p, err := w.Apply(n)
	w.Refused(p, err, "any_project")
}

// ended notes how the apply of a run's documents ended.
func (w *gateWorld) ended(n int, p run.Preparation, outcomes map[string]run.Outcome) {
	w.Helper()
	r := w.started(w.NewRun(n, run.KindApply), p)
	for _, j := range r.Jobs {
		o := outcomes[j.Document.Project.Name]
		result := run.Result{Outcome: o, Counts: &run.Counts{Add: 1}}
		if o != run.OutcomeSucceeded {
			result.Problem = &run.Problem{Code: "x", Message: "x"}
		}
		r = w.Message(r, j, result)
	}
	w.Runs = append([]run.Run{r}, w.Runs...)
}

func TestT23AfterAPartialApplyOnlyTheRestIsAppliedFromANewPlan(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	w.Plan(n, nil)
	p, err := w.Apply(n)
	w.Allowed(p, err, "live-dev", "live-prod")
	w.ended(n, p, map[string]run.Outcome{"live-dev": run.OutcomeSucceeded, "live-prod": run.OutcomeFailed})
	p, err = w.Apply(n)
	w.Refused(p, err, "plan_unused", "`live-prod`")
	w.Plan(n, nil, naming("live-prod"))
	p, err = w.Apply(n)
	w.Allowed(p, err, "live-prod")
	w.ended(n, p, map[string]run.Outcome{"live-prod": run.OutcomeSucceeded})
	p, err = w.Apply(n)
	w.Refused(p, err, "already_applied", "applied already")
}

func TestProjectsThatChangeNothingAreAppliedWithoutAJob(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	w.Plan(n, map[string]planned{"live-dev": {}, "live-prod": {}})
	p, err := w.Apply(n)
	w.Allowed(p, err)
	if !slices.Equal(p.Unchanged, []string{"live-dev", "live-prod"}) {
		t.Errorf("unchanged %v", p.Unchanged)
	}
}

func TestWhatPolicyLeftToSomebodyIsTold(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Protected, r.Override = []string{"aws_db_*"}, []string{"acme/production"} })
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, map[string]planned{"other": {
		Counts: run.Counts{Replace: 1}, Changes: []run.Change{{Address: "aws_db_instance.x", Type: "aws_db_instance", Action: run.ActionReplace}},
		Policy: &run.PolicyResult{Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "no public buckets"}}, Rules: 1},
	}})
	p, err := w.Apply(n)
	w.Refused(p, err, "`aws_db_instance.x`", "`no public buckets`", "`/apply other confirm=other`", "acme/production")
	confirmed := func(r *run.Run) { r.Confirm, r.Override = "other", true }
	p, err = w.Apply(n, confirmed)
	w.Refused(p, err, "plan_policy", "acme/production")
	p, err = w.Apply(n, confirmed, by("rui"))
	w.Allowed(p, err, "other")
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "`rui` overrides plan policy") || !strings.Contains(notes, "`rui` confirmed") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestAPlanThatOtherRulesJudgedIsJudgedAnew(t *testing.T) {
	files := twoProjects()
	files["policy/a.rego"] = "package main\n"
	w := newGateWorld(t, files)
	w.Preparer.PlanPolicy = prepare.PlanPolicy{Dir: "policy"}
	w.Rules("dev", current(policy.CurrentOff))
	n, _ := w.Open(change("other/main.tf"))
	judged := map[string]planned{"other": {Counts: run.Counts{Add: 1}, Policy: &run.PolicyResult{Rules: 1}}}
	w.Plan(n, judged)
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	w.Plan(n, nil) // a plan that nobody judged
	p, err = w.Apply(n)
	w.Refused(p, err, "plan_policy", "not judged")
	w.Plan(n, judged)
	_, err = w.GitHub.Commit(repository, "main", "oda", "stricter", double.Files{"policy/a.rego": "package main\ndeny contains \"x\" if true\n"})
	w.Check(err)
	p, err = w.Apply(n)
	w.Refused(p, err, "plan_policy", "not judged")
}

// Where no push plans, the comment of a plan is confirmed; that it waited long, because the
// server was down, is no reason against a plan.
func TestALatePlanIsMadeWhereNoPushPlans(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Gate.PlansItself = func(bool) bool { return false }
	r := w.Commented(n)
	r.Kind, r.CreatedAt = run.KindPlan, r.CreatedAt.Add(20*time.Minute)
	if p, err := w.Preparer.Prepare(t.Context(), r); err != nil || len(p.Documents) == 0 {
		t.Errorf("%d documents, %v", len(p.Documents), err)
	}
}
