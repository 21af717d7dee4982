package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// changedBy are locks that say who changed the states of f's plans last.
func changedBy(f *viewtest.Fixture, number int, at time.Time, merged bool) viewtest.Locking {
	var l viewtest.Locking
	for _, j := range f.Run.Jobs {
		for _, key := range run.LockKeys(j.Document) {
			l.Locks.Locks = append(l.Locks.Locks, run.Lock{Key: key, Fence: 1, Last: run.Applied{By: viewtest.Holder(number), At: at, Merged: merged}})
		}
	}
	slices.SortFunc(l.Locks.Locks, func(a, b run.Lock) int { return strings.Compare(a.Key, b.Key) })
	return l
}

// What others did is said, and no check is green that is not true any more.
func TestStatesBetweenPullRequests(t *testing.T) {
	before, since := viewtest.Noon.Add(-time.Hour), viewtest.Noon.Add(2*time.Hour)
	plan := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
	applied := plan.Then(plan.Apply("r9", "network-prod"))
	none := viewtest.New("r1").Planned("dns-prod", "prod", viewtest.NoChange)
	failed := viewtest.New("r1").Failed("dns-prod", "prod", *viewtest.ConfigProblem)
	two := viewtest.New("r1").Planned("cluster-dev", "dev", viewtest.Changes(viewtest.Service)).Planned("orders-dev", "dev", viewtest.Changes(viewtest.Queue)).Speculative()
	ready := viewtest.New("r1").Planned("orders-dev", "dev", viewtest.Changes(viewtest.Service)).Planned("orders-prod", "prod", viewtest.Changes(viewtest.Service)).
		Gate("`orders-prod`: 0 of 1 approval of `3f2c1ab`: ask somebody with write access to approve it.")
	ready.Run.Gate.Ready = []string{"orders-dev"}
	for name, c := range map[string]struct {
		view        view.Input
		apply, says string // state of lockkeeper/apply, what the comment must hold
	}{
		"applied_alone":   {withLocks(applied, changedBy(plan, 12, since, false)), "completed success", "**Next**: merge this pull request"},
		"applied_undone":  {withLocks(applied, changedBy(plan, 4013, since, false)), "queued", "**#4013 applied network-prod since**"},
		"empty_overtaken": {none.With(changedBy(none, 4013, since, true)), "queued", "**#4013 applied dns-prod since**"},
		"empty_given_on":  {none.With(viewtest.Locking{}.Held(4013, "dns-prod").Wants(12, "dns-prod").Idle()), "completed success", "**Lock given on**: dns-prod"},
		"failed_given_on": {failed.With(viewtest.Locking{}.Held(4013, "dns-prod").Wants(12, "dns-prod").Idle()), "queued", "#4013 has it now"},
		"undoes":          {plan.With(changedBy(plan, 4013, before, false)), "queued", "**#4013 applied network-prod and is not merged**"},
		"undoes_closed": {plan.With(changedBy(plan, 4013, before, false).Leaves(plan, 4013, "network-prod", false)), "queued",
			"**#4013 applied network-prod and was closed without a merge**"},
		"inherits": {plan.With(changedBy(plan, 4013, before, true).Leaves(plan, 4014, "network-prod", true)), "queued",
			"**#4014 was merged without its apply**"},
		"merged_unapplied": {plan.With(viewtest.Locking{}.Leaves(plan, 12, "network-prod", true)), "queued", "**Merged, but not applied**: network-prod"},
		"closed_applied":   {withLocks(applied, changedBy(plan, 12, since, false).Leaves(plan, 12, "network-prod", false)), "completed success", "**Closed after an apply**"},
		"together":         {two.With(viewtest.Locking{}.Held(4012, "orders-dev").Wants(12, "cluster-dev", "orders-dev")), "queued", "**Free**: cluster-dev, taken together with orders-dev. `/plan cluster-dev` takes it alone."},
		"some_can_go":      {ready.Input(), "queued", "**Ready now**: orders-dev. Comment `/apply orders-dev`."},
	} {
		t.Run(name, func(t *testing.T) {
			got := Comment(c.view)
			if !strings.Contains(got, c.says) {
				t.Errorf("the comment does not say %q", c.says)
			}
			golden(t, "state_"+name, got)
			judge(t, got)
			check, ok := ApplyCheck(at(c.view, nil))
			if is := strings.TrimSpace(check.Status + " " + check.Conclusion); !ok || is != c.apply {
				t.Errorf("lockkeeper/apply is %s: %s, want %s", is, check.Title, c.apply)
			}
			golden(t, "state_"+name+"_check", check.Title+"\n\n"+check.Summary)
		})
	}
	left := changedBy(plan, 12, viewtest.Noon, false).Leaves(plan, 12, "network-prod", false).Leaves(plan, 4013, "network-prod", true)
	golden(t, "status_left", statusOf([]run.Run{plan.Run}, left.Locks, viewtest.Noon.Add(time.Hour)))
}
