package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// More that people do in the stories of TestGreenIsTrueAndNothingUnseenIsDestroyed:
// what one guard alone stands against.

// rules are those of the story, before anything happens in it.
func (m *proofModel) rules() {
	guarded := policy.Rules{Current: policy.CurrentStrict, Approvals: 1}
	if m.ofCommit {
		guarded.ApprovalOf = policy.ApprovalOfCommit
	}
	m.w.keeper.Rules = map[string]policy.Rules{"dev": {Current: policy.CurrentStrict}, "prod": guarded}
}

// undo notes that what others planned of a project before is old.
func (m *proofModel) undo(by *proofPlan) {
	for _, p := range m.plans {
		if p.pull == by.pull || p.project != by.project || p.undone {
			continue
		}
		if p == m.last(p.pull, p.project) && !p.failed && (p.empty || p.applied) {
			m.w.undone++
		}
		p.undone = true
	}
}

// undoes is what another pull request applies after one has given its lock back.
func (m *proofModel) undoes(t *rapid.T) {
	n := m.anyPull(t)
	m.all(n)
	m.unlocks(n)
	m.all(3 - n)
}

// wanders is what changes outside of Terraform after an approval, where the code takes
// whatever there is: no change follows from it, and the apply writes it to the state.
func (m *proofModel) wanders(t *rapid.T) {
	n := m.anyPull(t)
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.w.infra.Drift(guard, func(has backendtest.Resources) { has["i"] = rapid.SampledFrom([]string{"2", "3"}).Draw(t, "value") })
	m.asks(n, run.KindPlan, nil, nil)
	if rapid.Bool().Draw(t, "approved again") {
		m.approves(n, "ben")
	}
	m.asks(n, run.KindApply, nil, nil)
}

// all plans, approves and applies.
func (m *proofModel) all(n int) {
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.asks(n, run.KindApply, nil, nil)
}

// rewinds plans with a base that is then what it was before: the branch has all of
// that, and the plan is of another one.
func (m *proofModel) rewinds(t *rapid.T) {
	n := m.anyPull(t)
	base := m.now[n]
	m.w.mu.Lock()
	was := m.w.tips[base]
	m.w.tips[base] = m.w.commit()
	m.w.mu.Unlock()
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.w.mu.Lock()
	m.w.tips[base] = was
	m.w.mu.Unlock()
	m.asks(n, run.KindApply, nil, nil)
}

// changesMind approves and takes that back.
func (m *proofModel) changesMind(t *rapid.T) {
	n := m.anyPull(t)
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.dismisses(n, "rui")
	m.asks(n, run.KindApply, nil, nil)
}

// pushesOn changes what was approved.
func (m *proofModel) pushesOn(t *rapid.T) {
	n := m.anyPull(t)
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.pushes(t, n)
	m.asks(n, run.KindApply, nil, nil)
}

// merges ends the pull requests: what one of them changes and did not apply as it is
// merged is left to be put right.
func (m *proofModel) merges(t *rapid.T) {
	for _, n := range rapid.Permutation([]int{1, 2}).Draw(t, "merged") {
		m.w.mu.Lock()
		pr := m.w.pulls[n]
		pr.Open, pr.Merged = false, true
		m.w.tips[pr.BaseRef] = m.w.commit()
		head, touches := pr.HeadSHA, pr.touches
		m.w.mu.Unlock()
		over := run.Over{Merged: true, HeadSHA: head, BaseRef: m.now[n]}
		docs, err := m.w.worker.Unplanned(m.w.Context(), m.w.repo, n, over)
		over.Unplanned = docs
		if err := errors.Join(err, m.w.worker.Close(m.w.Context(), m.w.repo, n, over)); err != nil {
			t.Fatal(err)
		}
		m.settle()
		locks, err := m.w.store.Locks(m.w.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, project := range touches {
			left := slices.ContainsFunc(locks.Left, func(x run.Left) bool {
				return x.Holder.PullRequest == n && x.Holder.Repository.ID == m.w.repo.ID && x.Project == project
			})
			if left {
				m.w.left++
				continue
			}
			// Who waited for its lock was planned on the base branch as it is now, and found no
			// difference: in a world where code does not add up, that ends what was just told.
			settled := slices.ContainsFunc(locks.Locks, func(x run.Lock) bool {
				return strings.HasPrefix(x.Key, fmt.Sprintf("dir:%d:%s/", m.w.repo.ID, project)) && x.Last.By.PullRequest == 0 && x.Last.Merged
			})
			planned := slices.ContainsFunc(m.plans, func(p *proofPlan) bool { return p.pull == n && p.project == project && p.head == head })
			switch p := m.last(n, project); {
			case settled && (p == nil || !p.undone):
			case p == nil && m.now[n] == "unlisted": // nothing is planned for that branch, whatever was for another one
			case !planned:
				t.Fatalf("#%d was merged, and %s was never planned at its head, and nobody is told", n, project)
			case p == nil:
				t.Fatalf("#%d was merged, and %s was not planned whole at its head and base, and nobody is told", n, project)
			case p.failed || !p.empty && !p.applied:
				t.Fatalf("#%d was merged, and %s is neither empty nor applied, and nobody is told", n, project)
			case p.undone:
				t.Fatalf("#%d was merged, and another one applied %s since, and nobody is told", n, project)
			}
		}
	}
}
