package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// Pulls asks GitHub how a pull request stands. A webhook's signature says only
// that its sender knows the secret, so what ends or frees something is confirmed at GitHub.
type Pulls struct {
	Client func(installationID int64) (*github.Client, error)
	// RetryAfter reports whether an error of a GitHub call is temporary, and the
	// least time to wait then.
	RetryAfter func(err error, now time.Time) (wait time.Duration, temporary bool)
	Now        func() time.Time
}

// PullNow is a pull request as GitHub shows it; the zero value is one that it does
// not show.
type PullNow struct {
	Closed, Merged   bool
	HeadSHA, BaseRef string
	UpdatedAt        time.Time
	MergedAt         time.Time // zero when it is not merged
	Unanswered       bool      // GitHub did not say, for so long that nobody asks again
}

// over is how a pull request that is closed ended.
func (n PullNow) over() run.Over {
	return run.Over{Merged: n.Merged, HeadSHA: n.HeadSHA, BaseRef: n.BaseRef, MergedAt: n.MergedAt}
}

// pullPatience is how long GitHub may take to answer. Who comments, applies or
// holds a lock is judged by what GitHub says anyway, and the sweep of the locks
// frees those of what is closed.
const pullPatience = time.Hour

// pullSettles is how long after an event GitHub may still answer as before it.
const pullSettles = 10 * time.Second

// Confirm reads a pull request as it is after an event that came at received and
// was updated at a time by its own account. ok is false when GitHub does not show
// it, and a *Later asks to call again.
func (p *Pulls) Confirm(ctx context.Context, repo run.Repository, number int, updated, received time.Time) (now PullNow, ok bool, err error) {
	now, err = p.read(ctx, repo, number)
	waited := p.Now().Sub(received)
	switch {
	case err == nil && now.HeadSHA == "":
		return PullNow{}, false, nil
	case err == nil && now.UpdatedAt.Before(updated) && waited < pullSettles:
		return PullNow{}, false, &Later{After: time.Second, Why: errors.New("GitHub shows the pull request as it was before the event")}
	case err == nil || ctx.Err() != nil:
		return now, err == nil, err
	}
	wait, temporary := p.RetryAfter(err, p.Now())
	if temporary && waited+wait <= pullPatience {
		return PullNow{}, false, &Later{After: max(wait, min(waited, time.Minute)), Why: err}
	}
	zerolog.Ctx(ctx).Warn().Err(err).Msg("GitHub does not confirm what a webhook says of a pull request, so nothing follows from it")
	return PullNow{Unanswered: temporary}, false, nil
}

// ReviewNow is a review as GitHub shows it.
type ReviewNow struct {
	Login  string // of who gave it
	Commit string // it is of
}

// Reviewed returns a review of a pull request of this repository. ok is false when
// it does not stand at GitHub in this state.
func (p *Pulls) Reviewed(ctx context.Context, repo run.Repository, number int, review int64, state string) (now ReviewNow, ok bool, err error) {
	if pr, err := p.read(ctx, repo, number); err != nil || pr.HeadSHA == "" {
		return ReviewNow{}, false, err
	}
	client, err := p.Client(repo.InstallationID)
	if err != nil {
		return ReviewNow{}, false, fmt.Errorf("getting the client of installation %d: %w", repo.InstallationID, err)
	}
	v, resp, err := client.PullRequests.GetReview(ctx, repo.Owner, repo.Name, number, review)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return ReviewNow{}, false, nil
	}
	if err != nil {
		return ReviewNow{}, false, fmt.Errorf("reading review %d of %s#%d: %w", review, repo.FullName(), number, err)
	}
	ok = v.GetID() == review && strings.EqualFold(v.GetState(), state)
	return ReviewNow{Login: v.GetUser().GetLogin(), Commit: v.GetCommitID()}, ok, nil
}

func (p *Pulls) read(ctx context.Context, repo run.Repository, number int) (PullNow, error) {
	client, err := p.Client(repo.InstallationID)
	if err != nil {
		return PullNow{}, fmt.Errorf("getting the client of installation %d: %w", repo.InstallationID, err)
	}
	pr, _, err := client.PullRequests.Get(ctx, repo.Owner, repo.Name, number)
	if err != nil {
		return PullNow{}, fmt.Errorf("reading the state of %s#%d: %w", repo.FullName(), number, err)
	}
	if pr.GetBase().GetRepo().GetID() != repo.ID { // of that name
		return PullNow{}, nil
	}
	return PullNow{
		Closed: pr.GetState() == "closed" && pr.Merged != nil, Merged: pr.GetMerged(),
		HeadSHA: pr.GetHead().GetSHA(), BaseRef: pr.GetBase().GetRef(), UpdatedAt: pr.GetUpdatedAt().Time, MergedAt: pr.GetMergedAt().Time,
	}, nil
}
