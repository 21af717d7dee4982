package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// markComment is in the pull request's one comment, out of sight. Together with
// the author it tells ours from others.
const markComment = "<!-- lockkeeper:comment -->"

// markReply is the same for the answer to one question.
func markReply(key string) string { return "<!-- lockkeeper:reply:" + digest(key)[:24] + " -->" }

// comment brings the pull request's one comment up to date.
func (d delivery) comment(ctx context.Context) error {
	runs, err := d.runs(ctx, "")
	if err != nil {
		return err
	}
	locks, err := d.locks(ctx)
	if err != nil {
		return err
	}
	in := view.Input{Runs: runs, Locks: locks, NoApply: d.NoApply, Current: d.Current, Waits: d.waits()}
	if in.Applies, err = d.applies(ctx, runs); err != nil {
		return err
	}
	m, ok := in.Build("")
	if !ok {
		return nil
	}
	name := d.commentName()
	if m.Unreported() {
		switch _, err := d.Store.Posted(ctx, name); {
		case errors.Is(err, run.ErrNotFound):
			return nil
		case err != nil:
			return storeError(err)
		}
	}
	if m.Summaries, err = d.summaries(ctx, m); err != nil {
		return err
	}
	if m.CheckURL, err = d.checkURL(ctx, m.Pinned, report.CheckPlan); err != nil {
		return err
	}
	if m.ApplyURL, err = d.checkURL(ctx, m.Pinned, report.CheckApply); err != nil {
		return err
	}
	body := report.Comment(m.Input) + "\n" + markComment + "\n"
	at := d.Now() // when nothing is sent, because it was shown so before
	err = d.put(ctx, object{
		name: name, digest: digest(body),
		create: func(ctx context.Context) (id int64, err error) {
			made, err := d.createComment(ctx, body)
			at = d.atGitHub(made)
			return made.GetID(), err
		},
		edit: func(ctx context.Context, id int64) (err error) {
			at, err = d.editComment(ctx, id, body)
			return err
		},
		find: func(ctx context.Context, since time.Time) (int64, error) {
			return d.findComment(ctx, markComment, since)
		},
	})
	if err != nil {
		return err
	}
	return d.shown(ctx, m, at)
}

// commentName is the name of the pull request's one comment in the store.
func (d delivery) commentName() string {
	return fmt.Sprintf("comment/%d/%d", d.notice.Repository.ID, d.notice.PullRequest)
}

// commentURL is the address of the pull request's one comment; empty when it is not
// known.
func (d delivery) commentURL(ctx context.Context) (string, error) {
	posted, err := d.Store.Posted(ctx, d.commentName())
	switch {
	case errors.Is(err, run.ErrNotFound) || err == nil && posted.ID == 0 || d.WebURL == "":
		return "", nil
	case err != nil:
		return "", storeError(err)
	}
	r := d.notice.Repository
	return fmt.Sprintf("%s/%s/%s/pull/%d#issuecomment-%d", strings.TrimSuffix(d.WebURL, "/"), url.PathEscape(r.Owner), url.PathEscape(r.Name),
		d.notice.PullRequest, posted.ID), nil
}

// reply answers in a new comment, once.
func (d delivery) reply(ctx context.Context) error {
	n := d.notice
	body := n.Body
	if body == "" && n.RunID != "" {
		r, err := d.Store.Run(ctx, n.RunID)
		if errors.Is(err, run.ErrNotFound) {
			return nil
		}
		if err != nil {
			return storeError(err)
		}
		if body, err = d.answer(ctx, r); err != nil {
			return err
		}
	}
	mark := markReply(n.Key)
	body = report.Clip(body) + "\n" + mark + "\n"
	var node string
	err := d.put(ctx, object{
		name: "reply/" + n.Key, digest: digest(body),
		create: func(ctx context.Context) (int64, error) {
			made, err := d.createComment(ctx, body)
			node = made.GetNodeID()
			return made.GetID(), err
		},
		find: func(ctx context.Context, since time.Time) (int64, error) {
			return d.findComment(ctx, mark, since)
		},
	})
	if err == nil && node != "" && n.About != "" {
		d.minimizeOlder(ctx, node)
	}
	return err
}

// answer is what the requester of a run is told.
func (d delivery) answer(ctx context.Context, r run.Run) (string, error) {
	if r.State == run.StateRefused {
		return report.Refusal(r), nil
	}
	v, err := d.resultView(ctx, r)
	return report.Result(v), err
}

