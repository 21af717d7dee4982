package gate

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// seen tells what each of those whose approval of the head may count had been shown
// of a project when they gave it, beside what its plan does now.
func (k *Keeper) seen(ctx context.Context, in *input, now run.ProjectStatus) (map[string]policy.Seen, error) {
	out := map[string]policy.Seen{}
	for login, v := range in.data.approvals() {
		seen, err := k.seenBy(ctx, in, v, now)
		if err != nil {
			return nil, err
		}
		out[login] = seen
	}
	return out, nil
}

// seenBy is about one approval. What counts is the newest that was shown before it:
// what somebody may have seen earlier is not what they looked at.
func (k *Keeper) seenBy(ctx context.Context, in *input, v pull.Review, now run.ProjectStatus) (policy.Seen, error) {
	runs := shownBefore(in.stored.runs, in.data.pull.HeadSHA, v.At)
	if base := baseBefore(in.stored.runs, in.data.pull.HeadSHA, v.At); base != "" && base != in.data.pull.BaseRef {
		return policy.Seen{Sight: policy.SawBase, What: base}, nil
	}
	if len(runs) > 0 && runs[0].BaseRef != in.data.pull.BaseRef {
		return policy.Seen{Sight: policy.SawBase, What: runs[0].BaseRef}, nil
	}
	statuses := run.StatusAt(runs, in.data.pull.HeadSHA)
	i := slices.IndexFunc(statuses, func(s run.ProjectStatus) bool { return s.Project == now.Project })
	if i < 0 {
		return policy.Seen{}, nil
	}
	then := statuses[i]
	switch {
	case then.PlanRun.BaseRef != in.data.pull.BaseRef:
		return policy.Seen{Sight: policy.SawBase, What: then.PlanRun.BaseRef}, nil
	case then.Plan.ID == now.Plan.ID:
		return policy.Seen{Sight: policy.SawThis}, nil
	case !in.stored.recent(then.PlanRun):
		return policy.Seen{}, nil
	case elsewhere(then.Plan.Document, now.Plan.Document):
		return policy.Seen{Sight: policy.SawElsewhere, What: then.Plan.Document.Environment.Name}, nil
	case then.Plan.State != run.JobSucceeded || then.Plan.Result == nil:
		return policy.Seen{Sight: policy.SawFailure}, nil
	case then.Partial():
		return policy.Seen{Sight: policy.SawPart}, nil
	}
	before, ok, err := k.effect(ctx, in, then)
	if err != nil || !ok {
		return policy.Seen{Sight: policy.SawUnknown}, err
	}
	after, ok, err := k.effect(ctx, in, now)
	if err != nil || !ok {
		return policy.Seen{Sight: policy.SawUnknown}, err
	}
	return policy.Seen{Sight: policy.SawOther, Difference: plandiff.Between(before, after)}, nil
}

// shownBefore are the plans of a head that the comment showed before a moment, the
// newest first. GitHub tells both in whole seconds: what is of the same second
// was not read before it was approved.
func shownBefore(runs []run.Run, head string, at time.Time) []run.Run {
	var out []run.Run
	for _, r := range runs {
		if r.Kind == run.KindPlan && r.HeadSHA == head && !r.ShownAt.IsZero() && r.ShownAt.Before(at) {
			out = append(out, r)
		}
	}
	return out
}

// baseBefore is the base that a pull request had before a moment, as far as plans of the
// head tell, also those that were refused for it; empty when none does.
func baseBefore(runs []run.Run, head string, at time.Time) string {
	i := slices.IndexFunc(runs, func(r run.Run) bool {
		return r.Kind == run.KindPlan && r.HeadSHA == head && r.BaseRef != "" && r.CreatedAt.Before(at)
	})
	if i < 0 {
		return ""
	}
	return runs[i].BaseRef
}

// elsewhere reports whether two plans are of different things, whatever they are
// called.
func elsewhere(then, now run.JobDocument) bool {
	a, b := then.Project, now.Project
	x, y := then.Environment, now.Environment
	return a.Dir != b.Dir || a.Workspace != b.Workspace || a.State != b.State ||
		x.Name != y.Name || x.Account != y.Account || x.Region != y.Region || x.ApplyRole != y.ApplyRole
}

// effect is what a plan does; ok is false when that is no longer known.
func (k *Keeper) effect(ctx context.Context, in *input, s run.ProjectStatus) (plan plandiff.Plan, ok bool, err error) {
	if s.Plan.State != run.JobSucceeded || s.Plan.Result == nil {
		return nil, false, nil
	}
	if known, there := in.effects[s.Plan.ID]; there {
		return known, true, nil
	}
	summary, err := k.summary(ctx, s.Plan.Result.Artifacts[run.ArtifactSummary])
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, run.ErrSealed):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	if plan, ok = plandiff.Of(summary); ok {
		if in.effects == nil {
			in.effects = map[string]plandiff.Plan{}
		}
		in.effects[s.Plan.ID] = plan
	}
	return plan, ok, nil
}

// approvals are the latest reviews of those who approve the head, by login in lower
// case. Policy decides what counts.
func (d *pullData) approvals() map[string]pull.Review {
	out := map[string]pull.Review{}
	approving, _ := d.deciding()
	for _, v := range d.reviews {
		login := strings.ToLower(v.Login)
		if v.State != "COMMENTED" && v.State != "PENDING" && slices.Contains(approving, login) {
			out[login] = v
		}
	}
	return out
}
