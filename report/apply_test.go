package report

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// applyViews are the states of a pull request from the first plan that may be
// applied to the merge.
func applyViews() map[string]view.Input {
	chain := viewtest.New("r5").Planned("vpc-prod", "prod", viewtest.Changes(viewtest.Topic)).Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue)).
		Planned("app-prod", "prod", viewtest.Changes(viewtest.Service)).Planned("app-eu", "prod", viewtest.Changes(viewtest.Service)).Planned("dns-prod", "prod", viewtest.Changes(viewtest.Queue))
	plan, one := viewtest.Three(), viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
	mine := viewtest.Locking{}.Held(12, "network-prod", "app-prod", "dns-prod")

	stopped := plan.Apply("r9", "network-prod", "app-prod cancelled")
	stopped.Run.Closed = true
	merged := plan.Apply("r9", "network-prod", "app-prod")
	merged.Run.Merged = true
	dirty := viewtest.Locking{}.Held(12, "network-prod").Wants(4015, "network-prod")
	dirty.Each(func(l *run.Lock) { l.Dirty = true })
	astray := viewtest.Locking{}.Held(12, "network-prod").Wants(4015, "network-prod")
	astray.Each(func(l *run.Lock) { l.Dirty, l.Astray = true, true })
	repair := viewtest.New("r6").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue)).Gate("What an earlier apply made stands only in the server's file " +
		"`artifacts/runs/r9/r9-0.errored.tfstate`, so no plan knows of it and an apply would make it again: run `terraform init` and `terraform state push` with that file " +
		"where the project has a backend, then comment `/unlock` and `/plan`.")
	repair.Run.CreatedAt, repair.Run.FinishedAt = viewtest.Noon.Add(2*time.Hour), viewtest.Noon.Add(2*time.Hour+8*time.Second)
	again := viewtest.New("r6").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue))
	again.Run.CreatedAt, again.Run.FinishedAt = viewtest.Noon.Add(2*time.Hour), viewtest.Noon.Add(2*time.Hour+8*time.Second)
	busy := viewtest.Locking{}.Held(12, "network-prod")
	busy.Each(func(l *run.Lock) { l.Busy = "r9" })
	unchanged := viewtest.New("rn").Planned("app-dev", "dev", viewtest.NoChange).Planned("app-prod", "prod", viewtest.NoChange)
	nothing := unchanged.Apply("r9")
	nothing.Run.Unchanged = []string{"app-dev", "app-prod"}
	later := viewtest.Three()
	later.Run.Jobs[1].Document.Project.AfterMerge = true
	untouched := viewtest.Three()
	untouched.Run.Line, untouched.Run.Selectors, untouched.Run.Untouched = "/plan *", []string{"*"}, []string{"app-prod", "dns-prod"}
	planOnly := viewtest.Three().Gate().Input()
	planOnly.NoApply = map[string]bool{"prod": true}

	return map[string]view.Input{
		"apply_machine":         chain.Then(withoutMachine(chain.Apply("r9", "vpc-prod", "network-prod running", "app-prod queued"))),
		"apply_running":         chain.Then(chain.Apply("r9", "vpc-prod", "network-prod running", "app-prod queued", "app-eu queued", "dns-prod")),
		"apply_done":            withLocks(plan.Then(plan.Apply("r9", "network-prod", "app-prod")), mine),
		"apply_done_one":        one.Then(one.Apply("r9", "network-prod")),
		"apply_failed":          withLocks(plan.Then(plan.Apply("r9", "network-prod failed", "app-prod skipped")), dirty),
		"apply_failed_one":      one.Then(one.Apply("r9", "network-prod failed")),
		"apply_interrupted":     one.Then(one.Apply("r9", "network-prod failed").Because("network-prod", viewtest.Killed)),
		"apply_state_not_saved": one.Then(one.Apply("r9", "network-prod failed").Because("network-prod", viewtest.NotSaved)),
		"apply_state_astray":    withLocks(one.Apply("r9", "network-prod failed").Because("network-prod", viewtest.NotSaved).Then(repair), astray),
		"apply_stopped":         plan.Then(stopped),
		"apply_partly":          plan.Then(plan.Apply("r9", "app-prod")),
		"apply_nothing":         unchanged.Then(nothing),
		"apply_merged":          plan.Then(merged),
		"apply_planned_again":   withLocks(one.Apply("r9", "network-prod failed").Then(again), dirty),
		"apply_elsewhere":       again.Gate("An apply of it is under way: wait for its end, then comment `/plan`.").With(busy),
		"apply_after_merge":     later.Gate().Input(),
		"apply_plan_only":       planOnly,
		"apply_untouched":       untouched.Then(untouched.Apply("r9", "network-prod")),
		"gate_untouched":        untouched.Gate().Input(),
		"gate_ready":            viewtest.Three().Gate().Input(),
		"gate_one":              one.Gate("0 of 2 approvals of `3f2c1ab`: ask 2 people with write access who wrote none of its commits to approve it.").Input(),
		"gate_many": viewtest.Three().Gate("0 of 2 approvals of `3f2c1ab`: ask 2 people with write access who wrote none of its commits to approve it.",
			"`network-prod`: `main` has 3 commits that touch `modules/vpc`: update the branch.",
			"The check `build` is running: wait for it.", "The check `build` is running: wait for it.").Input(),
	}
}