// resultView reads what the reply about an apply shows.
func (d delivery) resultView(ctx context.Context, r run.Run) (v report.ResultView, err error) {
	v = report.ResultView{Run: r, Input: view.Input{NoApply: d.NoApply}, Plans: map[string]run.Job{}, Automerge: d.MergeMethod != ""}
	if v.Runs, err = d.runs(ctx, r.HeadSHA); err != nil {
		return v, err
	}
	if v.Locks, err = d.locks(ctx); err != nil {
		return v, err
	}
	var m view.Model
	for _, j := range r.Jobs {
		if j.Document.Plan == nil {
			continue
		}
		plan, err := d.plannedBy(ctx, v.Runs, j.Document.Plan.JobID)
		if err != nil {
			return v, err
		}
		if plan != nil {
			v.Plans[plan.ID] = *plan
			m.Projects = append(m.Projects, run.ProjectStatus{Project: view.ProjectOf(j), Plan: *plan})
		}
	}
	if v.Summaries, err = d.summaries(ctx, m); err != nil {
		return v, err
	}
	unfinished := slices.DeleteFunc(slices.Clone(r.Jobs), func(j run.Job) bool { return j.State != run.JobFailed })
	if v.Outputs, err = d.outputsUpTo(ctx, largestOutput, unfinished); err != nil {
		return v, err
	}
	if v.ApplyURL, err = d.checkURL(ctx, r, report.CheckApply); err != nil {
		return v, err
	}
	v.CommentURL, err = d.commentURL(ctx)
	return v, err
}

// plannedBy finds the job of a plan; nil when it is not kept any more.
func (d delivery) plannedBy(ctx context.Context, runs []run.Run, id string) (*run.Job, error) {
	for i := range runs {
		if j := runs[i].Job(id); j != nil {
			return j, nil
		}
	}
	r, err := d.Store.Run(ctx, run.RunOfJob(id))
	if errors.Is(err, run.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	return r.Job(id), nil
}

func (d delivery) createComment(ctx context.Context, body string) (*github.IssueComment, error) {
	n := d.notice
	made, _, err := d.client.Issues.CreateComment(ctx, n.Repository.Owner, n.Repository.Name, n.PullRequest,
		&github.IssueComment{Body: &body})
	if err != nil {
		return nil, fmt.Errorf("creating a comment: %w", err)
	}
	return made, nil
}

// editComment tells when that was, by GitHub's clock.
func (d delivery) editComment(ctx context.Context, id int64, body string) (at time.Time, err error) {
	n := d.notice
	made, _, err := d.client.Issues.EditComment(ctx, n.Repository.Owner, n.Repository.Name, id, &github.IssueComment{Body: &body})
	if err != nil {
		return at, fmt.Errorf("editing comment %d: %w", id, err)
	}
	return d.atGitHub(made), nil
}

// foundComment is what go-github's IssueComment lacks: the App that wrote it.
type foundComment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	App  *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// findComment looks for the newest comment with a mark that this App wrote. A
// mark alone proves nothing: anybody can copy it (T15).
func (d delivery) findComment(ctx context.Context, mark string, since time.Time) (int64, error) {
	n := d.notice
	query := url.Values{"per_page": {"100"}}
	if !since.IsZero() {
		query.Set("since", since.UTC().Format(time.RFC3339))
	}
	found := int64(0)
	for page := 1; page != 0; {
		query.Set("page", strconv.Itoa(page))
		request, err := d.client.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/issues/%d/comments?%s",
			url.PathEscape(n.Repository.Owner), url.PathEscape(n.Repository.Name), n.PullRequest, query.Encode()), nil)
		if err != nil {
			return 0, fmt.Errorf("looking for a comment: %w", err)
		}
		var list []foundComment
		answer, err := d.client.Do(ctx, request, &list)
		if err != nil {
			return 0, fmt.Errorf("looking for a comment: %w", err)
		}
		for _, c := range list {
			if c.App != nil && c.App.ID == d.AppID && strings.Contains(c.Body, mark) {
				found = max(found, c.ID)
			}
		}
		page = answer.NextPage
	}
	return found, nil
}

// checkURL is the page of a check run of r's commit, or of all checks while it
// is not known.
func (d delivery) checkURL(ctx context.Context, r run.Run, check string) (string, error) {
	if d.WebURL == "" {
		return "", nil
	}
	page := fmt.Sprintf("%s/%s/%s", strings.TrimSuffix(d.WebURL, "/"), url.PathEscape(r.Repository.Owner), url.PathEscape(r.Repository.Name))
	posted, err := d.Store.Posted(ctx, run.PostedCheck(r.Repository.ID, r.HeadSHA, check))
	switch {
	case errors.Is(err, run.ErrNotFound) || err == nil && posted.ID == 0:
		return fmt.Sprintf("%s/pull/%d/checks", page, r.PullRequest), nil
	case err != nil:
		return "", storeError(err)
	}
	return fmt.Sprintf("%s/runs/%d", page, posted.ID), nil
}
