package gate

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// maxPreviews bounds how many previewed gates are remembered. One that is forgotten is
// read again, with calls.
const maxPreviews = 256

// previews remember what the gates of plans that are being made stand on, so that
// each is judged again when its plan is there and GitHub is not called.
type previews struct {
	mu    sync.Mutex
	order []string          // of run ids, the oldest first; guarded by mu
	byRun map[string]*input // guarded by mu
}

func (p *previews) keep(runID string, in *input) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byRun == nil {
		p.byRun = map[string]*input{}
	}
	if len(p.order) == maxPreviews {
		delete(p.byRun, p.order[0])
		p.order = p.order[1:]
	}
	p.order, p.byRun[runID] = append(p.order, runID), in
}

func (p *previews) take(runID string) *input {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.byRun[runID]
	delete(p.byRun, runID)
	p.order = slices.DeleteFunc(p.order, func(id string) bool { return id == runID })
	return in
}

// comparable reports whether somebody approves the head of a plan that is made,
// where approvals are of plans: whether it is theirs is seen when it is there.
func (in *input) comparable() bool {
	return len(in.data.approvals()) > 0 && in.any(func(r policy.Rules) bool { return asksApproval(r) && r.ApprovalOf != policy.ApprovalOfCommit })
}

// Compare says what stands between a plan and its apply, for people, from what was
// read when it was prepared and what its jobs, all over in r, have left. It is nil
// when that is not known any more.
func (k *Keeper) Compare(ctx context.Context, r run.Run) (*run.Gate, error) {
	in := k.previews.take(r.ID)
	if in == nil {
		return nil, nil
	}
	var err error
	if in.stored, err = k.stored(ctx, r, r.HeadSHA); err != nil {
		return nil, err
	}
	in.stored.statuses = nil // as at the preview
	i := slices.IndexFunc(in.stored.runs, func(x run.Run) bool { return x.ID == r.ID })
	if i < 0 {
		return nil, nil
	}
	in.stored.runs[i] = r // as it is with the message that is not stored yet
	statuses := run.StatusAt(in.stored.runs, r.HeadSHA)
	planned := func(name string) bool {
		n := slices.IndexFunc(statuses, func(s run.ProjectStatus) bool { return s.Project == name })
		return n >= 0 && statuses[n].Plan.State == run.JobSucceeded
	}
	in.all = slices.DeleteFunc(slices.Clone(in.all), func(x target) bool { return !planned(x.Name) })
	for i := range in.facts.Projects {
		proj := &in.facts.Projects[i]
		n := slices.IndexFunc(statuses, func(s run.ProjectStatus) bool { return s.Project == proj.Name })
		if n < 0 || statuses[n].Plan.State != run.JobSucceeded {
			proj.Plan.Complete = false
			continue
		}
		if proj.Seen, err = k.seen(ctx, in, statuses[n]); err != nil {
			return nil, err
		}
	}
	gate := k.previewGate(in)
	return &gate, nil
}

// previewGate is the gate of a plan, with the checks that have to be green in one
// sentence: whether they are is another moment's question.
func (k *Keeper) previewGate(in *input) run.Gate {
	var checks []string
	facts := in.facts
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
	gate := k.gate(v)
	gate.Ready = previewReady(in.all, v, in.rev.Affected, checks)
	if len(checks) > 0 {
		gate.Allowed = false
		gate.Missing = append(gate.Missing, "Required checks have to be green: "+markdown.Quoted(checks)+".")
	}
	return gate
}
