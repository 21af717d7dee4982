package gate_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestT07AForkAppliesNothingAndIsNotFetched(t *testing.T) {
	for name, deleted := range map[string]bool{"a fork": false, "a fork that was deleted": true} {
		for env, gated := range map[string]bool{"without approvals": false, "with approvals": true} {
			t.Run(name+" "+env, func(t *testing.T) {
				w := newGateWorld(t, twoProjects())
				w.Lax = "/head/repo: got null" // GitHub's description does not know it
				if gated {
					w.Rules("dev", approvals(1))
				}
				fork, err := w.GitHub.As("sam").Fork(repository)
				w.Check(err)
				_, err = w.GitHub.As("sam").Push(fork, "topic", "evil", change("other/main.tf"))
				w.Check(err)
				n, err := w.GitHub.As("sam").OpenPull(repository, "sam:topic", "main", "evil", "", false)
				w.Check(err)
				w.Review("rui", n, "APPROVE")
				if deleted {
					w.Check(w.GitHub.DeleteRepository(fork))
				}
				git := 0
				w.GitHub.Faults().BeforeNext("git-upload-pack", func() { git++ })
				p, err := w.Apply(n)
				w.Refused(p, err, "same_repository")
				p, err = w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan))
				w.Refused(p, err, "same_repository")
				if _, err := w.Gate.Why(t.Context(), w.NewRun(n, run.KindApply).Repository, n, "ana", nil); err == nil {
					t.Error("/why looked into a fork")
				}
				if entries, err := os.ReadDir(w.Gate.Mirrors.Dir); git > 0 || err == nil && len(entries) > 0 {
					t.Errorf("git was asked %d times; mirrors %v", git, entries)
				}
			})
		}
	}
}

func TestT07AClosedPullRequestAppliesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Check(w.GitHub.As("ana").ClosePull(repository, n))
	p, err := w.Apply(n)
	w.Refused(p, err, "open", "is closed", "reopen it")

	w.Check(w.GitHub.As("ana").ReopenPull(repository, n))
	_, err = w.GitHub.As("oda").MergePull(repository, n, "merge")
	w.Check(err)
	p, err = w.Apply(n)
	w.Refused(p, err, "open", "is merged", "open another one")
}

// Nothing that grants anything is read from the pull request's own commits.
func TestT08WhatTheHeadSaysGrantsNothing(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = "version: 1\nprojects: [{name: net, dir: other, environment: prod}]\n"
	files["CODEOWNERS"] = "/other/ @acme/production\n"
	w := newGateWorld(t, files)
	w.Rules("prod", func(r *policy.Rules) { r.CodeOwners, r.Approvals = true, 1 })
	evil := change("other/main.tf")
	evil["lockkeeper.yml"] = "version: 1\nprojects: [{name: net, dir: other, environment: dev}]\n"
	evil["CODEOWNERS"] = "* @ben\n"
	evil[".github/CODEOWNERS"] = "* @ben\n"
	n, _ := w.Open(evil)
	if plan := w.Plan(n, nil); plan.Jobs[0].Document.Environment.Name != "prod" {
		t.Errorf("planned for %s", plan.Jobs[0].Document.Environment.Name)
	}
	w.Review("ben", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "code_owners", "acme/production")
	w.Review("rui", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "net")
}

