package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// What a server promises, in two sentences, of whatever people do in whatever
// order: lockkeeper/apply is green only when every project's last whole plan at
// this head and base is empty or applied, and no other pull request applied the project
// since; and nothing is applied whose destroys an approver had not seen, or, where the
// server says that approvals are of commits, whose commit nobody approves.
func TestGreenIsTrueAndNothingUnseenIsDestroyed(t *testing.T) {
	worlds := 1 // of 100 stories each
	if longtest.On() {
		worlds = 50
	}
	for i := range worlds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			inProofWorld(t, func(w *proofWorld) {
				rapid.Check(w, w.story)
				t.Logf("%d looks saw green, %d plans that destroy were applied where that needs an approval, %d that counted were undone, %d merges left something, %d applies wrote what changed outside",
					w.green, w.destroyed, w.undone, w.left, w.wrote)
				if w.green == 0 || w.destroyed == 0 || w.undone == 0 || w.left == 0 || w.wrote == 0 {
					t.Error("nothing was shown")
				}
			})
		})
	}
}

// story lets people do anything to two pull requests that change the same two
// projects.
func (w *proofWorld) story(t *rapid.T) {
	m := newProofModel(t, w)
	for range rapid.IntRange(1, 16).Draw(t, "length") {
		acts := rapid.SampledFrom([]func(*rapid.T){
			m.push, m.plan, m.plan, m.planWhole, m.approve, m.dismiss, m.moveBase, m.retarget, m.apply, m.applyAll, m.throughout, m.throughout, m.worsens, m.looksAway, m.leaves, m.unlock, m.drift, m.drifted, m.failNext,
			m.undoes, m.wanders, m.rewinds, m.changesMind, m.pushesOn,
		})
		acts.Draw(t, "act")(t)
		m.check()
	}
	m.merges(t)
}

// proofModel is what an onlooker knows, who reads no line of the code under test:
// what people did, and what jobs did in the infrastructure.
type proofModel struct {
	w     *proofWorld
	t     *rapid.T
	read  int            // jobs of the infrastructure that were noted
	plans []*proofPlan   // in their order
	seen  []proofReview  // approvals, in their order
	now   map[int]string // base branch by pull request

	ofCommit bool // approvals are
	quiet    bool // nothing is planned by itself
}

// proofPlan is a plan that was made and shown.
type proofPlan struct {
	job, project, head, base, tip string
	pull                          int
	whole, failed, empty          bool
	destroys                      []string // replacements, too
	drift                         []string // what its apply writes to the state because it changed outside of Terraform
	gone                          []string // what of that is not there
	applied                       bool     // with success
	unlocked                      bool     // since
	undone                        bool     // another pull request changed the project since
}

// proofReview is an approval, and what was shown to who gave it: of each project its
// last whole plan.
type proofReview struct {
	pull       int
	head, base string
	by         string
	dismissed  bool
	shown      map[string]*proofPlan
}

func newProofModel(t *rapid.T, w *proofWorld) *proofModel {
	w.begin()
	m := &proofModel{w: w, t: t, read: len(w.infra.Done()), now: map[int]string{}, ofCommit: rapid.IntRange(0, 3).Draw(t, "approvals are of") == 0, quiet: rapid.IntRange(0, 3).Draw(t, "plans by itself") == 0}
	m.rules()
	for _, branch := range []string{"main", "release"} {
		m.w.tips[branch] = w.commit()
	}
	for _, project := range []string{freely, guard} {
		w.infra.Reset(project, backendtest.Resources{"a": "1", "b": "1", "c": "1", "i": "1"})
	}
	for n := 1; n <= 2; n++ {
		w.open(n)
		m.now[n] = "main"
		m.pushes(t, n)
	}
	return m
}

func (m *proofModel) anyPull(t *rapid.T) int { return rapid.IntRange(1, 2).Draw(t, "pull request") }
func anyBase(t *rapid.T) string {
	return rapid.SampledFrom([]string{"main", "release"}).Draw(t, "base")
}
func anyProject(t *rapid.T) string {
	return rapid.SampledFrom([]string{freely, guard}).Draw(t, "project")
}

// settle lets everything that follows happen, and notes what jobs did.
func (m *proofModel) settle() {
	synctest.Wait()
	time.Sleep(time.Second)
	synctest.Wait()
	done := m.w.infra.Done()
	for _, d := range done[m.read:] {
		if d.Document.Command == run.KindApply {
			m.noteApply(d)
		} else {
			m.notePlan(d)
		}
	}
	m.read = len(done)
}

