package report

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// applyViews are the states of a pull request from the first plan that may be
// applied to the merge.
func applyViews() map[string]View {
	chain := newFixture("r5").planned("vpc-prod", "prod", changes(topic)).planned("network-prod", "prod", changes(database, queue)).
		planned("app-prod", "prod", changes(service)).planned("app-eu", "prod", changes(service)).planned("dns-prod", "prod", changes(queue))
	plan, one := three(), newFixture("r1").planned("network-prod", "prod", changes(database, queue))
	mine := locking{}.held(12, "network-prod", "app-prod", "dns-prod")

	stopped := plan.apply("r9", "network-prod", "app-prod cancelled")
	stopped.run.Closed = true
	merged := plan.apply("r9", "network-prod", "app-prod")
	merged.run.Merged = true
	dirty := locking{}.held(12, "network-prod").wants(4015, "network-prod")
	dirty.each(func(l *run.Lock) { l.Dirty = true })
	astray := locking{}.held(12, "network-prod").wants(4015, "network-prod")
	astray.each(func(l *run.Lock) { l.Dirty, l.Astray = true, true })
	repair := newFixture("r6").planned("network-prod", "prod", changes(database, queue)).gate("What an earlier apply made stands only in the server's file " +
		"`artifacts/runs/r9/r9-0.errored.tfstate`, so no plan knows of it and an apply would make it again: run `terraform init` and `terraform state push` with that file " +
		"where the project has a backend, then comment `/unlock` and `/plan`.")
	repair.run.CreatedAt, repair.run.FinishedAt = noon.Add(2*time.Hour), noon.Add(2*time.Hour+8*time.Second)
	again := newFixture("r6").planned("network-prod", "prod", changes(queue))
	again.run.CreatedAt, again.run.FinishedAt = noon.Add(2*time.Hour), noon.Add(2*time.Hour+8*time.Second)
	busy := locking{}.held(12, "network-prod")
	busy.each(func(l *run.Lock) { l.Busy = "r9" })
	unchanged := newFixture("rn").planned("app-dev", "dev", noChange).planned("app-prod", "prod", noChange)
	nothing := unchanged.apply("r9")
	nothing.run.Unchanged = []string{"app-dev", "app-prod"}
	later := three()
	later.run.Jobs[1].Document.Project.AfterMerge = true
	untouched := three()
	untouched.run.Line, untouched.run.Selectors, untouched.run.Untouched = "/plan *", []string{"*"}, []string{"app-prod", "dns-prod"}
	planOnly := three().gate().view()
	planOnly.NoApply = map[string]bool{"prod": true}

	return map[string]View{
		"apply_running":         chain.then(chain.apply("r9", "vpc-prod", "network-prod running", "app-prod queued", "app-eu queued", "dns-prod")),
		"apply_done":            withLocks(plan.then(plan.apply("r9", "network-prod", "app-prod")), mine),
		"apply_done_one":        one.then(one.apply("r9", "network-prod")),
		"apply_failed":          withLocks(plan.then(plan.apply("r9", "network-prod failed", "app-prod skipped")), dirty),
		"apply_failed_one":      one.then(one.apply("r9", "network-prod failed")),
		"apply_interrupted":     one.then(one.apply("r9", "network-prod failed").because("network-prod", killed)),
		"apply_state_not_saved": one.then(one.apply("r9", "network-prod failed").because("network-prod", notSaved)),
		"apply_state_astray":    withLocks(one.apply("r9", "network-prod failed").because("network-prod", notSaved).then(repair), astray),
		"apply_stopped":         plan.then(stopped),
		"apply_partly":          plan.then(plan.apply("r9", "app-prod")),
		"apply_nothing":         unchanged.then(nothing),
		"apply_merged":          plan.then(merged),
		"apply_planned_again":   withLocks(one.apply("r9", "network-prod failed").then(again), dirty),
		"apply_elsewhere":       again.gate("An apply of it is under way: wait for its end, then comment `/plan`.").with(busy),
		"apply_after_merge":     later.gate().view(),
		"apply_plan_only":       planOnly,
		"apply_untouched":       untouched.then(untouched.apply("r9", "network-prod")),
		"gate_untouched":        untouched.gate().view(),
		"gate_ready":            three().gate().view(),
		"gate_one":              one.gate("0 of 2 approvals of `3f2c1ab`: ask 2 people with write access who wrote none of its commits to approve it.").view(),
		"gate_many": three().gate("0 of 2 approvals of `3f2c1ab`: ask 2 people with write access who wrote none of its commits to approve it.",
			"`network-prod`: `main` has 3 commits that touch `modules/vpc`: update the branch.",
			"The check `build` is running: wait for it.", "The check `build` is running: wait for it.").view(),
	}
}