// Who approves what, by GitHub's own answers: 14 kinds of people, for one
// approval by anybody, by a code owner, and by a team that the server names.
func TestT19FourteenKindsOfReviewers(t *testing.T) {
	files := twoProjects()
	files["CODEOWNERS"] = "/other/ @cody @acme/owners\n"
	w := newGateWorld(t, files)
	g := w.GitHub
	for login, role := range map[string]string{
		"author": "write", "wanda": "write", "cora": "write", "connor": "write", "pusher": "write", "asker": "write",
		"reader": "read", "tessa": "triage", "outsider": "write", "ghost": "write", "suspended": "none", "teo": "write", "cody": "write", "adam": "admin",
	} {
		w.Check(g.SetPermission(repository, login, role))
	}
	w.Check(g.AddTeam("acme", "owners", "teo"))
	w.Check(g.AddTeam("acme", "approvers", "teo", "author", "wanda", "cora", "connor", "reader"))
	w.Check(g.AddUser("robot[bot]", "Bot"))
	w.Check(g.SetPermission(repository, "robot[bot]", "write"))
	_, err := g.As("author").PushSigned(repository, "topic", "change\n\nCo-authored-by: C <connor@users.noreply.github.com>",
		double.Signed{Author: "wanda", Committer: "cora"}, change("other/main.tf"))
	w.Check(err)
	n, err := g.As("author").OpenPull(repository, "topic", "main", "change", "", false)
	w.Check(err)
	_, err = g.As("pusher").PushSigned(repository, "topic", "more", double.Signed{Author: "author"}, change("other/more.tf"))
	w.Check(err)
	w.Plan(n, nil)

	anybody, owner, named := approvals(1), func(r *policy.Rules) { r.CodeOwners = true }, func(r *policy.Rules) { r.ApprovedBy = []string{"@adam", "acme/approvers"} }
	for _, tt := range []struct {
		kind, login           string
		anybody, owner, named bool
		cannot                bool // GitHub takes no such review
	}{
		{kind: "the author of the pull request", login: "author", cannot: true},
		{kind: "the author of a commit", login: "wanda"},
		{kind: "the committer of a commit", login: "cora"},
		{kind: "a co-author", login: "connor"},
		{kind: "who pushed the head", login: "pusher"},
		{kind: "who asks", login: "asker", anybody: true},
		{kind: "somebody who may read", login: "reader"},
		{kind: "somebody who may triage", login: "tessa"},
		{kind: "an outside collaborator", login: "outsider", anybody: true},
		{kind: "an account that is gone", login: "ghost"},
		{kind: "a bot", login: "robot[bot]"},
		{kind: "a member of teams", login: "teo", anybody: true, owner: true, named: true},
		{kind: "a code owner", login: "cody", anybody: true, owner: true},
		{kind: "an administrator", login: "adam", anybody: true, named: true},
	} {
		id, err := g.As(tt.login).Review(repository, n, "APPROVE", "")
		if (err != nil) != tt.cannot {
			t.Fatalf("%s: %v", tt.kind, err)
		}
		if tt.cannot {
			continue
		}
		if tt.login == "ghost" {
			w.Check(g.DeleteUser("ghost"))
		}
		for rule, c := range map[string]struct {
			rules func(*policy.Rules)
			want  bool
		}{"anybody": {anybody, tt.anybody}, "owner": {owner, tt.owner}, "named": {named, tt.named}} {
			w.Gate.Rules["dev"] = policy.Rules{Current: policy.CurrentStrict}
			w.Rules("dev", c.rules)
			p, err := w.Apply(n, by("asker"))
			if (err == nil) != c.want || err == nil && len(p.Documents) == 0 {
				t.Errorf("%s, approval by %s: %v", tt.kind, rule, err)
			}
		}
		w.Check(g.As("adam").DismissReview(repository, n, id))
	}
}

func TestT19MoreThan250CommitsAreAllLookedAt(t *testing.T) {
	longtest.Only(t) // 252 pushes
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, _ := w.Open(change("other/main.tf"))
	for i := range 250 {
		_, err := w.GitHub.As("ana").Push(repository, "topic", fmt.Sprint(i), double.Files{"x": fmt.Sprint(i)})
		w.Check(err)
	}
	_, err := w.GitHub.As("ana").PushSigned(repository, "topic", "the 252nd", double.Signed{Author: "rui"}, double.Files{"x": "rui's"})
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "`rui` wrote commits of it")
	w.Review("ben", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
}

func TestT19AnApproverWhoWasRenamedIsStillACoAuthor(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	client, err := w.Gate.Client(1)
	w.Check(err)
	rui, _, err := client.Users.Get(t.Context(), "rui")
	w.Check(err)
	_, err = w.GitHub.As("ana").Push(repository, "topic", fmt.Sprintf("x\n\nCo-authored-by: R <%d+old-name@users.noreply.github.com>", rui.GetID()), change("other/main.tf"))
	w.Check(err)
	n, err := w.GitHub.As("ana").OpenPull(repository, "topic", "main", "x", "", false)
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "`rui` wrote commits of it")
}