// lockViews are what people see of locks and of what rules say.
func lockViews() map[string]view.Input {
	waiting := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)).Speculative()
	many := viewtest.Three().Speculative()
	other := viewtest.Locking{}.Held(4012, "network-prod")
	other.Each(func(l *run.Lock) { l.Holder.Repository = run.Repository{ID: 8, Owner: "acme", Name: "network"} })
	own := viewtest.Locking{}.Held(12, "network-prod").Wants(12, "network-prod")
	own.Each(func(l *run.Lock) { l.Busy = "r9" })
	mine := viewtest.Locking{}.Held(12, "network-prod", "app-prod").Wants(4015, "network-prod").Wants(4017, "network-prod", "app-prod")
	turn := viewtest.New("r2")
	turn.Run.Trigger, turn.Run.State, turn.Run.Selectors, turn.Run.Actor = run.TriggerTurn, run.StateAccepted, []string{"network-prod"}, ""
	turn.Run.HeadSHA, turn.Run.PreparedAt, turn.Run.Line, turn.Run.CreatedAt = "", time.Time{}, "", viewtest.Noon.Add(time.Hour)

	locked := func(f *viewtest.Fixture) *viewtest.Fixture {
		for i, j := range f.Run.Jobs {
			f.Run.Jobs[i].Document.RepositoryID, f.Run.Jobs[i].Document.Fence = viewtest.Repository.ID, 3
			f.Run.Jobs[i].Document.Project.Workspace = "default"
			f.Run.Jobs[i].Document.Project.State = view.ProjectOf(j)
		}
		return f
	}
	released := locked(viewtest.Three()).Gate()
	var kept viewtest.Locking
	for _, j := range released.Run.Jobs[1:] {
		for _, key := range run.LockKeys(j.Document) {
			kept.Locks.Locks = append(kept.Locks.Locks, run.Lock{Key: key, Fence: 3, Holder: viewtest.Holder(12), Project: view.ProjectOf(j)})
		}
	}
	gone := locked(viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)))
	var taken viewtest.Locking
	for _, key := range run.LockKeys(gone.Run.Jobs[0].Document) {
		taken.Locks.Locks = append(taken.Locks.Locks, run.Lock{Key: key, Fence: 4, Holder: viewtest.Holder(4012), Project: "network-prod"})
	}
	half := viewtest.Three()
	half.Run.CreatedAt = viewtest.Noon.Add(-time.Hour)
	named := viewtest.New("r7").Planned("dns-prod", "prod", viewtest.Changes(viewtest.Queue)).Speculative()
	named.Run.Selectors, named.Run.Line = []string{"dns-prod"}, "/plan dns-prod"

	open := run.PolicyFinding{Rule: "main.deny", Message: "aws_security_group.web is open to the world (0.0.0.0/0)"}
	tags := run.PolicyFinding{Rule: "tags.deny", Message: "aws_sqs_queue.jobs has no tag `owner`"}
	old := run.PolicyFinding{Rule: "main.warn", Message: "aws_lb.public uses TLS 1.0"}
	denied := func() *viewtest.Fixture {
		return viewtest.Three().Judged("network-prod", run.PolicyResult{Rules: 4, Denied: []run.PolicyFinding{open, tags}, Warned: []run.PolicyFinding{old}}).
			Judged("app-prod", run.PolicyResult{Rules: 4, Warned: []run.PolicyFinding{old}}).Judged("dns-prod", run.PolicyResult{Rules: 4})
	}
	one := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)).Judged("network-prod", run.PolicyResult{Rules: 4, Denied: []run.PolicyFinding{tags}})
	overridden := denied()
	over := overridden.Apply("r9", "network-prod", "app-prod")
	over.Run.Override, over.Run.Line = true, "/apply override=policy"

	return map[string]view.Input{
		"speculative":       waiting.With(viewtest.Locking{}.Held(4012, "network-prod").Wants(4011, "network-prod").Wants(12, "network-prod")),
		"speculative_many":  many.With(viewtest.Locking{}.Held(4012, "network-prod", "dns-prod").Held(4010, "app-prod").Wants(4011, "app-prod").Wants(12, "app-prod", "dns-prod", "network-prod")),
		"speculative_free":  waiting.With(viewtest.Locking{}.Wants(4011, "network-prod").Wants(12, "network-prod")),
		"speculative_other": waiting.With(viewtest.Locking{Locks: other.Locks}.Wants(12, "network-prod")),
		"speculative_lost":  waiting.With(viewtest.Locking{}),
		"speculative_own":   waiting.With(own),
		"speculative_half":  withLocks(half.Then(named), viewtest.Locking{}.Held(12, "app-prod", "network-prod").Held(4012, "dns-prod").Wants(12, "dns-prod")),
		"waiting_for_locks": viewtest.Three().With(viewtest.Locking{}.Held(4012, "network-prod").Wants(12, "network-prod")),
		"released_one":      released.With(kept),
		"released_all":      locked(viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue))).Gate().Input(),
		"released_taken":    withLocks(gone.Gate().Input(), taken),
		"released_applied":  gone.Then(gone.Apply("r9", "network-prod")),
		"turn":              waiting.Then(turn),
		"in_line":           viewtest.Three().With(mine),
		"policy_denied":     denied().Gate("`network-prod`: Plan policy denies its plan (`aws_security_group.web is open to the world`): change the code and push.").Input(),
		"policy_one":        one.Input(),
		"policy_overridden": overridden.Then(over),
	}
}

