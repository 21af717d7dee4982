package report

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// send carries out one notice. It may be carried out any number of times.
func (s *Sender) send(ctx context.Context, n run.Notice) error {
	client, err := s.Client(ctx, n.Repository.InstallationID)
	if err != nil {
		return fmt.Errorf("getting the client of installation %d: %w", n.Repository.InstallationID, err)
	}
	d := delivery{Sender: s, client: client, notice: n}
	switch n.Kind {
	case run.NoticeReaction:
		if err := d.spend(ctx, mayDrop); err != nil {
			return err
		}
		return d.reaction(ctx)
	case run.NoticeReply:
		return d.reply(ctx)
	case run.NoticeComment:
		return d.comment(ctx)
	case run.NoticeCheck:
		return d.checks(ctx)
	case run.NoticeMerge:
		if d.Merge == nil {
			return nil
		}
		if err := d.spend(ctx, mustSay); err != nil {
			return err
		}
		return d.Merge(ctx, n)
	}
	return fmt.Errorf("sending notice %s: no such kind", n.Kind)
}

// delivery is one attempt at one notice.
type delivery struct {
	*Sender
	client *github.Client
	notice run.Notice
}

// reaction puts an emoji on a comment. GitHub answers a second one of the same
// App with the first.
func (d delivery) reaction(ctx context.Context) error {
	n := d.notice
	_, _, err := d.client.Reactions.CreateIssueCommentReaction(ctx, n.Repository.Owner, n.Repository.Name, n.CommentID, n.Content)
	if err != nil {
		return fmt.Errorf("reacting to comment %d: %w", n.CommentID, err)
	}
	return nil
}

// How many runs of a pull request a report looks at: the newest few, which
// nearly always hold everything, and more when they do not.
const (
	newestRuns = 4
	shownRuns  = 100
)

// runs reads the runs of the notice's pull request that there is something to say about
// at the commit head, newest first; an empty head is the commit of the newest plan that
// knows its own.
func (d delivery) runs(ctx context.Context, head string) ([]run.Run, error) {
	newest, err := d.newest(ctx, newestRuns)
	if err != nil || len(newest) < newestRuns {
		return newest, err
	}
	if head == "" {
		head = newestHead(newest)
	}
	if slices.ContainsFunc(newest, func(r run.Run) bool { return r.HeadSHA == head && replacesAll(r) }) {
		return newest, nil
	}
	return d.newest(ctx, shownRuns)
}

// newestHead is the commit that the comment is about; empty when none of the runs knows.
func newestHead(runs []run.Run) string {
	i := slices.IndexFunc(runs, func(r run.Run) bool {
		return r.Kind == run.KindPlan && r.Trigger != run.TriggerQueue && !answered(r) && r.HeadSHA != ""
	})
	if i < 0 {
		return ""
	}
	return runs[i].HeadSHA
}

// applies reads the newest applies of the notice's pull request that are over, however
// many runs came since.
func (d delivery) applies(ctx context.Context, newest []run.Run) ([]run.Run, error) {
	if len(newest) < newestRuns { // they are all
		return newest, nil
	}
	list, err := d.Store.PullApplies(ctx, d.notice.Repository.ID, d.notice.PullRequest, shownRuns)
	if err != nil {
		return nil, storeError{err}
	}
	return list, nil
}

// replacesAll tells a plan before which nothing counts at its commit. One that looked
// at less than everything is compared with those before it.
func replacesAll(r run.Run) bool {
	return r.Kind == run.KindPlan && r.Whole() && !slices.ContainsFunc(r.Jobs, func(j run.Job) bool {
		return run.Standing{Project: projectOf(j), PlanRun: r, Plan: j}.Partial()
	})
}

func (d delivery) newest(ctx context.Context, limit int) ([]run.Run, error) {
	runs, err := d.Store.PullRuns(ctx, d.notice.Repository.ID, d.notice.PullRequest, limit)
	if err != nil {
		return nil, storeError{fmt.Errorf("reading the runs of the pull request: %w", err)}
	}
	return runs, nil
}