func TestT24AnApplyOnABaseThatMoved(t *testing.T) {
	related, unrelated := double.Files{"modules/net/x.tf": "# x\n"}, double.Files{"README.md": "x\n"}
	for _, tt := range []struct {
		current policy.Current
		change  double.Files
		words   []string // none: allowed
	}{
		{policy.CurrentStrict, unrelated, []string{"plan_base", "lacks 1 commit", "is at"}},
		{policy.CurrentStrict, related, []string{"plan_base", "lacks 1 commit"}},
		{policy.CurrentProject, unrelated, nil},
		{policy.CurrentProject, related, []string{"branch_current", "`modules/net/x.tf`", "`live-dev`"}},
		{policy.CurrentOff, related, nil},
		{"", unrelated, []string{"How current the branch must be"}},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.current, slices.Sorted(maps.Keys(tt.change))), func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", current(tt.current))
			n, _ := w.Open(double.Files{"live/dev/main.tf": root + "module \"net\" {\n  source = \"../../modules/net\"\n}\n# changed\n", "other/main.tf": root + "# changed\n"})
			w.Plan(n, nil)
			_, err := w.GitHub.Commit(repository, "main", "oda", "meanwhile", tt.change)
			w.Check(err)
			p, err := w.Apply(n)
			if tt.words == nil {
				w.Allowed(p, err, "live-dev", "other")
				return
			}
			w.Refused(p, err, tt.words...)
		})
	}
}

func TestT24ABaseThatMovesBeforeTheStart(t *testing.T) {
	related, unrelated := double.Files{"modules/net/x.tf": "# x\n"}, double.Files{"README.md": "x\n"}
	for _, tt := range []struct {
		current policy.Current
		change  double.Files
		refused bool
	}{
		{policy.CurrentStrict, unrelated, true}, {policy.CurrentProject, unrelated, false}, {policy.CurrentProject, related, true},
		{policy.CurrentOff, related, false},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.current, slices.Sorted(maps.Keys(tt.change))), func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", current(tt.current))
			n, _ := w.Open(double.Files{"live/dev/main.tf": root + "module \"net\" {\n  source = \"../../modules/net\"\n}\n# changed\n"})
			w.Plan(n, nil)
			r := w.Commented(n)
			p, err := w.Preparer.Prepare(t.Context(), r)
			w.Allowed(p, err, "live-dev")
			started := w.started(r, p)
			w.Check(w.Gate.Recheck(t.Context(), started))
			_, err = w.GitHub.Commit(repository, "main", "oda", "meanwhile", tt.change)
			w.Check(err)
			err = w.Gate.Recheck(t.Context(), started)
			if !tt.refused {
				w.Check(err)
				return
			}
			w.Refused(run.Preparation{}, err, "base_moved", "`main`")
			started.Jobs[0].State = run.JobSucceeded
			if err := w.Gate.Recheck(t.Context(), started); tt.current == policy.CurrentProject && err != nil {
				t.Errorf("a job that is over still counts: %v", err)
			}
		})
	}
}

func TestABranchThatIsGoneIsNotTheOneThatWasJudged(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	r := w.Commented(n)
	p, err := w.Preparer.Prepare(t.Context(), r)
	w.Allowed(p, err, "other")
	w.Rules("dev", current(policy.CurrentOff)) // a base that moves does not matter, but it has to be there
	for name, change := range map[string]func(*run.Run){
		"head":          func(r *run.Run) { r.HeadRef = "gone" },
		"base":          func(r *run.Run) { r.BaseRef = "gone" },
		"no commit":     func(r *run.Run) { r.HeadSHA = "" },
		"no base":       func(r *run.Run) { r.BaseSHA = "" },
		"pull's number": func(r *run.Run) { r.HeadRef, r.PullRequest = "", 99 },
	} {
		started := w.started(r, p)
		change(&started)
		var words []string
		if name == "head" {
			words = []string{"head_moved", "is gone"}
		}
		w.Refused(run.Preparation{}, w.Gate.Recheck(t.Context(), started), words...)
	}
	old := w.started(r, p)
	old.HeadRef = "" // of a run that was prepared before it was remembered
	w.Check(w.Gate.Recheck(t.Context(), old))
}

func TestConflictsAreKnownAtOnce(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", current(policy.CurrentOff))
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	_, err := w.GitHub.Commit(repository, "main", "oda", "meanwhile", double.Files{"other/main.tf": "# another\n"})
	w.Check(err)
	w.GitHub.Faults().MergeableAfter(1000)
	p, err := w.Apply(n)
	w.Refused(p, err, "mergeable", "conflicts")
	w.GitHub.Faults().MergeableAfter(0)
	w.get(n)
	p, err = w.Apply(n)
	w.Refused(p, err, "mergeable", "conflicts")
}

