package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/service"
)

// Base is what all handlers share.
type Base struct {
	Runs    runs
	Store   reader
	Service *service.Service
	// Pressed confirms at GitHub that a button was pressed: Presses.Confirm. Sent
	// confirms that GitHub sent any other event: Presses.Sent.
	Pressed func(ctx context.Context, event, guid string, payload []byte, received time.Time) (time.Time, error)
	Sent    func(ctx context.Context, event, guid string, payload []byte, received time.Time) error
	// Written reports whether a comment stands at GitHub on this pull request, written
	// by login, with a body of this SHA-256, never edited, and not long before it was
	// received.
	Written func(ctx context.Context, repo run.Repository, pull int, comment int64, login, sha256 string, received time.Time) (bool, error)
	// PullNow asks GitHub how a pull request stands: Pulls.Confirm.
	PullNow func(ctx context.Context, repo run.Repository, pull int, updated, received time.Time) (now PullNow, ok bool, err error)
	// Reviewed returns a review if it stands at GitHub in this state, such as
	// DISMISSED: Pulls.Reviewed.
	Reviewed func(ctx context.Context, repo run.Repository, pull int, review int64, state string) (now ReviewNow, ok bool, err error)
	// Refused lists the newest runs of pull requests of a repository that were refused
	// with a problem of this code; nil lists none.
	Refused      func(ctx context.Context, repositoryID int64, code string) ([]run.Run, error)
	Notify       func() // called after notices were written
	Now          func() time.Time
	AppID        int64
	AppName      func() string // by which people mention the App; "" while it is not known
	Repositories []string      // allowed: owner/name or owner/*; empty allows every installation
	Autoplan     bool
	Drafts       bool // plan drafts by themselves, too
	PlansLimited bool // some environment names who may plan
	// RequiredChecks are the names of other Apps' checks that a rule asks for.
	RequiredChecks []string

	limiter rateLimiter
}

// runs is what handlers do to runs: worker.Worker.
type runs interface {
	closing
	Submit(ctx context.Context, r run.Run, notices ...run.Notice) (added bool, err error)
	CancelRun(ctx context.Context, id, by string) error
	Supersede(ctx context.Context, repositoryID int64, pull int, sha string) (int, error)
	Pushed(ctx context.Context, repo run.Repository, pull int, sha string) error
	Judge(ctx context.Context, repositoryID int64, pull int) error
	Object(ctx context.Context, repositoryID int64, pull int, o run.Objection, commit string) error
}

// reader is the part of run.Store that handlers need.
type reader interface {
	Run(ctx context.Context, id string) (run.Run, error)
	ActiveRuns(ctx context.Context) ([]run.Run, error)
	PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	CommitRuns(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]run.Run, error)
	PutNotices(ctx context.Context, notices []run.Notice) error
	PutPushes(ctx context.Context, pushes []run.Push) error
	Posted(ctx context.Context, name string) (run.Posted, error)
}

// Handlers lists one handler per event.
func (b *Base) Handlers() []githubapp.EventHandler {
	return []githubapp.EventHandler{
		&issueComment{b}, &pullRequest{b}, &review{b}, &checkRun{b}, &checkSuite{b}, &mergeGroup{b}, &push{b}, &ignored{},
	}
}

// event is what the handlers need of every payload.
type event interface {
	GetRepo() *github.Repository
	GetInstallation() *github.Installation
	GetSender() *github.User
}

// validName is of what GitHub calls an account or a repository. Another one would be
// part of a URL that cannot be asked, which looks like a GitHub that does not answer.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// repository names the repository of an event; ok is false when the event is
// not for us: another repository, no installation, or nothing that names one.
func (b *Base) repository(e event) (run.Repository, bool) {
	r := run.Repository{
		ID: e.GetRepo().GetID(), Owner: e.GetRepo().GetOwner().GetLogin(), Name: e.GetRepo().GetName(),
		InstallationID: e.GetInstallation().GetID(),
	}
	ok := r.ID > 0 && validName.MatchString(r.Owner) && validName.MatchString(r.Name) && r.InstallationID > 0 && b.Serves(r.Owner, r.Name)
	return r, ok
}

// Serves reports whether the server works for a repository.
func (b *Base) Serves(ownerLogin, repository string) bool {
	if len(b.Repositories) == 0 {
		return true
	}
	return slices.ContainsFunc(b.Repositories, func(entry string) bool {
		owner, name, _ := strings.Cut(entry, "/")
		return strings.EqualFold(owner, ownerLogin) && (name == "*" || strings.EqualFold(name, repository))
	})
}

