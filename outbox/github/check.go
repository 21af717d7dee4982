package github

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// checks brings the check runs of the commit of the notice's run up to date.
func (d delivery) checks(ctx context.Context) error {
	r, err := d.noticeRun(ctx)
	if errors.Is(err, run.ErrNotFound) {
		return nil
	}
	if err != nil {
		return storeError(err)
	}
	if r.HeadSHA == "" {
		return nil // it ended before anybody knew its commit
	}
	v, err := d.checkView(ctx, r.HeadSHA)
	if err != nil {
		return err
	}
	for _, content := range []func(report.CheckView) (report.Check, bool){report.CheckRun, report.ApplyCheck} {
		if c, ok := content(v); ok {
			if err := d.check(ctx, r, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// noticeRun is the run whose commit a notice is about: the newest plan that knows its
// commit when the notice names none.
func (d delivery) noticeRun(ctx context.Context) (run.Run, error) {
	if d.notice.RunID != "" {
		return d.Store.Run(ctx, d.notice.RunID)
	}
	runs, err := d.runs(ctx, "")
	if err != nil {
		return run.Run{}, err
	}
	for _, r := range runs {
		if r.Kind == run.KindPlan && r.OfPull() && r.HeadSHA != "" && !r.PreparedAt.IsZero() {
			return r, nil
		}
	}
	return run.Run{}, run.ErrNotFound
}

// checkView reads what the check runs of a commit show.
func (d delivery) checkView(ctx context.Context, head string) (report.CheckView, error) {
	runs, err := d.runs(ctx, head)
	if err != nil {
		return report.CheckView{}, err
	}
	locks, err := d.locks(ctx)
	if err != nil {
		return report.CheckView{}, err
	}
	v := report.CheckView{Input: view.Input{Runs: runs, Locks: locks, NoApply: d.NoApply, Current: d.Current, NoButtons: d.NoButtons, Waits: d.waits()}, HeadSHA: head}
	m, ok := v.Build(head)
	if !ok {
		return v, nil
	}
	v.Live = d.live(append(m.PlanJobs(), m.ApplyJobs()...))
	if m.PlansOnly().Active() { // an apply that is under way does not hide the diffs
		return v, nil
	}
	if v.Summaries, err = d.summaries(ctx, m); err != nil {
		return report.CheckView{}, err
	}
	v.Outputs, err = d.outputs(ctx, m.ApplyJobs(), m.PlanJobs())
	return v, err
}

// check creates or updates one check run.
func (d delivery) check(ctx context.Context, r run.Run, c report.Check) error {
	return d.put(ctx, object{
		name: run.PostedCheck(r.Repository.ID, r.HeadSHA, c.Name), digest: withMarks(digest(c.Content()), marksDigest(c)), marks: marksDigest(c),
		buttons: c.Buttons(), class: classOf(c),
		mark:   func(ctx context.Context, id int64) error { return d.markCheck(ctx, id, c) },
		create: func(ctx context.Context) (int64, error) { return d.createCheck(ctx, r.HeadSHA, c) },
		edit:   func(ctx context.Context, id int64) error { return d.updateCheck(ctx, id, c) },
		find: func(ctx context.Context, _ time.Time) (int64, error) {
			return d.findCheck(ctx, r.HeadSHA, c.Name)
		},
	})
}

// classOf: people wait for a check that is over, and for one that says what they
// have to do.
func classOf(c report.Check) class {
	if c.Status == report.StatusInProgress {
		return mayWait
	}
	return mustSay
}

func (d delivery) createCheck(ctx context.Context, head string, c report.Check) (int64, error) {
	options := github.CreateCheckRunOptions{
		Name: c.Name, HeadSHA: head, ExternalID: &c.ExternalID, Status: &c.Status,
		StartedAt: &github.Timestamp{Time: c.StartedAt}, Output: checkOutput(c), Actions: actionsOf(c),
	}
	options.Conclusion, options.CompletedAt = completionOf(c)
	options.Output.Annotations = annotationsOf(c)
	made, _, err := d.client.Checks.CreateCheckRun(ctx, d.notice.Repository.Owner, d.notice.Repository.Name, options)
	if err != nil {
		return 0, fmt.Errorf("creating check run %s: %w", c.Name, err)
	}
	return made.GetID(), nil
}

func (d delivery) updateCheck(ctx context.Context, id int64, c report.Check) error {
	return d.sendUpdate(ctx, id, c, updateOf(c))
}

func updateOf(c report.Check) github.UpdateCheckRunOptions {
	options := github.UpdateCheckRunOptions{
		Name: c.Name, ExternalID: &c.ExternalID, Status: &c.Status, Output: checkOutput(c), Actions: actionsOf(c),
	}
	options.Output.Text = &c.Text // also an empty one: what jobs printed while they ran is not left there
	options.Conclusion, options.CompletedAt = completionOf(c)
	return options
}

func (d delivery) sendUpdate(ctx context.Context, id int64, c report.Check, options github.UpdateCheckRunOptions) error {
	_, _, err := d.client.Checks.UpdateCheckRun(ctx, d.notice.Repository.Owner, d.notice.Repository.Name, id, options)
	if err != nil {
		return fmt.Errorf("updating check run %s: %w", c.Name, err)
	}
	return nil
}

// findCheck looks for our check run of a name on a commit.
func (d delivery) findCheck(ctx context.Context, head, name string) (int64, error) {
	list, _, err := d.client.Checks.ListCheckRunsForRef(ctx, d.notice.Repository.Owner, d.notice.Repository.Name, head,
		&github.ListCheckRunsOptions{CheckName: &name, AppID: &d.AppID})
	if err != nil {
		return 0, fmt.Errorf("looking for check run %s: %w", name, err)
	}
	found := int64(0)
	for _, c := range list.CheckRuns {
		if c.GetApp().GetID() == d.AppID && c.GetName() == name {
			found = max(found, c.GetID())
		}
	}
	return found, nil
}

func completionOf(c report.Check) (*string, *github.Timestamp) {
	if c.Status != report.StatusCompleted {
		return nil, nil
	}
	return &c.Conclusion, &github.Timestamp{Time: c.CompletedAt}
}

func checkOutput(c report.Check) *github.CheckRunOutput {
	out := &github.CheckRunOutput{Title: &c.Title, Summary: &c.Summary}
	if c.Text != "" {
		out.Text = &c.Text
	}
	return out
}

func actionsOf(c report.Check) []*github.CheckRunAction {
	var out []*github.CheckRunAction
	for _, a := range c.Actions {
		out = append(out, &github.CheckRunAction{Label: a.Label, Description: a.Description, Identifier: a.Identifier})
	}
	return out
}