func (m *proofModel) notePlan(d backendtest.Done) {
	doc := d.Document
	p := &proofPlan{
		job: doc.JobID, project: doc.Project.Name, head: doc.Commit, base: m.now[doc.PullRequest], tip: doc.BaseCommit, pull: doc.PullRequest,
		failed: d.Failed, empty: len(d.Changes) == 0, whole: true, destroys: lost(d.Changes), drift: d.Drift, gone: d.Gone,
	}
	for _, flag := range doc.Flags {
		p.whole = p.whole && !strings.HasPrefix(flag, "-target") && !strings.HasPrefix(flag, "-refresh")
	}
	m.plans = append(m.plans, p)
}

func lost(changes []run.Change) (out []string) {
	for _, c := range changes {
		if c.Action == run.ActionDestroy || c.Action == run.ActionReplace {
			out = append(out, c.Address)
		}
	}
	return out
}

// noteApply checks an apply that was begun.
func (m *proofModel) noteApply(d backendtest.Done) {
	doc := d.Document
	i := slices.IndexFunc(m.plans, func(p *proofPlan) bool { return p.job == doc.Plan.JobID })
	if i < 0 {
		m.t.Fatalf("#%d applied a plan of %s that nobody saw", doc.PullRequest, doc.Project.Name)
	}
	p := m.plans[i]
	m.w.mu.Lock()
	pr := *m.w.pulls[p.pull]
	tip := m.w.tips[pr.BaseRef]
	m.w.mu.Unlock()
	switch {
	case p.failed:
		m.t.Fatalf("#%d applied a plan of %s that failed", p.pull, p.project)
	case p.applied:
		m.t.Fatalf("#%d applied a plan of %s twice", p.pull, p.project)
	case p.unlocked:
		m.t.Fatalf("#%d applied a plan of %s whose lock was given back", p.pull, p.project)
	case p.head != pr.HeadSHA:
		m.t.Fatalf("#%d applied a plan of %s at an earlier commit", p.pull, p.project)
	case p.base != pr.BaseRef || p.tip != tip || pr.from != tip:
		m.t.Fatalf("#%d applied a plan of %s for another base", p.pull, p.project)
	case p.project == guard && !m.approved(p):
		m.t.Fatalf("#%d applied a plan of %s that destroys %v and writes %v (gone: %v), and nobody who saw that approved it", p.pull, p.project, p.destroys, p.drift, p.gone)
	}
	p.applied = !d.Failed
	if len(d.Changes) > 0 {
		m.undo(p)
	}
	if p.project == guard && len(p.destroys) > 0 {
		m.w.destroyed++
	}
	if p.project == guard && len(p.drift) > 0 {
		m.w.wrote++
	}
}

// approved reports whether somebody's last review approved this head and base
// after they had seen these destroys, and what is written to the state beside.
func (m *proofModel) approved(p *proofPlan) bool {
	return slices.ContainsFunc(m.seen, func(v proofReview) bool {
		if v.dismissed || v.pull != p.pull || v.head != p.head {
			return false
		}
		if m.ofCommit {
			return true
		}
		shown, planned := v.shown[p.project]
		if !planned || v.base != p.base {
			return false
		}
		unseen := func(a string) bool { return !slices.Contains(shown.destroys, a) }
		unseenDrift := func(a string) bool {
			gone := slices.Contains(p.gone, a)
			asShown := slices.Contains(shown.drift, a) && slices.Contains(shown.gone, a) == gone
			return !asShown && !(gone && slices.Contains(shown.destroys, a))
		}
		return !slices.ContainsFunc(p.destroys, unseen) && !slices.ContainsFunc(p.drift, unseenDrift)
	})
}

// last is the last whole plan of a project at the head and base of a pull request.
func (m *proofModel) last(number int, project string) *proofPlan {
	m.w.mu.Lock()
	head := m.w.pulls[number].HeadSHA
	m.w.mu.Unlock()
	for _, p := range slices.Backward(m.plans) {
		if p.pull == number && p.project == project && p.head == head && p.base == m.now[number] && p.whole {
			return p
		}
	}
	return nil
}

// check compares the check that GitHub shows with what the onlooker knows.
func (m *proofModel) check() {
	t := m.t
	for n := range m.now {
		m.w.mu.Lock()
		pr := *m.w.pulls[n]
		m.w.mu.Unlock()
		c := m.w.hub.check(pr.HeadSHA, "lockkeeper/apply")
		if c.Conclusion != "success" && c.Conclusion != "neutral" {
			continue
		}
		if c.Conclusion == "neutral" && len(pr.touches) > 0 {
			t.Fatalf("#%d changes %v and its check is neutral: %s", n, pr.touches, c.Output.GetTitle())
		}
		if pr.broken {
			t.Fatalf("#%d brings a lockkeeper.yml with a mistake and its check is %s: %s", n, c.Conclusion, c.Output.GetTitle())
		}
		m.w.green++
		for _, project := range pr.touches {
			switch p := m.last(n, project); {
			case p == nil:
				t.Fatalf("#%d is green (%s), and %s was not planned whole at this head and base", n, c.Output.GetTitle(), project)
			case p.failed || !p.empty && !p.applied:
				t.Fatalf("#%d is green (%s), and the last whole plan of %s is neither empty nor applied", n, c.Output.GetTitle(), project)
			case p.undone:
				t.Fatalf("#%d is green (%s), and another one applied %s since its last whole plan", n, c.Output.GetTitle(), project)
			}
		}
	}
}