func TestLocksOfOthersStandInTheWay(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	first, _ := w.Open(change("other/main.tf"))
	w.Plan(first, nil)
	_, err := w.GitHub.As("ben").Push(repository, "second", "x", double.Files{"other/main.tf": root + "# another\n"})
	w.Check(err)
	second, err := w.GitHub.As("ben").OpenPull(repository, "second", "main", "x", "", false)
	w.Check(err)
	if plan := w.Plan(second, nil); len(plan.Blocked) == 0 {
		t.Fatal("two pull requests hold one lock")
	}
	p, err := w.Apply(second)
	w.Refused(p, err, "plan_lock", fmt.Sprintf("#%d holds the lock", first), "number 1 in the queue")

	w.Locks.Release(w.Holder(first), nil)
	p, err = w.Apply(first)
	w.Refused(p, err, "lock_held", "does not hold the lock")
	w.Plan(second, nil)
	p, err = w.Apply(second)
	w.Allowed(p, err, "other")
	w.Check(w.Locks.Begin(w.Holder(second), "r", p.Documents, time.Now()))
	p, err = w.Apply(second)
	w.Refused(p, err, "not_busy", "under way")
	w.Locks.End("r", nil, nil, nil, time.Now())
	w.Locks.Release(w.Holder(second), nil)
	w.Plan(second, nil, naming("other"))
	p, err = w.Apply(second)
	w.Allowed(p, err, "other")

	w.Locks.Release(w.Holder(second), nil)
	w.Gate.LockAtApply = true // the apply takes the lock, when it is free
	p, err = w.Apply(second)
	w.Allowed(p, err, "other")
	w.Plan(first, nil)
	p, err = w.Apply(second)
	w.Refused(p, err, "lock_held", fmt.Sprintf("#%d holds the lock", first))
}

func TestT32TwoProjectsWithOneStateExcludeEachOther(t *testing.T) {
	s3 := "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key    = \"k\"\n  }\n}\n"
	w := newGateWorld(t, double.Files{"a/main.tf": s3, "b/main.tf": s3})
	w.Preparer.Environments.ByName["dev"] = prepare.Environment{Job: run.JobEnvironment{Name: "dev"}}
	n, _ := w.Open(double.Files{"a/main.tf": s3 + "# changed\n"})
	plan := w.Plan(n, nil)
	if state := plan.Jobs[0].Document.Project.State; !strings.HasPrefix(state, "s3:") {
		t.Errorf("state %q", state)
	}
	_, err := w.GitHub.As("ben").Push(repository, "second", "x", double.Files{"b/main.tf": s3 + "# changed\n"})
	w.Check(err)
	second, err := w.GitHub.As("ben").OpenPull(repository, "second", "main", "x", "", false)
	w.Check(err)
	if plan := w.Plan(second, nil); len(plan.Blocked) != 1 {
		t.Errorf("blocked %v", plan.Blocked)
	}
}

func TestJudgeSaysWhatIsMissingForAnybody(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) {
		r.Approvals, r.Apply, r.RequiredChecks = 1, []string{"acme/production"}, []string{"build"}
	})
	n, sha := w.Open(change("other/main.tf"))
	plan := w.Plan(n, nil)
	gate, err := w.Gate.Judge(t.Context(), plan)
	w.Check(err)
	if text := strings.Join(gate.Missing, "\n"); gate.Allowed || len(gate.Missing) != 2 || !strings.Contains(text, "0 of 1 approval") || !strings.Contains(text, "`build` is missing") {
		t.Errorf("gate %+v", gate)
	}
	w.Review("rui", n, "APPROVE")
	_, err = w.GitHub.ReportCheck(repository, sha, double.OtherApp{ID: 1, Slug: "ci"}, "build", "completed", "success")
	w.Check(err)
	gate, err = w.Gate.Judge(t.Context(), plan)
	w.Check(err)
	if !gate.Allowed || len(gate.Missing) != 0 || gate.At.IsZero() {
		t.Errorf("gate %+v", gate)
	}
	v, err := w.Gate.Why(t.Context(), plan.Repository, n, "ana", nil)
	w.Check(err)
	if v.Allowed || !strings.Contains(v.Why(), "Only `acme/production` may apply") || !strings.Contains(v.Why(), "✓ 1 of 1 approval") {
		t.Errorf("why:\n%s", v.Why())
	}
	for _, actor := range []string{"rui", ""} {
		if v, err := w.Gate.Why(t.Context(), plan.Repository, n, actor, []string{"oth*"}); err != nil || !v.Allowed {
			t.Errorf("%q: %v\n%s", actor, err, v.Why())
		}
	}
	if _, err := w.Gate.Why(t.Context(), plan.Repository, n, "ana", []string{"nope"}); err == nil {
		t.Error("a project that does not exist was explained")
	}
}