// lockViews are what people see of locks and of what rules say.
func lockViews() map[string]View {
	waiting := newFixture("r1").planned("network-prod", "prod", changes(queue)).speculative()
	many := three().speculative()
	other := locking{}.held(4012, "network-prod")
	other.each(func(l *run.Lock) { l.Holder.Repository = run.Repository{ID: 8, Owner: "acme", Name: "network"} })
	own := locking{}.held(12, "network-prod").wants(12, "network-prod")
	own.each(func(l *run.Lock) { l.Busy = "r9" })
	mine := locking{}.held(12, "network-prod", "app-prod").wants(4015, "network-prod").wants(4017, "network-prod", "app-prod")
	turn := newFixture("r2")
	turn.run.Trigger, turn.run.State, turn.run.Selectors, turn.run.Actor = run.TriggerTurn, run.StateAccepted, []string{"network-prod"}, ""
	turn.run.HeadSHA, turn.run.PreparedAt, turn.run.Line, turn.run.CreatedAt = "", time.Time{}, "", noon.Add(time.Hour)

	locked := func(f *fixture) *fixture {
		for i, j := range f.run.Jobs {
			f.run.Jobs[i].Document.RepositoryID, f.run.Jobs[i].Document.Fence = repository.ID, 3
			f.run.Jobs[i].Document.Project.Workspace = "default"
			f.run.Jobs[i].Document.Project.State = projectOf(j)
		}
		return f
	}
	released := locked(three()).gate()
	var kept locking
	for _, j := range released.run.Jobs[1:] {
		for _, key := range run.LockKeys(j.Document) {
			kept.Locks.Locks = append(kept.Locks.Locks, run.Lock{Key: key, Fence: 3, Holder: holder(12), Project: projectOf(j)})
		}
	}
	gone := locked(newFixture("r1").planned("network-prod", "prod", changes(queue)))
	var taken locking
	for _, key := range run.LockKeys(gone.run.Jobs[0].Document) {
		taken.Locks.Locks = append(taken.Locks.Locks, run.Lock{Key: key, Fence: 4, Holder: holder(4012), Project: "network-prod"})
	}
	half := three()
	half.run.CreatedAt = noon.Add(-time.Hour)
	named := newFixture("r7").planned("dns-prod", "prod", changes(queue)).speculative()
	named.run.Selectors, named.run.Line = []string{"dns-prod"}, "/plan dns-prod"

	open := run.PolicyFinding{Rule: "main.deny", Message: "aws_security_group.web is open to the world (0.0.0.0/0)"}
	tags := run.PolicyFinding{Rule: "tags.deny", Message: "aws_sqs_queue.jobs has no tag `owner`"}
	old := run.PolicyFinding{Rule: "main.warn", Message: "aws_lb.public uses TLS 1.0"}
	denied := func() *fixture {
		return three().judged("network-prod", run.PolicyResult{Rules: 4, Denied: []run.PolicyFinding{open, tags}, Warned: []run.PolicyFinding{old}}).
			judged("app-prod", run.PolicyResult{Rules: 4, Warned: []run.PolicyFinding{old}}).judged("dns-prod", run.PolicyResult{Rules: 4})
	}
	one := newFixture("r1").planned("network-prod", "prod", changes(queue)).judged("network-prod", run.PolicyResult{Rules: 4, Denied: []run.PolicyFinding{tags}})
	overridden := denied()
	over := overridden.apply("r9", "network-prod", "app-prod")
	over.run.Override, over.run.Line = true, "/apply override=policy"

	return map[string]View{
		"speculative":       waiting.with(locking{}.held(4012, "network-prod").wants(4011, "network-prod").wants(12, "network-prod")),
		"speculative_many":  many.with(locking{}.held(4012, "network-prod", "dns-prod").held(4010, "app-prod").wants(4011, "app-prod").wants(12, "app-prod", "dns-prod", "network-prod")),
		"speculative_free":  waiting.with(locking{}.wants(4011, "network-prod").wants(12, "network-prod")),
		"speculative_other": waiting.with(locking{other.Locks}.wants(12, "network-prod")),
		"speculative_lost":  waiting.with(locking{}),
		"speculative_own":   waiting.with(own),
		"speculative_half":  withLocks(half.then(named), locking{}.held(12, "app-prod", "network-prod").held(4012, "dns-prod").wants(12, "dns-prod")),
		"waiting_for_locks": three().with(locking{}.held(4012, "network-prod").wants(12, "network-prod")),
		"released_one":      released.with(kept),
		"released_all":      locked(newFixture("r1").planned("network-prod", "prod", changes(queue))).gate().view(),
		"released_taken":    withLocks(gone.gate().view(), taken),
		"released_applied":  gone.then(gone.apply("r9", "network-prod")),
		"turn":              waiting.then(turn),
		"in_line":           three().with(mine),
		"policy_denied":     denied().gate("`network-prod`: Plan policy denies its plan (`aws_security_group.web is open to the world`): change the code and push.").view(),
		"policy_one":        one.view(),
		"policy_overridden": overridden.then(over),
	}
}