func withLocks(in view.Input, l viewtest.Locking) view.Input {
	in.Locks = l.Locks
	return in
}

func TestCommentOfAnApply(t *testing.T) {
	views := applyViews()
	maps.Copy(views, lockViews())
	for name, in := range views {
		t.Run(name, func(t *testing.T) {
			got := Comment(in)
			golden(t, "comment_"+name, got)
			if s := judge(t, got); s.Headings != 1 || s.Opened != s.Closed || len(got) > commentBudget {
				t.Errorf("%d bytes, structure %+v", len(got), s)
			}
		})
	}
}

// What an apply says depends on which came last: it or a plan.
func TestTheNewestOfPlanAndApplyCounts(t *testing.T) {
	plan := viewtest.New("r1").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Planned("b", "dev", viewtest.Changes(viewtest.Queue))
	asked := plan.Apply("r9")
	asked.Run.State, asked.Run.PreparedAt, asked.Run.FinishedAt = run.StateAccepted, time.Time{}, time.Time{}
	empty := viewtest.New("r1").Planned("a", "dev", viewtest.NoChange)
	before := empty.Apply("r9")
	before.Run.Unchanged = []string{"a"}
	again := viewtest.New("r8").Planned("a", "dev", viewtest.NoChange)
	again.Run.CreatedAt = before.Run.CreatedAt.Add(time.Hour)
	one := viewtest.New("r8").Planned("b", "dev", viewtest.Changes(viewtest.Topic))
	one.Run.Selectors, one.Run.Line = []string{"b"}, "/plan b"
	one.Run.CreatedAt, one.Run.FinishedAt = viewtest.Noon.Add(2*time.Hour), viewtest.Noon.Add(2*time.Hour+5*time.Second)

	for name, c := range map[string]struct {
		view view.Input
		want []string
	}{
		"an apply that is not judged yet": {plan.Then(asked), []string{"### Plan for", "**2 projects: 2 to add**"}},
		"a plan after an empty apply":     {view.Input{Runs: []run.Run{again.Run, before.Run, empty.Run}}, []string{"### Plan for", "**No changes**"}},
		"a plan after an apply of another": {view.Input{Runs: []run.Run{one.Run, plan.Apply("r9", "a").Run, plan.Run}},
			[]string{"### Applied 1 of 2: ", "1 applied, 1 not applied", "\n`/plan b` by `alice` · 2026-03-04 14:00:05"}},
	} {
		t.Run(name, func(t *testing.T) {
			body := Comment(c.view)
			for _, want := range c.want {
				if !strings.Contains(body, want) {
					t.Errorf("%q is missing in:\n%s", want, body)
				}
			}
		})
	}
}