func TestThePlanForeseesWhatItsApplyNeeds(t *testing.T) {
	const (
		pulls, reviews, list = "GET /repos/{owner}/{repo}/pulls/{pull_number}", "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits"
		tip, one, all        = "GET /repos/{owner}/{repo}/git/ref/{ref}", "GET /repos/{owner}/{repo}/collaborators/{username}/permission", "GET /repos/{owner}/{repo}/collaborators"
	)
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	prepare := func(calls ...string) *run.Gate {
		t.Helper()
		r := w.NewRun(n, run.KindPlan)
		w.GitHub.ResetRequests()
		p, err := w.Preparer.Prepare(t.Context(), r)
		w.Check(err)
		got := map[string]int{}
		for _, c := range calls {
			got[c] = 1
		}
		if diff := cmp.Diff(got, w.GitHub.Requests()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if len(p.Documents) != 2 {
			t.Errorf("documents %v", names(p))
		}
		return p.Gate
	}
	w.RepositoryID()
	if gate := prepare(pulls, tip, one); gate != nil {
		t.Errorf("nothing is asked for, and the gate is %+v", gate)
	}
	w.Rules("prod", approvals(1)) // no project of this pull request is in it
	if gate := prepare(pulls, one, reviews); gate != nil {
		t.Errorf("nothing is asked for here, and the gate is %+v", gate)
	}
	w.Rules("dev", func(r *policy.Rules) {
		r.Approvals, r.RequiredChecks, r.Apply = 1, []string{"build", "lockkeeper/plan"}, []string{"acme/production"}
	})
	gate := prepare(pulls, one, reviews)
	if text := strings.Join(gate.Missing, "\n"); gate.Allowed || len(gate.Missing) != 2 || !strings.Contains(text, "0 of 1 approval") || !strings.Contains(text, "Required checks have to be green: `build`.") {
		t.Errorf("gate %+v", gate)
	}
	w.Review("rui", n, "APPROVE")
	gate = prepare(pulls, reviews, list, all, activity) // the first approval of a head costs a call more
	if gate.Allowed || !gate.Preview || len(gate.Missing) != 2 || !strings.Contains(gate.Missing[0], "`rui` approved before this was planned") {
		t.Errorf("gate %+v", gate)
	}
	w.Rules("dev", func(r *policy.Rules) { r.ApprovalOf = policy.ApprovalOfCommit })
	gate = prepare(pulls, reviews, list, all)
	if gate.Allowed || gate.Preview || len(gate.Missing) != 1 {
		t.Errorf("where approvals are of the commit: gate %+v", gate)
	}
	w.Rules("dev", func(r *policy.Rules) { r.RequiredChecks = nil })
	if gate = prepare(pulls, reviews, list, all); !gate.Allowed {
		t.Errorf("gate %+v", gate)
	}
	w.Review("oda", n, "REQUEST_CHANGES")
	if gate = prepare(pulls, reviews, list, all); gate.Allowed || !strings.Contains(gate.Missing[0], "`oda`") {
		t.Errorf("gate %+v", gate)
	}
}

func TestOnlyRequestsForChangesByThoseWhoMayWriteCount(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Check(w.GitHub.SetPermission(repository, "ghost", "write"))
	w.Review("sam", n, "REQUEST_CHANGES")
	w.Review("ghost", n, "REQUEST_CHANGES")
	p, err := w.Apply(n)
	w.Refused(p, err, "no_changes_requested", "`ghost`")
	w.Check(w.GitHub.DeleteUser("ghost")) // who cannot take it back
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
	w.Review("rui", n, "REQUEST_CHANGES")
	w.Review("rui", n, "COMMENT")
	p, err = w.Apply(n)
	w.Refused(p, err, "no_changes_requested", "`rui`")
}

// "Update branch" is what a refusal asks for; who does it may still approve.
func TestT19WhoUpdatesTheBranchMayApprove(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, _ := w.Open(change("other/main.tf"))
	_, err := w.GitHub.Commit(repository, "main", "ben", "beside", double.Files{"docs/x": "x"})
	w.Check(err)
	_, err = w.GitHub.As("rui").UpdateBranch(repository, n)
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
}

// A pull request of which a tool wrote everything can be approved, where the server lists the tool.
func TestWhatAToolWroteCanBeApproved(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	_, err := w.GitHub.As("ana").PushSigned(repository, "topic", "change", double.Signed{Author: "bot@tool.example"}, change("other/main.tf"))
	w.Check(err)
	n, err := w.GitHub.As("ana").OpenPull(repository, "topic", "main", "change", "", false)
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "account is not known")
	w.Gate.IsTool = func(email string) bool { return email == "bot@tool.example" }
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
}

