package report

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

	"github.com/lockkeeper/lockkeeper/run"
)

// markComment is in the pull request's one comment, out of sight. Together with
// the author it tells ours from others.
const markComment = "<!-- lockkeeper:comment -->"

// markReply is the same for the answer to one question.
func markReply(key string) string { return "<!-- lockkeeper:reply:" + digest(key)[:24] + " -->" }

// comment brings the pull request's one comment up to date.
func (d delivery) comment(ctx context.Context) error {
	n := d.notice
	runs, err := d.runs(ctx)
	if err != nil {
		return err
	}
	locks, err := d.locks(ctx)
	if err != nil {
		return err
	}
	v := View{Runs: runs, Locks: locks, NoApply: d.NoApply, Waits: d.waits()}
	p, ok := v.pick("")
	if !ok {
		return nil
	}
	name := fmt.Sprintf("comment/%d/%d", n.Repository.ID, n.PullRequest)
	if untold(p, runs) {
		switch _, err := d.Store.Posted(ctx, name); {
		case errors.Is(err, run.ErrNotFound):
			return nil
		case err != nil:
			return storeError{err}
		}
	}
	if v.Summaries, err = d.summaries(ctx, p); err != nil {
		return err
	}
	if v.CheckURL, err = d.checkURL(ctx, p.pinned, CheckPlan); err != nil {
		return err
	}
	if v.ApplyURL, err = d.checkURL(ctx, p.pinned, CheckApply); err != nil {
		return err
	}
	body := Comment(v) + "\n" + markComment + "\n"
	at := d.Now() // when nothing is sent, because it was shown so before
	err = d.put(ctx, object{
		name: name, digest: digest(body),
		create: func(ctx context.Context) (id int64, err error) {
			id, at, err = d.createComment(ctx, body)
			return id, err
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
	return d.shown(ctx, p, at)
}

// untold reports whether there is nothing that a comment would be written for: no
// project is touched, as far as is known, there is nothing to note, and nobody asked.
// Checks say it. A comment that is there is brought up to date all the same.
func untold(p picked, runs []run.Run) bool {
	quiet := p.run.State == run.StateAccepted || p.run.State == run.StateRunning || p.run.State == run.StateSucceeded
	return quiet && len(p.standings) == 0 && p.run.Problem == nil && len(p.run.Notes) == 0 &&
		!slices.ContainsFunc(runs, func(r run.Run) bool { return r.Trigger.Asked() })
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
			return storeError{err}
		}
		body = Refusal(r)
	}
	mark := markReply(n.Key)
	body = clip(body, commentBudget) + "\n" + mark + "\n"
	return d.put(ctx, object{
		name: "reply/" + n.Key, digest: digest(body),
		create: func(ctx context.Context) (int64, error) {
			id, _, err := d.createComment(ctx, body)
			return id, err
		},
		find: func(ctx context.Context, since time.Time) (int64, error) {
			return d.findComment(ctx, mark, since)
		},
	})
}

// clip shortens a reply that another part wrote, between two lines, and closes
// the fence that it may have cut.
func clip(body string, limit int) string {
	shown, left := firstLines(strings.TrimRight(body, "\n"), limit)
	if left == 0 {
		return shown + "\n"
	}
	if strings.Count(shown, "\n```")%2 == 1 {
		shown += "\n```"
	}
	return fmt.Sprintf("%s\n\n%s left out for size.\n", shown, counted(left, "more line is", "more lines are"))
}

// createComment and editComment tell when that was, by GitHub's clock.
func (d delivery) createComment(ctx context.Context, body string) (id int64, at time.Time, err error) {
	n := d.notice
	made, _, err := d.client.Issues.CreateComment(ctx, n.Repository.Owner, n.Repository.Name, n.PullRequest,
		&github.IssueComment{Body: &body})
	if err != nil {
		return 0, at, fmt.Errorf("creating a comment: %w", err)
	}
	return made.GetID(), d.atGitHub(made), nil
}

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
		return "", storeError{err}
	}
	return fmt.Sprintf("%s/runs/%d", page, posted.ID), nil
}