// submit sends a run on its way, as a comment or a push.
func (m *proofModel) submit(r run.Run) {
	r.ID, r.Repository, r.State, r.CreatedAt = run.NewID(time.Now()), m.w.repo, run.StateAccepted, time.Now().UTC()
	r.Key = r.ID
	if _, err := m.w.worker.Submit(m.w.Context(), r); err != nil {
		m.t.Fatal(err)
	}
	m.settle()
}

func (m *proofModel) asks(number int, kind run.Kind, selectors, flags []string) {
	m.submit(run.Run{Subject: run.Subject{PullRequest: number}, Kind: kind, Trigger: run.TriggerComment, Actor: "ana", Selectors: selectors, Flags: flags, Line: "/" + string(kind)})
}

func (m *proofModel) push(t *rapid.T) { m.pushes(t, m.anyPull(t)) }

// pushes gives a pull request another commit, on the tip of its base.
func (m *proofModel) pushes(t *rapid.T, number int) {
	m.w.mu.Lock()
	pr := m.w.pulls[number]
	pr.HeadSHA, pr.from, pr.touches = m.w.commit(), m.w.tips[pr.BaseRef], nil
	pr.broken = rapid.IntRange(0, 7).Draw(t, "breaks the config") == 7
	sha := pr.HeadSHA
	for _, project := range []string{freely, guard} {
		wants := backendtest.Resources{"a": "1", "b": "1", "c": "1", "i": backendtest.Anything}
		code := rapid.SampledFrom([]string{"not touched", "no change", "no change", "update", "destroy", "destroy", "move"}).Draw(t, "code of "+project)
		if code != "not touched" {
			pr.touches = append(pr.touches, project)
		}
		switch code {
		case "update":
			wants["a"] = "2"
		case "destroy":
			delete(wants, "b")
		case "move":
			delete(wants, "c")
			wants["d"] = "1"
		}
		m.w.infra.Code(sha, project, wants)
	}
	m.w.mu.Unlock()
	if _, err := m.w.worker.Supersede(m.w.Context(), m.w.repo.ID, number, sha); err != nil {
		m.t.Fatal(err)
	}
	if m.quiet {
		if err := m.w.worker.Pushed(m.w.Context(), m.w.repo, number, sha); err != nil {
			m.t.Fatal(err)
		}
		m.settle()
		return
	}
	m.submit(run.Run{Subject: run.Subject{PullRequest: number}, Kind: run.KindPlan, Trigger: run.TriggerPush, Actor: "ana", HeadSHA: sha})
}

func (m *proofModel) plan(t *rapid.T) {
	flag := rapid.SampledFrom([]string{"-target=a", "-target=b", "-target=c", "-refresh-only", "-refresh=false", "-replace=a", ""}).Draw(t, "flag")
	var flags, selectors []string
	if flag != "" {
		flags = []string{flag}
	}
	if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
		selectors = []string{anyProject(t)}
	}
	m.asks(m.anyPull(t), run.KindPlan, selectors, flags)
}

func (m *proofModel) planWhole(t *rapid.T) { m.asks(m.anyPull(t), run.KindPlan, nil, nil) }

func (m *proofModel) applyAll(t *rapid.T) { m.asks(m.anyPull(t), run.KindApply, nil, nil) }

func (m *proofModel) apply(t *rapid.T) {
	m.asks(m.anyPull(t), run.KindApply, []string{anyProject(t)}, nil)
}

// throughout is what people do when nothing goes wrong.
func (m *proofModel) throughout(t *rapid.T) {
	m.all(m.anyPull(t))
}

// worsens is what nobody approved again: more is lost by the plan than was shown.
func (m *proofModel) worsens(t *rapid.T) {
	n := m.anyPull(t)
	m.asks(n, run.KindPlan, nil, nil)
	m.approves(n, "rui")
	m.w.infra.Drift(guard, func(has backendtest.Resources) { has["e"] = "9" })
	m.asks(n, run.KindPlan, nil, nil)
	m.asks(n, run.KindApply, nil, nil)
}

