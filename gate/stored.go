package gate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// stored is what the store knows of a pull request.
type stored struct {
	runs     []run.Run // newest first
	locks    run.Locks
	holder   run.Subject
	statuses map[string]run.ProjectStatus // by project, at the commit
}

// stored reads how a pull request stands at a commit.
func (k *Keeper) stored(ctx context.Context, r run.Run, sha string) (s stored, err error) {
	s = stored{holder: r.Pull(), statuses: map[string]run.ProjectStatus{}}
	if s.runs, err = k.runs(ctx, s.holder, sha); err != nil {
		return s, err
	}
	if s.locks, err = k.Locks(ctx); err != nil {
		return s, fmt.Errorf("reading the locks: %w", err)
	}
	for _, status := range s.locks.Overtake(run.StatusAt(s.runs, sha)) {
		s.statuses[status.Project] = status
	}
	return s, nil
}

// recent reports whether a run is one of the newest, so that all that came after it are
// known, too. Of those before, only the ones that count now are.
func (s stored) recent(r run.Run) bool {
	return slices.ContainsFunc(s.runs[:min(len(s.runs), run.RecentRuns)], func(x run.Run) bool { return x.ID == r.ID })
}

func (k *Keeper) runs(ctx context.Context, h run.Subject, sha string) ([]run.Run, error) {
	runs, err := k.Runs(ctx, h.Repository.ID, h.PullRequest, sha)
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s#%d: %w", h.Repository.FullName(), h.PullRequest, err)
	}
	return runs, nil
}

// lockFacts says who has the locks that a document needs.
func (s stored) lockFacts(p *policy.Project, doc run.JobDocument, atApply bool) {
	keys := run.LockKeys(doc)
	own, sum := 0, int64(0)
	for _, lock := range s.locks.Locks {
		switch {
		case lock.Free() || !slices.Contains(keys, lock.Key):
			continue
		case !lock.Holder.Is(s.holder):
			p.HeldBy = lock.Holder.PullRequest
		case !lock.Closing:
			own, sum = own+1, sum+lock.Fence
		}
		p.Busy = p.Busy || lock.Busy != ""
	}
	p.Place = s.locks.Place(s.holder, p.Name)
	if p.Place > 0 && p.HeldBy == 0 {
		p.With, p.WithHeldBy = s.together(p.Name)
	}
	p.Held = p.HeldBy == 0 && (atApply || own == len(keys) && sum == doc.Fence)
}

// together finds what keeps a project waiting that is itself free.
func (s stored) together(project string) (with string, holder int) {
	blocked := s.locks.Blocking(s.holder)
	if slices.ContainsFunc(blocked, func(b run.Blocked) bool { return b.Project == project }) {
		return "", 0
	}
	i := slices.IndexFunc(blocked, func(b run.Blocked) bool { return !b.Holder.IsZero() })
	if i < 0 {
		return "", 0
	}
	return blocked[i].Project, blocked[i].Holder.PullRequest
}

// running names the commands that make a project's plan again at this moment. A
// run of the merge queue makes none: it is about another commit.
func (s stored) running(project, head string) []string {
	for _, r := range s.runs {
		if r.State.Final() || r.Kind != run.KindPlan || !r.OfPull() {
			continue
		}
		unfinished := func(j run.Job) bool { return j.Document.Project.Name == project && !j.State.Final() }
		if r.State == run.StateAccepted || r.HeadSHA == head && slices.ContainsFunc(r.Jobs, unfinished) {
			return []string{"/plan"}
		}
	}
	return nil
}

// storedPlan is what is known of the newest plan. What cannot be read is an error;
// artifacts that were swept, or whose key is gone, make the plan incomplete.
func (k *Keeper) storedPlan(ctx context.Context, st run.ProjectStatus) (*policy.StoredPlan, error) {
	doc, result := st.Plan.Document, st.Plan.Result
	out := &policy.StoredPlan{
		HeadSHA: doc.Commit, BaseSHA: doc.BaseCommit, At: st.Plan.FinishedAt, Empty: st.Empty(), Speculative: st.Speculative(),
		Used: st.Apply != nil, Judged: doc.Policy == nil,
		Flags: slices.DeleteFunc(slices.Clone(doc.Flags), run.Parallelism),
	}
	if st.Plan.State != run.JobSucceeded || result == nil || result.Counts == nil {
		return out, nil
	}
	out.Keeping = asPlanned(result.Keeping)
	if result.Policy != nil {
		out.Judged, out.Ruled = true, true
		out.Denied, out.Warned = messages(result.Policy.Denied), messages(result.Policy.Warned)
	}
	if made := result.Made; made != nil {
		out.Missed, out.Missing = made.Missed, made.Missing
	}
	kept, err := k.hasPlan(ctx, *result)
	if kept {
		out.Changes, err = k.losses(ctx, *result)
	}
	switch {
	case errors.Is(err, run.ErrSealed):
		out.Sealed = true
		return out, nil
	case errors.Is(err, fs.ErrNotExist):
		return out, nil
	}
	out.Complete = kept && err == nil
	return out, err
}

func messages(findings []run.PolicyFinding) []string {
	out := make([]string, len(findings))
	for i, f := range findings {
		out[i] = f.Message
	}
	return out
}

// hasPlan reports whether everything that an apply needs of a plan is still there.
func (k *Keeper) hasPlan(ctx context.Context, result run.Result) (bool, error) {
	kept, err := k.isStored(ctx, result.Artifacts[run.ArtifactPlan])
	if made := result.Made; kept && err == nil && made != nil && made.Files > 0 {
		kept, err = k.isStored(ctx, result.Artifacts[run.ArtifactMade])
	}
	return kept, err
}

// isStored reports whether an artifact is still there.
func (k *Keeper) isStored(ctx context.Context, a run.Artifact) (bool, error) {
	if a.Key == "" {
		return false, nil
	}
	if k.Has != nil {
		return k.Has(ctx, a)
	}
	r, err := k.Open(ctx, a)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for a plan's file: %w", err)
	}
	return true, r.Close()
}

// losses are the resources that a plan destroys or replaces, by its summary,
// which names all of them however large the plan is.
func (k *Keeper) losses(ctx context.Context, result run.Result) ([]policy.Change, error) {
	if result.Counts.Destroy+result.Counts.Replace == 0 {
		return nil, nil
	}
	summary, err := k.summary(ctx, result.Artifacts[run.ArtifactSummary])
	if err != nil {
		return nil, err
	}
	var out []policy.Change
	for _, c := range summary.Changes {
		if c.Action == run.ActionDestroy || c.Action == run.ActionReplace {
			out = append(out, policy.Change{Address: c.Address, Type: c.Type, Replace: c.Action == run.ActionReplace})
		}
	}
	if len(out) < result.Counts.Destroy+result.Counts.Replace {
		return nil, fmt.Errorf("reading a plan's summary: it names %d of %d resources that are destroyed or replaced",
			len(out), result.Counts.Destroy+result.Counts.Replace)
	}
	return out, nil
}

func (k *Keeper) summary(ctx context.Context, a run.Artifact) (s run.Summary, err error) {
	if a.Key == "" {
		return s, fmt.Errorf("reading a plan's summary: %w", fs.ErrNotExist)
	}
	r, err := k.Open(ctx, a)
	if err != nil {
		return s, fmt.Errorf("reading a plan's summary: %w", err)
	}
	defer func() { _ = r.Close() }()
	return run.ReadSummary(r)
}
