package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"
)

// Facts is what GitHub says about a pull request at one moment. All of it was
// read; nothing comes from a webhook.
type Facts struct {
	RepositoryID int64 // GitHub's id of the base repository; survives renames
	Owner        string
	Name         string // of the repository
	Number       int

	Open   bool
	Merged bool
	Draft  bool
	// Fork says that the commits come from another repository than the base,
	// or that nobody can say because that repository is gone.
	Fork bool

	Title    string
	Author   string // login
	AuthorID int64

	HeadSHA string
	HeadRef string // branch name
	BaseRef string // branch name
	BaseSHA string // the tip of the base branch now, not where the pull request began

	MergeSHA string // of one that is merged: the commit that this made on the base branch
	BaseThen string // tip of the base branch when GitHub last looked, before a merge

	// Requested are logins of people and names of teams (org/team) that are requested to
	// review and have not done so, at most 10.
	Requested []string

	DefaultBranch string // of the base repository
	CloneURL      string // of the base repository
	Mergeable     *bool  // nil while GitHub has not worked it out

	// ActorPermission is admin, write, read or none: the legacy value, where
	// maintain counts as write and triage as read. Empty when it was not requested.
	ActorPermission string
}

// Request says what to read.
type Request struct {
	Owner  string
	Name   string // of the repository
	Number int

	Actor          string // login; whose permission to read
	NeedPermission bool
	NoTip          bool // BaseSHA is not requested: Mirror.Tips knows it, too, and without a call
}

// ErrNotFound means that GitHub answered 404: the thing does not exist, or the
// App may not see it. The error's text says which.
var ErrNotFound = errors.New("not found on GitHub, or not visible to this App")

// ErrNoHead means that a pull request has no head commit: its branch is gone.
var ErrNoHead = errors.New("GitHub's answer lacks the head commit")