// GitHub then says that the user ghost opened it. What that person wrote and pushed has no account any more; here somebody else did both.
func TestAPullRequestOutlivesItsAuthor(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	g := w.GitHub
	w.Check(g.SetPermission(repository, "leaver", "write"))
	_, err := g.As("ana").PushSigned(repository, "topic", "change", double.Signed{Author: "ana", Committer: "ana"}, change("other/main.tf"))
	w.Check(err)
	n, err := g.As("leaver").OpenPull(repository, "topic", "main", "change", "", false)
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	w.Check(g.DeleteUser("leaver"))
	p, err := w.Apply(n, by("rui"))
	w.Allowed(p, err, "other")
}

func TestT32APlanOfAnEarlierGrantOfTheLockIsNotApplied(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	plan := w.Plan(n, nil)
	docs := []run.JobDocument{plan.Jobs[0].Document}
	w.Locks.Release(w.Holder(n), nil)
	fences, _ := w.Locks.Claim(w.Holder(n), run.Claims(docs), false, time.Now())
	if fences["other"] == docs[0].Fence {
		t.Fatal("the lock was given with the same fence")
	}
	p, err := w.Apply(n)
	w.Refused(p, err, "lock_held", "`/plan`")
	w.Plan(n, nil)
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
}

// What is planned because somebody named it, and is not changed by the pull
// request, stands in nobody's way: an apply is not about it.
func TestAPlanOfEverythingLeavesTheApplyToWhatThePullRequestChanges(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = config
	w := newGateWorld(t, files)
	w.Rules("prod", approvals(1))
	w.Rules("dev", approvals(2))
	n, _ := w.Open(change("live/prod/main.tf"))
	plan := w.Plan(n, nil, naming("*"))
	if len(plan.Jobs) != 2 || !slices.Equal(plan.Untouched, []string{"net-dev"}) {
		t.Fatalf("%d jobs, untouched %v", len(plan.Jobs), plan.Untouched)
	}
	later, err := w.Gate.Judge(t.Context(), plan)
	w.Check(err)
	for when, gate := range map[string]*run.Gate{"foreseen": plan.Gate, "judged": &later} {
		if len(gate.Missing) != 1 || !strings.HasPrefix(gate.Missing[0], "0 of 1 approval") {
			t.Errorf("%s: %q", when, gate.Missing)
		}
	}
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Allowed(p, err, "net-prod")
	p, err = w.Apply(n, naming("*"))
	w.Refused(p, err, "touched")
	other := w.Plan(n, nil, naming("net-dev")) // beside net-prod, which is shown, too
	if later, err = w.Gate.Judge(t.Context(), other); err != nil || !later.Allowed || !slices.Equal(later.Projects, []string{"net-prod"}) {
		t.Errorf("beside what it changes: %+v, %v", later, err)
	}
	alone := newGateWorld(t, files)
	m, _ := alone.Open(double.Files{"README.md": "x\n"})
	other = alone.Plan(m, nil, naming("net-dev"))
	if later, err = alone.Gate.Judge(t.Context(), other); err != nil || len(later.Missing) == 0 || !strings.Contains(later.Missing[0], "does not change") {
		t.Errorf("of nothing but that: %+v, %v", later, err)
	}
}

// A stolen webhook secret makes up comments. Where it matters who asks for a
// plan, the comment is read again.
func TestAForgedCommandPlansNothingWherePlansAreLimited(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Plan = []string{"rui"} })
	n, _ := w.Open(change("other/main.tf"))
	by := func(login string) run.Run {
		r := w.Commented(n, by(login))
		r.Kind = run.KindPlan
		return r
	}
	prepare := func(r run.Run) (run.Preparation, error) { return w.Preparer.Prepare(t.Context(), r) }
	p, err := prepare(by("rui"))
	w.Allowed(p, err, "other")
	p, err = prepare(by("ana"))
	w.Refused(p, err, "may_plan", "Only `rui`")
	forged := by("ana")
	forged.Actor = "rui"
	p, err = prepare(forged)
	w.Refused(p, err, "comment_unchanged")
	forged = by("rui")
	forged.CommentID += 1000
	p, err = prepare(forged)
	w.Refused(p, err, "comment_unchanged")
	forged = by("rui")
	forged.Comment = "another"
	p, err = prepare(forged)
	w.Refused(p, err, "comment_unchanged")
}
