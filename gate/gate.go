// Package gate judges commands on pull requests: it reads what a verdict stands on
// (the pull request, who approved and pushed it, code owners and teams, stored
// plans, locks, the tips of its branches), all of it again for each command, and
// lets policy judge it.
//
// Place in the flow: between an accepted run and its jobs. Package prepare asks it
// before it plans or applies, the worker again before the jobs of an apply begin,
// and service for people who ask why. What the commits hold is passed to it, as a
// Revision. It changes nothing but caches, and the record of who pushed what. It
// must not know how projects are found and how a job's document or source is made,
// webhooks, the store, how jobs are executed, or how anything looks on GitHub.
package gate

import (
	"context"
	"io"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Keeper judges commands. Its fields are set before use and not changed after; its
// methods may be called at the same time. Their errors are those that worker.Worker
// documents: *run.Problem, *run.SilentRefusal, *run.Temporary, or any other.
type Keeper struct {
	Client func(installationID int64) (*github.Client, error)
	// Token may read the repository's contents, and is another one than refused.
	Token   func(ctx context.Context, r run.Repository, refused string) (string, error)
	WebURL  string // of GitHub, such as https://github.com
	Mirrors *pull.Mirrors
	Index   *project.Index
	// Find brings the commits of a pull request here and finds what an apply of them
	// is about. What it found until an error comes with the error.
	Find func(ctx context.Context, r run.Run, f pull.Facts) (Revision, error)
	// Open reads an artifact of a job; bytes are good once io.EOF was seen, and
	// one that is not there any more is fs.ErrNotExist.
	Open func(ctx context.Context, a run.Artifact) (io.ReadCloser, error)
	// Has reports whether an artifact is still there, where the server may not
	// read plans; nil asks Open.
	Has func(ctx context.Context, ref run.Artifact) (bool, error)
	// Rules is what an apply must pass, by environment. In one without rules
	// nothing is applied.
	Rules map[string]policy.Rules
	// Runs lists the runs of a pull request that say how it stands at a commit, as
	// run.Store's CommitRuns does.
	Runs  func(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]run.Run, error)
	Locks func(ctx context.Context) (run.Locks, error)
	// Branches are those that the server's config lists as bases of a repository
	// (owner/name); none, or nil, means its default branch alone.
	Branches func(repository string) []string
	// Pushes lists who is known to have pushed these commits. KeepPushes keeps what
	// GitHub reported about others; nil keeps nothing.
	Pushes     func(ctx context.Context, repositoryID int64, shas []string) ([]run.Push, error)
	KeepPushes func(ctx context.Context, pushes []run.Push) error
	// IsTool reports whether an address of commits is no person's; nil: none is.
	IsTool func(email string) bool
	// TrustedPusher reports whether an App's account pushes by itself alone, and
	// nothing that people tell it to; nil: none does.
	TrustedPusher func(login string) bool
	// PlansItself reports whether a push to a pull request makes a plan that nobody
	// requested; nil: none does.
	PlansItself func(draft bool) bool
	LockAtApply bool // plans take no locks
	Now         func() time.Time

	previews previews
}

// Remote is where git finds a repository, with the token that may read it.
func (k *Keeper) Remote(r run.Repository, url string) pull.Remote {
	return pull.Remote{URL: url, Token: func(ctx context.Context, refused string) (string, error) { return k.Token(ctx, r, refused) }}
}