// person reports whether a human being did it: bots and Apps, this one first of
// all, never give commands (T15).
func person(u *github.User) bool { return u.GetType() == "User" && u.GetLogin() != "" }

// newRun begins a run; key makes it unique.
func (b *Base) newRun(repo run.Repository, pull int, trigger run.Trigger, actor, key string) run.Run {
	now := b.Now().UTC()
	return run.Run{
		ID: run.NewID(now), Key: key, Subject: run.Subject{Repository: repo, PullRequest: pull}, Kind: run.KindPlan,
		Trigger: trigger, Actor: actor, State: run.StateAccepted, CreatedAt: now,
	}
}

// autoplan submits a plan that nobody requested, if the config wants it.
func (b *Base) autoplan(ctx context.Context, r run.Run, draft bool) error {
	if !b.plansItself(draft) {
		return nil
	}
	_, err := b.Runs.Submit(ctx, r)
	return err
}

func (b *Base) plansItself(draft bool) bool { return b.Autoplan && (!draft || b.Drafts) }

// sent reports whether GitHub sent an event. What it did not send was made up by
// someone who knows the webhook secret, and nothing follows from it.
func (b *Base) sent(ctx context.Context, event, guid string, payload []byte) (bool, error) {
	err := b.Sent(ctx, event, guid, payload, received(ctx))
	if not, ok := errors.AsType[*NotPressed](err); ok {
		zerolog.Ctx(ctx).Warn().Err(not.Err).Bool("forged", not.Forged).Msg("GitHub does not confirm an event, so nothing follows from it")
		return false, nil
	}
	return err == nil, err
}

func (b *Base) post(ctx context.Context, notices ...run.Notice) error {
	if err := b.Store.PutNotices(ctx, notices); err != nil {
		return err
	}
	b.Notify()
	return nil
}

// invocation is what a person requested, and where: in a comment, or with a button.
type invocation struct {
	repo    run.Repository
	pull    int
	comment int64 // 0 for a button
	actor   string
	key     string // unique: one question has one effect and one answer
	head    string // of a button: the commit whose check run has it
	command string // or "hint"
	button  string // that was pressed, as people know it; empty for what was written
}

// question is what the service needs to know of it.
func (inv invocation) question() service.Question {
	return service.Question{Repository: inv.repo, PullRequest: inv.pull, Actor: inv.actor, Head: inv.head}
}

func (inv invocation) react(content string) run.Notice {
	return run.ReactionTo(inv.repo, inv.pull, inv.comment, content)
}

// refused reacts to a command that was not carried out.
const refused = "confused"

// answer writes a comment, and reacts to the one with the command. Who is refused is
// mentioned, and who pressed a button is named: it leaves no comment of its own. What
// says how something is takes the place of what said so before; what was done stays.
func (b *Base) answer(ctx context.Context, inv invocation, reaction, body string) error {
	who := ""
	switch {
	case inv.actor == "":
	case inv.button != "":
		who = run.Mention(inv.actor) + ", by the button " + inv.button + ": "
	case reaction == refused:
		who = run.Mention(inv.actor) + " "
	}
	reply := run.ReplyTo(inv.repo, inv.pull, inv.key, who+body)
	switch {
	case reaction == refused:
		reply.About = "refused " + inv.command
	case reaction == "eyes":
		reply.About = inv.command
	}
	if inv.comment == 0 {
		return b.post(ctx, reply)
	}
	return b.post(ctx, inv.react(reaction), reply)
}

// reactions show how a question was answered.
var reactions = map[service.Verdict]string{service.Refused: refused, service.Informed: "eyes", service.Done: "+1"}

// reply says what the service answered. err is its error.
func (b *Base) reply(ctx context.Context, inv invocation, answer service.Answer, err error) error {
	switch {
	case err != nil:
		return err
	case answer.Text == "" && inv.comment == 0:
		return nil
	case answer.Text == "":
		return b.post(ctx, inv.react(reactions[answer.Verdict]))
	}
	return b.answer(ctx, inv, reactions[answer.Verdict], answer.Text)
}

// logged adds the repository and the pull request to the logger of ctx.
func logged(ctx context.Context, repo run.Repository, pull int) context.Context {
	return zerolog.Ctx(ctx).With().Str("repository", repo.FullName()).Int("pull_request", pull).Logger().WithContext(ctx)
}

func unreadable(event string, err error) error {
	return fmt.Errorf("reading the payload of %s: %w", event, err)
}
