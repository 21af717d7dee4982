package pull

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-github/v60/github"
)

// Commit is what is known of who made one commit of a pull request.
type Commit struct {
	SHA               string
	Parents           []string // as git knows them; none of those that GitHub listed
	Author, Committer Signature
	Message           string
}

// Signature is who a commit says made it, and the account that GitHub knows of
// that address. Without an account Login is empty and ID is 0.
type Signature struct {
	Email string
	Login string
	ID    int64
}

// Commits returns the commits of a pull request with the accounts that GitHub
// knows of their authors: the first 250, which is all that GitHub lists (REST,
// "List commits on a pull request"). Mirror.Commits has all of them, without
// accounts.
func Commits(ctx context.Context, client *github.Client, r Request) ([]Commit, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("commits of %s/%s#%d", r.Owner, r.Name, r.Number)
	listed, err := pages(what, func(o github.ListOptions) ([]*github.RepositoryCommit, *github.Response, error) {
		return client.PullRequests.ListCommits(ctx, r.Owner, r.Name, r.Number, &o)
	})
	if err != nil {
		return nil, err
	}
	commits := make([]Commit, len(listed))
	for i, c := range listed {
		if checkSHA(c.GetSHA()) != nil || c.GetCommit().GetAuthor() == nil || c.GetCommit().GetCommitter() == nil || c.GetCommit().Message == nil {
			return nil, readError(what, errors.New("GitHub's answer has a commit without a SHA, author, committer or message"))
		}
		commits[i] = Commit{
			SHA: c.GetSHA(), Message: c.GetCommit().GetMessage(),
			Author:    Signature{Email: c.GetCommit().GetAuthor().GetEmail(), Login: c.GetAuthor().GetLogin(), ID: c.GetAuthor().GetID()},
			Committer: Signature{Email: c.GetCommit().GetCommitter().GetEmail(), Login: c.GetCommitter().GetLogin(), ID: c.GetCommitter().GetID()},
		}
	}
	return commits, nil
}

// maxCommits is how many commits of a pull request are looked at.
const maxCommits = 10_000

// Commits returns every commit that head has and base lacks, newest first. More
// than 10,000 are an error.
func (m *Mirror) Commits(ctx context.Context, base, head string) ([]Commit, error) {
	if err := checkSHA(base, head); err != nil {
		return nil, fmt.Errorf("listing commits: %w", err)
	}
	printed, err := m.fact(ctx, "log", "-z", "--no-show-signature", fmt.Sprintf("--max-count=%d", maxCommits+1),
		"--format=%H%n%P%n%ae%n%ce%n%B", head, "^"+base, "--")
	if err == nil && strings.Count(printed, "\x00") > maxCommits {
		err = fmt.Errorf("there are more than %d", maxCommits)
	}
	if err != nil {
		return nil, fmt.Errorf("listing commits of %s that %s lacks: %w", head, base, err)
	}
	var commits []Commit
	for entry := range strings.SplitSeq(printed, "\x00") {
		if entry == "" {
			continue
		}
		fields := strings.SplitN(entry, "\n", 5)
		if len(fields) != 5 || checkSHA(fields[0]) != nil {
			return nil, fmt.Errorf("listing commits: git printed a commit that is none: %.200q", entry)
		}
		commits = append(commits, Commit{
			SHA: fields[0], Parents: strings.Fields(fields[1]), Author: Signature{Email: fields[2]}, Committer: Signature{Email: fields[3]}, Message: fields[4],
		})
	}
	return commits, nil
}
