package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// changedBy are locks that say who changed the states of f's plans last.
func changedBy(f *fixture, number int, at time.Time, merged bool) locking {
	var l locking
	for _, j := range f.run.Jobs {
		for _, key := range run.LockKeys(j.Document) {
			l.Locks.Locks = append(l.Locks.Locks, run.Lock{Key: key, Fence: 1, Last: run.Applied{By: holder(number), At: at, Merged: merged}})
		}
	}
	slices.SortFunc(l.Locks.Locks, func(a, b run.Lock) int { return strings.Compare(a.Key, b.Key) })
	return l
}

func (l locking) leaves(f *fixture, number int, project string, merged bool) locking {
	for _, j := range f.run.Jobs {
		if projectOf(j) == project {
			l.LeaveBehind(holder(number), run.Claims([]run.JobDocument{j.Document})[0], merged, noon)
		}
	}
	return l
}

// idle makes who waits one that gave its lock on.
func (l locking) idle() locking {
	l.Waiters = slices.Clone(l.Waiters)
	l.Waiters[len(l.Waiters)-1].Idle = true
	return l
}

// What others did is said, and no check is green that is not true any more.
func TestStatesBetweenPullRequests(t *testing.T) {
	before, since := noon.Add(-time.Hour), noon.Add(2*time.Hour)
	plan := newFixture("r1").planned("network-prod", "prod", changes(database, queue))
	applied := plan.then(plan.apply("r9", "network-prod"))
	none := newFixture("r1").planned("dns-prod", "prod", noChange)
	failed := newFixture("r1").failed("dns-prod", "prod", *configProblem)
	two := newFixture("r1").planned("cluster-dev", "dev", changes(service)).planned("orders-dev", "dev", changes(queue)).speculative()
	ready := newFixture("r1").planned("orders-dev", "dev", changes(service)).planned("orders-prod", "prod", changes(service)).
		gate("`orders-prod`: 0 of 1 approval of `3f2c1ab`: ask somebody with write access to approve it.")
	ready.run.Gate.Ready = []string{"orders-dev"}
	for name, c := range map[string]struct {
		view        View
		apply, says string // state of lockkeeper/apply, what the comment must hold
	}{
		"applied_alone":   {withLocks(applied, changedBy(plan, 12, since, false)), "completed success", "**Next**: merge this pull request"},
		"applied_undone":  {withLocks(applied, changedBy(plan, 4013, since, false)), "queued", "**#4013 applied network-prod since**"},
		"empty_overtaken": {none.with(changedBy(none, 4013, since, true)), "queued", "**#4013 applied dns-prod since**"},
		"empty_given_on":  {none.with(locking{}.held(4013, "dns-prod").wants(12, "dns-prod").idle()), "completed success", "**Lock given on**: dns-prod"},
		"failed_given_on": {failed.with(locking{}.held(4013, "dns-prod").wants(12, "dns-prod").idle()), "queued", "#4013 has it now"},
		"undoes":          {plan.with(changedBy(plan, 4013, before, false)), "queued", "**#4013 applied network-prod and is not merged**"},
		"undoes_closed": {plan.with(changedBy(plan, 4013, before, false).leaves(plan, 4013, "network-prod", false)), "queued",
			"**#4013 applied network-prod and was closed without a merge**"},
		"inherits": {plan.with(changedBy(plan, 4013, before, true).leaves(plan, 4014, "network-prod", true)), "queued",
			"**#4014 was merged without its apply**"},
		"merged_unapplied": {plan.with(locking{}.leaves(plan, 12, "network-prod", true)), "queued", "**Merged, but not applied**: network-prod"},
		"closed_applied":   {withLocks(applied, changedBy(plan, 12, since, false).leaves(plan, 12, "network-prod", false)), "completed success", "**Closed after an apply**"},
		"together":         {two.with(locking{}.held(4012, "orders-dev").wants(12, "cluster-dev", "orders-dev")), "queued", "**Free**: cluster-dev, taken together with orders-dev. `/plan cluster-dev` takes it alone."},
		"some_can_go":      {ready.view(), "queued", "**Ready now**: orders-dev. Comment `/apply orders-dev`."},
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
	left := changedBy(plan, 12, noon, false).leaves(plan, 12, "network-prod", false).leaves(plan, 4013, "network-prod", true)
	golden(t, "status_left", statusOf([]run.Run{plan.run}, left.Locks, noon.Add(time.Hour)))
}
