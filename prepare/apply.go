package prepare

import (
	"context"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// apply gives each project that the gate lets through its stored plan. Nothing is
// planned, and everything or nothing is applied.
func (p *Preparer) apply(ctx context.Context, r run.Run) (run.Preparation, error) {
	judged, err := p.Gate.Apply(ctx, r)
	f := judged.Pull
	out := run.Preparation{
		HeadSHA: f.HeadSHA, HeadRef: f.HeadRef, BaseRef: f.BaseRef, BaseSHA: f.BaseSHA, Behind: judged.Revision.Behind,
		Notes: slices.Concat(judged.Revision.Notes, judged.Exceptions), Unchanged: judged.Unchanged,
	}
	for _, st := range judged.Plans {
		out.Documents = append(out.Documents, p.applied(r, st))
		if st.Partial() {
			out.Parts = append(out.Parts, st.Project)
		}
	}
	return out, err
}

// applied is the document of an apply: that of the plan, and the plan.
func (p *Preparer) applied(r run.Run, st run.ProjectStatus) run.JobDocument {
	doc := st.Plan.Document
	doc.Plan = run.PlanOf(st.Plan)
	doc.Command, doc.Actor, doc.Limits, doc.Flags = run.KindApply, r.Actor, p.Limits, flags(doc.Flags, r.Flags)
	return doc
}

// flags are a plan's, except that an apply may say again how many things
// terraform does at once.
func flags(planned, asked []string) []string {
	if !slices.ContainsFunc(asked, run.Parallelism) {
		return planned
	}
	out := slices.DeleteFunc(slices.Clone(planned), run.Parallelism)
	for _, f := range asked {
		if run.Parallelism(f) {
			out = append(out, f)
		}
	}
	return out
}
