package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/commands"
	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// Comments finds commands whose webhook never came. In an incident GitHub may
// not even record a delivery, and then there is none that Lost could ask for.
// For such a comment it stores a delivery, made of what GitHub's API says now,
// which is handled like every other: it grants nothing by itself. The store
// holds one delivery of each comment, so that it does not matter whether the
// webhook comes before, after, or in between.
type Comments struct {
	Store interface {
		KnownDelivery(ctx context.Context, key string) (bool, error)
		DedupSince(ctx context.Context) (time.Time, error)
		Repositories(ctx context.Context, limit int) ([]run.Repository, error)
	}
	Inbox    *Inbox
	AppName  func() string // as in Base
	Client   func(installationID int64) (*github.Client, error)
	Now      func() time.Time
	Interval time.Duration
	MinAge   time.Duration // a younger comment is left alone: its webhook may be on its way
}

const (
	// commentWindow is how old a comment may be that is acted on without its
	// webhook. Who got no answer has looked elsewhere after a while, or has
	// written it again; an old command must not come as a surprise. What changes
	// something is refused by then anyway (run.MaxCommandAge), with a reply.
	commentWindow = 3 * time.Hour
	// sweptRepositories bounds a look: those where something ran last.
	sweptRepositories = 200
	// sweptPages bounds what is read of one repository, in pages of 100. The
	// newest come first, so what is left is what is nearly too old.
	sweptPages = 5
)

// Run looks at the start and then every interval, until ctx is done.
func (c *Comments) Run(ctx context.Context) error {
	return loop.NowAndEvery(ctx, c.Interval, "looking for commands whose webhook never came", c.sweep)
}

// sweep looks at the repositories where something ran as long as runs are stored:
// a lost webhook matters where people work with Lockkeeper, and the store knows
// those without asking GitHub. It goes on with the others when one cannot be
// read. It remembers nothing: the same comments are seen for hours, and the
// store knows which of them it has.
func (c *Comments) sweep(ctx context.Context) error {
	since, err := c.Store.DedupSince(ctx)
	if err != nil {
		return err
	}
	if oldest := c.Now().Add(-commentWindow); since.Before(oldest) {
		since = oldest
	}
	repos, err := c.Store.Repositories(ctx, sweptRepositories)
	if err != nil {
		return err
	}
	var all error
	for _, repo := range repos {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.look(ctx, repo, since); err != nil {
			all = errors.Join(all, fmt.Errorf("looking at the comments of %s: %w", repo.FullName(), err))
		}
	}
	return all
}

// look goes on with the other comments when one cannot be stored.
func (c *Comments) look(ctx context.Context, repo run.Repository, since time.Time) error {
	client, err := c.Client(repo.InstallationID)
	if err != nil {
		return fmt.Errorf("getting the client of installation %d: %w", repo.InstallationID, err)
	}
	recent, err := recentComments(ctx, client, repo, since)
	if gone(err) {
		return nil // the repository, or what the App may see of it
	}
	if err != nil {
		return err
	}
	var all error
	for _, x := range recent {
		if x.command(since, c.Now().Add(-c.MinAge), c.AppName()) {
			all = errors.Join(all, c.store(ctx, client, repo, x))
		}
	}
	return all
}

// store makes a delivery of a command, unless there is one.
func (c *Comments) store(ctx context.Context, client *github.Client, repo run.Repository, x writtenComment) error {
	key := commentKey(repo.ID, x.ID)
	known, err := c.Store.KnownDelivery(ctx, key)
	if err != nil || known {
		return err
	}
	payload, err := eventOf(ctx, client, repo, x)
	if err != nil || payload == nil {
		return err
	}
	added, err := c.Inbox.store(ctx, githubapp.Dispatch{EventType: "issue_comment", DeliveryID: key, Payload: payload})
	if err != nil || !added {
		return err
	}
	c.Inbox.Metrics.delivery("found")
	zerolog.Ctx(logged(ctx, repo, x.number())).Info().Str("delivery", key).Msg("found a command whose webhook has not come")
	return nil
}

// gone reports whether GitHub shows nothing under an address, or not to the App.
func gone(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && (answer.Response.StatusCode == http.StatusNotFound || answer.Response.StatusCode == http.StatusGone)
}

// writtenComment is a comment as GitHub's API has it.
type writtenComment struct {
	ID        int64           `json:"id"`
	Body      string          `json:"body"`
	IssueURL  string          `json:"issue_url"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	User      json.RawMessage `json:"user"`

	raw json.RawMessage // the whole of it
}

// command reports whether a person wrote it as a command in the time between,
// and nobody has edited it. An edited one is never acted on, because the text
// as it was is not to be had (T14). app is the name of the App.
func (x writtenComment) command(since, until time.Time, app string) bool {
	var author github.User
	return x.ID > 0 && x.number() > 0 && json.Unmarshal(x.User, &author) == nil && person(&author) &&
		!x.CreatedAt.Before(since) && !x.CreatedAt.After(until) && x.UpdatedAt.Equal(x.CreatedAt) &&
		!commands.Parse(x.Body, app).Ignored()
}
