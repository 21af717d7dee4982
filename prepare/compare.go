package prepare

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// forekept bounds how many foreseen gates are remembered. One that is forgotten is
// asked about anew, with calls.
const forekept = 256

// foresights remember what the gates of plans that are being made stand on, so that
// each is judged again when its plan is there and GitHub is asked nothing.
type foresights struct {
	mu    sync.Mutex
	order []string               // of run ids, the oldest first; guarded by mu
	byRun map[string]*considered // guarded by mu
}

func (f *foresights) keep(runID string, c *considered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byRun == nil {
		f.byRun = map[string]*considered{}
	}
	if len(f.order) == forekept {
		delete(f.byRun, f.order[0])
		f.order = f.order[1:]
	}
	f.order, f.byRun[runID] = append(f.order, runID), c
}

func (f *foresights) take(runID string) *considered {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.byRun[runID]
	delete(f.byRun, runID)
	f.order = slices.DeleteFunc(f.order, func(id string) bool { return id == runID })
	return c
}

// comparable reports whether somebody approves the head of a plan that is made,
// where approvals are of plans: whether it is theirs is seen when it is there.
func (c *considered) comparable() bool {
	return len(c.rd.approvals()) > 0 && c.any(func(r policy.Rules) bool { return asksApproval(r) && r.ApprovalOf != policy.ApprovalOfCommit })
}

// Compare says what stands between a plan and its apply, for people, from what was
// read when it was prepared and what its jobs, all over in r, have left. It is nil
// when that is not known any more.
func (p *Preparer) Compare(ctx context.Context, r run.Run) (*run.Gate, error) {
	c := p.foresights.take(r.ID)
	if c == nil {
		return nil, nil
	}
	var err error
	if c.stored, err = p.stored(ctx, r, ""); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.stored.runs, func(x run.Run) bool { return x.ID == r.ID })
	if i < 0 {
		return nil, nil
	}
	c.stored.runs[i] = r // as it is with the message that is not stored yet
	standings := run.Standings(c.stored.runs, r.HeadSHA)
	planned := func(name string) bool {
		n := slices.IndexFunc(standings, func(s run.Standing) bool { return s.Project == name })
		return n >= 0 && standings[n].Plan.State == run.JobSucceeded
	}
	c.all = slices.DeleteFunc(slices.Clone(c.all), func(x candidate) bool { return !planned(x.Name) })
	for i := range c.facts.Projects {
		proj := &c.facts.Projects[i]
		n := slices.IndexFunc(standings, func(s run.Standing) bool { return s.Project == proj.Name })
		if n < 0 || standings[n].Plan.State != run.JobSucceeded {
			proj.Plan.Complete = false
			continue
		}
		if proj.Seen, err = p.seen(ctx, c, standings[n]); err != nil {
			return nil, err
		}
	}
	gate := p.foreseenGate(c)
	return &gate, nil
}

// foreseenGate is the gate of a plan, with the checks that have to be green in one
// sentence: whether they are is another moment's question.
func (p *Preparer) foreseenGate(c *considered) run.Gate {
	var checks []string
	facts := c.facts
	facts.Projects = slices.Clone(facts.Projects)
	for i, proj := range facts.Projects {
		for _, name := range proj.Rules.RequiredChecks {
			if !slices.Contains(checks, name) && !strings.HasPrefix(name, "lockkeeper/") {
				checks = append(checks, name)
			}
		}
		facts.Projects[i].Rules.RequiredChecks = nil
	}
	v := policy.Apply(facts)
	gate := p.gate(v)
	gate.Ready = foreseenReady(c.all, v, c.found.touched, checks)
	if len(checks) > 0 {
		gate.Allowed = false
		gate.Missing = append(gate.Missing, "Required checks have to be green: "+markdown.Quoted(checks)+".")
	}
	return gate
}
