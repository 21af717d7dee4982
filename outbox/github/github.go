package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// store is the part of run.Store that the sinks need.
type store interface {
	Run(ctx context.Context, id string) (run.Run, error)
	PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	CommitRuns(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]run.Run, error)
	PullApplies(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	Locks(ctx context.Context) (run.Locks, error)
	UpdateRun(ctx context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error)
	PutNotices(ctx context.Context, notices []run.Notice) error
	Posted(ctx context.Context, name string) (run.Posted, error)
	PutPosted(ctx context.Context, p run.Posted) error
	CountWrites(ctx context.Context, r run.Repository, minute time.Time, n int) error
	Writes(ctx context.Context, since time.Time) ([]run.Writes, error)
}

// GitHub is where notices are sent. All exported fields are set before the first
// is sent and not changed afterwards.
type GitHub struct {
	Store store
	// Client returns the client of an installation.
	Client func(ctx context.Context, installationID int64) (*github.Client, error)
	// Open reads an artifact of a job; bytes are good once io.EOF was seen.
	Open func(context.Context, run.Artifact) (io.ReadCloser, error)
	// Live gives what a job that runs printed last; nil shows nothing of it.
	Live func(jobID string) run.Lines
	// RetryAfter tells whether an error of a GitHub call is temporary, and the
	// least time to wait then.
	RetryAfter func(err error, now time.Time) (wait time.Duration, temporary bool)
	// Waits says why no job begins, for people; nil or an empty text when nothing
	// keeps them.
	Waits  func() string
	Notify func() // called after notices were written
	Now    func() time.Time

	MergeMethod string            // merge, squash or rebase, for a pull request with nothing left to apply; empty never merges
	NoApply     map[string]bool   // see view.Input
	Current     map[string]string // see view.Input
	NoButtons   map[string]bool   // see view.Input
	AppID       int64             // of the GitHub App: only what it wrote is taken for ours
	// PerMinute and PerHour are how many writes an installation may make; 0 is 72
	// and 450.
	PerMinute, PerHour int
	WebURL             string // of GitHub's pages, such as "https://github.com"; empty makes no links

	mu     sync.Mutex
	budget *budget // of writes; nil before the first; guarded by mu
}

// Sinks are one for each kind of notice.
func (g *GitHub) Sinks() []run.Sink {
	return []run.Sink{
		sink{g, run.NoticeReaction, delivery.reaction},
		sink{g, run.NoticeReply, delivery.reply},
		sink{g, run.NoticeComment, delivery.comment},
		sink{g, run.NoticeCheck, delivery.checks},
		sink{g, run.NoticeMerge, delivery.merge},
	}
}

// sink sends the notices of one kind.
type sink struct {
	*GitHub
	kind run.NoticeKind
	send func(delivery, context.Context) error
}

// Kinds implements run.Sink.
func (s sink) Kinds() []run.NoticeKind { return []run.NoticeKind{s.kind} }

// Send implements run.Sink.
func (s sink) Send(ctx context.Context, n run.Notice) error {
	client, err := s.Client(ctx, n.Repository.InstallationID)
	if err != nil {
		return s.judged(fmt.Errorf("getting the client of installation %d: %w", n.Repository.InstallationID, err))
	}
	return s.judged(s.send(delivery{GitHub: s.GitHub, client: client, notice: n}, ctx))
}

// delivery is one attempt at one notice.
type delivery struct {
	*GitHub
	client *github.Client
	notice run.Notice
}

// storeError is an error of the store while sending: always worth another try.
func storeError(err error) error { return &run.RetryError{Err: err} }

// judged says of an error whether another try can help. A rejected token can be
// one that just expired, or the operator will put the key right.
func (g *GitHub) judged(err error) error {
	_, retry := errors.AsType[*run.RetryError](err)
	_, later := errors.AsType[*run.NotBeforeError](err)
	switch {
	case err == nil || retry || later:
		return err
	case errors.Is(err, context.DeadlineExceeded) || answers(err, http.StatusUnauthorized):
		return &run.RetryError{Err: err}
	}
	wait, temporary := g.RetryAfter(err, g.Now())
	if !temporary {
		return err
	}
	return &run.RetryError{Err: err, After: wait, Installation: limitsAll(err)}
}

// limitsAll tells the errors after which a whole installation has to wait: its
// rate limits.
func limitsAll(err error) bool {
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	return errors.As(err, &primary) || errors.As(err, &secondary) ||
		answers(err, http.StatusForbidden) || answers(err, http.StatusTooManyRequests)
}

// answers tells whether GitHub's answer was this status.
func answers(err error, status int) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode == status
}
