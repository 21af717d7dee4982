package service

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// Service answers questions.
type Service struct {
	Runs  Runs
	Store Store
	// Facts reads from GitHub what policy needs to judge a person. With projects
	// it tells their rules, too; who asks for one that does not exist gets a
	// *run.Problem.
	Facts func(ctx context.Context, repo run.Repository, pull int, actor string, projects ...string) (policy.Facts, error)
	// Explain says what stands for and against an apply of the actor, or what is
	// wrong with the question.
	Explain func(ctx context.Context, repo run.Repository, pull int, actor string, projects []string) (string, error)
	// Describe says how a pull request stands.
	Describe func(h run.Subject, latest []run.Run, locks run.Locks, now time.Time) string
	// NoButtons are environments that no button changes anything of.
	NoButtons map[string]bool
	Now       func() time.Time
}

// Runs is what the use cases do: worker.Worker.
type Runs interface {
	Cancel(ctx context.Context, repositoryID int64, pull int, by string) (int, error)
	Unlock(ctx context.Context, h run.Subject, projects []string) (released, busy []string, err error)
}

// Store is the part of run.Store that they read.
type Store interface {
	PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	CommitRuns(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]run.Run, error)
	Locks(ctx context.Context) (run.Locks, error)
}

// Question says who asks, and about which pull request.
type Question struct {
	Repository  run.Repository
	PullRequest int
	Actor       string
	Head        string // of a button: the commit whose check run has it
}

func (q Question) holder() run.Subject {
	return run.Subject{Repository: q.Repository, PullRequest: q.PullRequest}
}

// Answer is what came of a question. Text is Markdown, safe to show; without one there
// is nothing to say beyond the verdict.
type Answer struct {
	Verdict Verdict
	Text    string
}

// Verdict is how a question was answered.
type Verdict int

// The verdicts that exist.
const (
	Refused  Verdict = iota // nothing was done, and Text says why
	Informed                // Text answers; nothing had to be done
	Done                    // it was done
)

func refused(text string) Answer  { return Answer{Refused, text} }
func informed(text string) Answer { return Answer{Informed, text} }

// Cancel ends what runs.
func (s *Service) Cancel(ctx context.Context, q Question) (Answer, error) {
	facts, err := s.Facts(ctx, q.Repository, q.PullRequest, q.Actor)
	if err != nil {
		return Answer{}, err
	}
	if v := policy.Cancel(facts); !v.Allowed {
		return refused(v.Explain()), nil
	}
	n, err := s.Runs.Cancel(ctx, q.Repository.ID, q.PullRequest, q.Actor)
	if err != nil {
		return Answer{}, err
	}
	if n == 0 {
		return informed("Nothing is running on this pull request, so there is nothing to cancel."), nil
	}
	return Answer{Verdict: Done}, nil
}

// Why says what stands for and against an apply.
func (s *Service) Why(ctx context.Context, q Question, projects []string) (Answer, error) {
	text, err := s.Explain(ctx, q.Repository, q.PullRequest, q.Actor, projects)
	return informed(text), err
}

// Heard reports whether a person's request for changes counts; when nobody can say, it
// does. Whoever may only read stops nothing.
func (s *Service) Heard(ctx context.Context, q Question) bool {
	facts, err := s.Facts(ctx, q.Repository, q.PullRequest, q.Actor)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("reading what a reviewer may do")
		return true
	}
	return policy.Heard(facts.Permission)
}
