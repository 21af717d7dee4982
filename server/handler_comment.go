package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/commands"
	"github.com/lockkeeper/lockkeeper/run"
)

// issueComment runs commands that people write on pull requests.
type issueComment struct{ *Base }

func (*issueComment) Handles() []string { return []string{"issue_comment"} }

// Handle acts on newly created comments of people only: an edited comment would
// run today what someone agreed to long ago (T14).
func (h *issueComment) Handle(ctx context.Context, eventType, _ string, payload []byte) error {
	var e github.IssueCommentEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	c := e.GetComment()
	if !ok || e.GetAction() != "created" || e.Issue == nil || !e.Issue.IsPullRequest() || e.GetIssue().GetNumber() <= 0 || c.GetID() <= 0 || c.CreatedAt == nil {
		return nil
	}
	if !person(e.GetSender()) || !person(c.GetUser()) || c.GetUser().GetLogin() != e.GetSender().GetLogin() || byApp(payload) {
		return nil
	}
	outcome := commands.Parse(c.GetBody(), h.AppName())
	if outcome.Ignored() {
		return nil
	}
	inv := invocation{repo: repo, pull: e.GetIssue().GetNumber(), comment: c.GetID(), actor: c.GetUser().GetLogin(), command: "hint"}
	if outcome.Command != nil {
		inv.command = string(outcome.Command.Name)
	}
	inv.key = commentKey(repo.ID, inv.comment)
	ctx = logged(ctx, repo, inv.pull)
	if flooding, err := h.flooding(ctx, inv); flooding || err != nil {
		return err
	}
	if outcome.Command == nil {
		return h.answer(ctx, inv, refused, outcome.Reply)
	}
	zerolog.Ctx(ctx).Info().Str("command", string(outcome.Command.Name)).Str("actor", inv.actor).Msg("command")
	// The event says so without a call; what counts is what GitHub says when the comment is read again.
	if tooOld := run.CommandTooOld(c.GetCreatedAt().Time, h.Now()); tooOld != nil && expires(outcome.Command) {
		return h.answer(ctx, inv, refused, tooOld.Message)
	}
	return h.execute(ctx, inv, outcome.Command, c.GetBody())
}

// expires reports whether a command is about what stood when it was written.
// A late /cancel would end what someone began after it.
func expires(c *commands.Command) bool { return c.Mutating() || c.Name == commands.NameCancel }

// byApp reports whether an App wrote the comment on behalf of a person;
// go-github v60 does not know the field.
func byApp(payload []byte) bool {
	var p struct {
		Comment struct {
			App json.RawMessage `json:"performed_via_github_app"`
		} `json:"comment"`
	}
	err := json.Unmarshal(payload, &p)
	return err != nil || len(p.Comment.App) > 0 && string(p.Comment.App) != "null"
}

func (h *issueComment) execute(ctx context.Context, inv invocation, c *commands.Command, body string) error {
	switch c.Name {
	case commands.NameUnlock, commands.NameCancel: // at once; what becomes a run is read again when it is prepared
		if ok, err := h.written(ctx, inv, body); !ok || err != nil {
			return err
		}
	}
	switch c.Name {
	case commands.NamePlan, commands.NameApply:
		_, err := h.Runs.Submit(ctx, h.asRun(inv, c, body), inv.react("eyes"))
		return err
	case commands.NameUnlock:
		answer, err := h.Service.Unlock(ctx, inv.question(), c.Projects, c.Reason())
		return h.reply(ctx, inv, answer, err)
	case commands.NameCancel:
		answer, err := h.Service.Cancel(ctx, inv.question())
		return h.reply(ctx, inv, answer, err)
	case commands.NameStatus:
		answer, err := h.Service.Status(ctx, inv.question(), c.Projects)
		return h.reply(ctx, inv, answer, err)
	case commands.NameWhy:
		answer, err := h.Service.Why(ctx, inv.question(), c.Projects)
		return h.reply(ctx, inv, answer, err)
	case commands.NameHelp:
		body := commands.Help()
		if topic := c.Topic(); topic != "" {
			body = commands.HelpFor(topic)
		}
		return h.answer(ctx, inv, "eyes", body)
	}
	return fmt.Errorf("command /%s is available and nothing runs it", c.Name)
}

// asRun is the run that a command requests.
func (h *issueComment) asRun(inv invocation, c *commands.Command, body string) run.Run {
	r := h.newRun(inv.repo, inv.pull, run.TriggerComment, inv.actor, inv.key)
	r.Selectors, r.Flags, r.Line, r.CommentID, r.Comment = c.Projects, c.Flags, c.Line, inv.comment, digest(body)
	if c.Name == commands.NameApply {
		r.Kind = run.KindApply
		r.Confirm, r.Override = c.Confirm(), c.Override()
	}
	return r
}

func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// written reports whether a comment stands at GitHub as it was delivered, and
// says so where it does not: a webhook's signature says only that its sender
// knows the secret.
func (h *issueComment) written(ctx context.Context, inv invocation, body string) (bool, error) {
	same, err := h.Written(ctx, inv.repo, inv.pull, inv.comment, inv.actor, digest(body), h.Now())
	var problem *run.Problem
	switch {
	case errors.As(err, &problem):
		return false, h.answer(ctx, inv, refused, problem.Message)
	case err != nil || same:
		return same, err
	}
	zerolog.Ctx(ctx).Warn().Str("actor", inv.actor).Int64("comment", inv.comment).Msg("a command whose comment is not at GitHub as it was delivered")
	return false, h.answer(ctx, inv, refused, "The comment of this command was edited or deleted after it was written, so nothing was done. Comment it again.")
}