// looksAway plans without what a whole plan found.
func (m *proofModel) looksAway(t *rapid.T) {
	n := m.anyPull(t)
	m.w.infra.Drift(freely, func(has backendtest.Resources) { has["a"] = "9" })
	m.asks(n, run.KindPlan, nil, nil)
	m.asks(n, run.KindPlan, nil, []string{rapid.SampledFrom([]string{"-refresh=false", "-refresh-only", "-target=z"}).Draw(t, "flag")})
}

// leaves retargets to a base that nothing is planned for.
func (m *proofModel) leaves(t *rapid.T) {
	n := m.anyPull(t)
	m.asks(n, run.KindPlan, nil, nil)
	m.retargets(n, "unlisted")
}

func (m *proofModel) approve(t *rapid.T) {
	m.approves(m.anyPull(t), rapid.SampledFrom([]string{"rui", "ben"}).Draw(t, "by"))
}

func (m *proofModel) approves(n int, by string) {
	m.w.mu.Lock()
	pr := m.w.pulls[n]
	pr.reviews = append(pr.reviews, pull.Review{Login: by, ID: int64(len(by)), State: "APPROVED", Commit: pr.HeadSHA, At: time.Now().Truncate(time.Second)})
	v := proofReview{pull: n, head: pr.HeadSHA, base: pr.BaseRef, by: by, shown: map[string]*proofPlan{}}
	m.w.mu.Unlock()
	for _, project := range []string{freely, guard} {
		if p := m.last(n, project); p != nil && !p.failed {
			v.shown[project] = p
		}
	}
	m.forget(n, by)
	m.seen = append(m.seen, v)
	m.judged(n)
}

// forget: somebody's last review is the one that counts.
func (m *proofModel) forget(n int, by string) {
	for i := range m.seen {
		if m.seen[i].pull == n && m.seen[i].by == by {
			m.seen[i].dismissed = true
		}
	}
}

func (m *proofModel) dismiss(t *rapid.T) {
	m.dismisses(m.anyPull(t), rapid.SampledFrom([]string{"rui", "ben"}).Draw(t, "by"))
}

func (m *proofModel) dismisses(n int, by string) {
	m.w.mu.Lock()
	for i := range m.w.pulls[n].reviews {
		if v := &m.w.pulls[n].reviews[i]; v.Login == by {
			v.State = "DISMISSED"
		}
	}
	m.w.mu.Unlock()
	m.forget(n, by)
	m.judged(n)
}

func (m *proofModel) judged(n int) {
	if err := m.w.worker.Judge(m.w.Context(), m.w.repo.ID, n); err != nil {
		m.t.Fatal(err)
	}
	m.settle()
}

func (m *proofModel) moveBase(t *rapid.T) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.w.tips[anyBase(t)] = m.w.commit()
}

func (m *proofModel) retarget(t *rapid.T) {
	m.retargets(m.anyPull(t), rapid.SampledFrom([]string{"main", "main", "release", "unlisted"}).Draw(t, "new base"))
}

func (m *proofModel) retargets(n int, base string) {
	if base == m.now[n] {
		return
	}
	m.w.mu.Lock()
	m.w.pulls[n].BaseRef = base
	sha := m.w.pulls[n].HeadSHA
	m.w.mu.Unlock()
	m.now[n] = base
	m.submit(run.Run{Subject: run.Subject{PullRequest: n}, Kind: run.KindPlan, Trigger: run.TriggerPush, Actor: "ana", HeadSHA: sha})
}

func (m *proofModel) unlock(t *rapid.T) { m.unlocks(m.anyPull(t)) }

func (m *proofModel) unlocks(n int) {
	if _, _, err := m.w.worker.Unlock(m.w.Context(), run.Subject{Repository: m.w.repo, PullRequest: n}, nil); err != nil {
		m.t.Fatal(err)
	}
	for _, p := range m.plans {
		p.unlocked = p.unlocked || p.pull == n
	}
	m.settle()
}

func (m *proofModel) drift(t *rapid.T) {
	address, value := rapid.SampledFrom([]string{"a", "b", "d", "i"}).Draw(t, "address"), rapid.SampledFrom([]string{"", "1", "9"}).Draw(t, "value")
	m.w.infra.Drift(anyProject(t), func(has backendtest.Resources) {
		if value == "" {
			delete(has, address)
		} else {
			has[address] = value
		}
	})
}

// drifted is drift that a whole plan sees.
func (m *proofModel) drifted(t *rapid.T) {
	m.drift(t)
	m.planWhole(t)
}

func (m *proofModel) failNext(t *rapid.T) {
	m.w.infra.FailNext(anyProject(t), rapid.SampledFrom([]run.Kind{run.KindPlan, run.KindApply}).Draw(t, "command"))
}