func withLocks(v View, l locking) View {
	v.Locks = l.Locks
	return v
}

func TestCommentOfAnApply(t *testing.T) {
	views := applyViews()
	maps.Copy(views, lockViews())
	for name, v := range views {
		t.Run(name, func(t *testing.T) {
			got := Comment(v)
			golden(t, "comment_"+name, got)
			if s := judge(t, got); s.Headings != 1 || s.Opened != s.Closed || len(got) > commentBudget {
				t.Errorf("%d bytes, structure %+v", len(got), s)
			}
		})
	}
}

// What an apply says depends on which came last: it or a plan.
func TestTheNewestOfPlanAndApplyCounts(t *testing.T) {
	plan := newFixture("r1").planned("a", "dev", changes(queue)).planned("b", "dev", changes(queue))
	asked := plan.apply("r9")
	asked.run.State, asked.run.PreparedAt, asked.run.FinishedAt = run.StateAccepted, time.Time{}, time.Time{}
	empty := newFixture("r1").planned("a", "dev", noChange)
	before := empty.apply("r9")
	before.run.Unchanged = []string{"a"}
	again := newFixture("r8").planned("a", "dev", noChange)
	again.run.CreatedAt = before.run.CreatedAt.Add(time.Hour)
	one := newFixture("r8").planned("b", "dev", changes(topic))
	one.run.Selectors, one.run.Line = []string{"b"}, "/plan b"
	one.run.CreatedAt, one.run.FinishedAt = noon.Add(2*time.Hour), noon.Add(2*time.Hour+5*time.Second)

	for name, c := range map[string]struct {
		view View
		want []string
	}{
		"an apply that is not judged yet": {plan.then(asked), []string{"### Plan for", "**2 projects: 2 to add**"}},
		"a plan after an empty apply":     {View{Runs: []run.Run{again.run, before.run, empty.run}}, []string{"### Plan for", "**No changes**"}},
		"a plan after an apply of another": {View{Runs: []run.Run{one.run, plan.apply("r9", "a").run, plan.run}},
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
