package prepare

import (
	"context"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// apply lets policy judge what was read anew, and gives each project its stored
// plan. Nothing is planned, and everything or nothing is applied.
func (p *Preparer) apply(ctx context.Context, r run.Run) (run.Preparation, error) {
	c, err := p.consider(ctx, r)
	if c == nil {
		return run.Preparation{}, err
	}
	f := c.rd.pull
	out := run.Preparation{
		HeadSHA: f.HeadSHA, HeadRef: f.HeadRef, BaseRef: f.BaseRef, BaseSHA: f.BaseSHA, Behind: c.found.behind, Notes: c.found.notes,
	}
	if err != nil {
		return out, err
	}
	v := p.withReady(c, policy.Apply(c.facts))
	if !v.Allowed {
		return out, refusal(v)
	}
	for _, exception := range v.Exceptions() {
		out.Notes = append(out.Notes, exception.Text)
	}
	out.Documents, out.Unchanged, err = p.plans(c)
	for _, doc := range out.Documents {
		if c.stored.standings[doc.Project.Name].Partial() {
			out.Parts = append(out.Parts, doc.Project.Name)
		}
	}
	return out, err
}

// plans are the documents of the projects that have something to apply, in the
// order of their names, and the names of those whose plans change nothing.
func (p *Preparer) plans(c *considered) (docs []run.JobDocument, unchanged []string, err error) {
	slices.SortFunc(c.projects, func(a, b candidate) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range c.projects {
		st := c.stored.standings[x.Name]
		switch {
		case st.Apply != nil: // applied, or it would have been refused
		case changed(st.Plan.Document, x.doc):
			return nil, nil, configChanged(x.Name)
		case st.Empty():
			unchanged = append(unchanged, x.Name)
		default:
			docs = append(docs, p.applied(c.rd.run, st))
		}
	}
	if len(docs)+len(unchanged) == 0 {
		return nil, nil, &run.Problem{Code: "already_applied", Message: "Everything that this pull request changes is applied already at this " +
			"commit, so nothing was done. `/plan` shows whether something is left to do."}
	}
	return docs, unchanged, nil
}

// changed reports whether a plan made now would be of something else, because
// the project or its environment is configured in another way (T21). The
// commits are policy's to compare.
func changed(planned, fresh run.JobDocument) bool {
	now := planned
	now.Project, now.Environment = fresh.Project, fresh.Environment
	return now.Binding() != planned.Binding()
}

func configChanged(project string) *run.Problem {
	return &run.Problem{Code: "config_changed", Message: "Project " + markdown.Quote(project) + " has another configuration than its plan was made for, in " +
		"`lockkeeper.yml` on the base branch or on the server, so nothing was applied. Comment `/plan`, then `/apply`."}
}

// applied is the document of an apply: that of the plan, and the plan.
func (p *Preparer) applied(r run.Run, st run.Standing) run.JobDocument {
	doc := st.Plan.Document
	doc.Plan = run.PlanOf(st.Plan)
	doc.Command, doc.Actor, doc.Limits, doc.Flags = run.KindApply, r.Actor, p.Limits, flags(doc.Flags, r.Flags)
	return doc
}

// flags are a plan's, except that an apply may say anew how many things
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