// Read returns the facts, from one REST call, one more with the tip of the base
// branch and one with the permission, none after more than one other. Whatever
// cannot be read is an error that says what it was, never an empty field;
// RetryAfter reports whether to try again.
func Read(ctx context.Context, client *github.Client, request Request) (Facts, error) {
	if err := request.check(); err != nil {
		return Facts{}, err
	}
	var facts Facts
	var permission string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		if facts, err = readPull(ctx, client, request); err != nil || request.NoTip {
			return err
		}
		facts.BaseSHA, err = Tip(ctx, client, request, facts.BaseRef)
		return err
	})
	if request.NeedPermission {
		group.Go(func() (err error) {
			permission, err = readPermission(ctx, client, request)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Facts{}, err
	}
	facts.ActorPermission = permission
	return facts, nil
}

// Names go into URL paths, which go-github does not escape.
var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	actorName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?$`)
)

func (r Request) check() error {
	switch {
	case !ownerName.MatchString(r.Owner):
		return fmt.Errorf("reading pull request: %.80q is not an account name", r.Owner)
	case !repoName.MatchString(r.Name) || r.Name == "." || r.Name == "..":
		return fmt.Errorf("reading pull request: %.80q is not a repository name", r.Name)
	case r.Number <= 0:
		return fmt.Errorf("reading pull request: %d is not a number of one", r.Number)
	case r.NeedPermission && !actorName.MatchString(r.Actor):
		return fmt.Errorf("reading permission: %.80q is not an account name", r.Actor)
	}
	return nil
}

func readPull(ctx context.Context, client *github.Client, r Request) (Facts, error) {
	what := fmt.Sprintf("pull request %s/%s#%d", r.Owner, r.Name, r.Number)
	pull, _, err := client.PullRequests.Get(ctx, r.Owner, r.Name, r.Number)
	if err != nil {
		return Facts{}, readError(what, err)
	}
	base, head := pull.GetBase(), pull.GetHead()
	facts := Facts{
		RepositoryID: base.GetRepo().GetID(),
		Owner:        base.GetRepo().GetOwner().GetLogin(),
		Name:         base.GetRepo().GetName(),
		Number:       pull.GetNumber(),
		Open:         pull.GetState() == "open",
		Merged:       pull.GetMerged(),
		Draft:        pull.GetDraft(),
		Fork:         head.GetRepo().GetID() == 0 || head.GetRepo().GetID() != base.GetRepo().GetID(),
		Title:        pull.GetTitle(),
		Author:       pull.GetUser().GetLogin(),
		AuthorID:     pull.GetUser().GetID(),
		HeadSHA:      head.GetSHA(),
		HeadRef:      head.GetRef(),
		BaseRef:      base.GetRef(),
		CloneURL:     base.GetRepo().GetCloneURL(),

		DefaultBranch: base.GetRepo().GetDefaultBranch(),
		Mergeable:     pull.Mergeable,
		Requested:     requested(pull),
	}
	if facts.Merged {
		facts.MergeSHA, facts.BaseThen = pull.GetMergeCommitSHA(), base.GetSHA()
	}
	if err := facts.complete(); err != nil {
		return Facts{}, readError(what, err)
	}
	return facts, nil
}

// requested are those that are requested to review, but for Apps, which approve nothing.
func requested(p *github.PullRequest) (out []string) {
	for _, u := range p.RequestedReviewers {
		if u.GetType() != "Bot" && u.GetLogin() != "" {
			out = append(out, u.GetLogin())
		}
	}
	for _, t := range p.RequestedTeams {
		if t.GetSlug() != "" {
			out = append(out, p.GetBase().GetRepo().GetOwner().GetLogin()+"/"+t.GetSlug())
		}
	}
	const most = 10
	return out[:min(len(out), most)]
}

// complete refuses an answer that lacks what every decision stands on.
func (f Facts) complete() error {
	switch {
	case f.RepositoryID == 0 || f.Owner == "" || f.Name == "" || f.CloneURL == "":
		return errors.New("GitHub's answer lacks the base repository")
	case f.Number == 0:
		return errors.New("GitHub's answer lacks the number")
	case checkSHA(f.HeadSHA) != nil:
		return ErrNoHead
	case f.BaseRef == "":
		return errors.New("GitHub's answer lacks the base branch")
	}
	return nil
}

// Tip returns the commit that a branch points to now, from one REST call.
func Tip(ctx context.Context, client *github.Client, r Request, branch string) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	what := fmt.Sprintf("base branch %q of %s/%s", branch, r.Owner, r.Name)
	ref, _, err := client.Git.GetRef(ctx, r.Owner, r.Name, "heads/"+branch)
	if err != nil {
		return "", readError(what, err)
	}
	if ref.GetRef() != "refs/heads/"+branch || checkSHA(ref.GetObject().GetSHA()) != nil {
		return "", readError(what, errors.New("GitHub's answer is about something else"))
	}
	return ref.GetObject().GetSHA(), nil
}

func readPermission(ctx context.Context, client *github.Client, r Request) (string, error) {
	what := fmt.Sprintf("permission of @%s on %s/%s", r.Actor, r.Owner, r.Name)
	level, _, err := client.Repositories.GetPermissionLevel(ctx, r.Owner, r.Name, r.Actor)
	if err != nil {
		return "", readError(what, err)
	}
	switch level.GetPermission() {
	case "admin", "write", "read", "none":
		return level.GetPermission(), nil
	}
	return "", readError(what, fmt.Errorf("GitHub's answer %.80q is not a permission", level.GetPermission()))
}

// ReadError says what could not be read from GitHub.
type ReadError struct {
	What   string // such as "reviews of acme/infra#7"
	Status int    // of GitHub's answer; 0 when there was none, or it was no answer to the question
	Err    error
}

func (e *ReadError) Error() string { return "reading " + e.What + ": " + e.Err.Error() }
func (e *ReadError) Unwrap() error { return e.Err }

func readError(what string, err error) error {
	e := &ReadError{What: what, Err: err}
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		e.Status = answer.Response.StatusCode
	}
	if e.Status == http.StatusNotFound {
		e.Err = fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return e
}
