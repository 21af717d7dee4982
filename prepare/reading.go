package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// reading is what was read from GitHub for one decision. Each read that goes
// wrong is an error; nothing here stands for "could not be read".
type reading struct {
	run     run.Run
	client  *github.Client
	token   func(ctx context.Context, repo run.Repository, refused string) (string, error)
	request pull.Request

	pull           pull.Facts
	reviews        []pull.Review
	commits        []pull.Commit // that GitHub lists, with accounts
	permissions    map[string]string
	commentChanged bool
	checks         []pull.Check
	members        map[string][]string // by lower-case org/team
	unseen         []string            // teams among them that GitHub does not show
}

func (p *Preparer) newReading(r run.Run) (*reading, error) {
	client, err := p.Client(r.Repository.InstallationID)
	if err != nil {
		return nil, fmt.Errorf("getting a client for installation %d: %w", r.Repository.InstallationID, err)
	}
	return &reading{
		run: r, client: client, token: p.Token, permissions: map[string]string{}, members: map[string][]string{},
		request: pull.Request{Owner: r.Repository.Owner, Name: r.Repository.Name, Number: r.PullRequest},
	}, nil
}

// readPull reads the pull request with what the request asks for. GitHub is asked
// by name, and what is stored goes by id: who knows the webhook secret can make up
// an event with the name of one repository and the id of another.
func (rd *reading) readPull(ctx context.Context, request pull.Request) (err error) {
	if err := rd.ofInstallation(ctx); err != nil {
		return err
	}
	rd.pull, err = pull.Read(ctx, rd.client, request)
	if err == nil && rd.pull.RepositoryID != rd.run.Repository.ID {
		return otherRepository(rd.run.Repository, rd.pull.RepositoryID)
	}
	if err == nil && request.NeedPermission {
		rd.permissions[strings.ToLower(request.Actor)] = rd.pull.ActorPermission
	}
	return err
}

// ofInstallation confirms that the event's installation is one of the event's repository:
// GitHub makes no token of an installation for a repository that it is not on. It is the
// token that git fetches with, which lives for an hour, so this is rarely a call.
func (rd *reading) ofInstallation(ctx context.Context) error {
	_, err := rd.token(ctx, rd.run.Repository, "")
	if errors.Is(err, pull.ErrNoAccess) {
		return otherInstallation(rd.run.Repository)
	}
	if err != nil {
		return fmt.Errorf("confirming that installation %d is of %s: %w", rd.run.Repository.InstallationID, rd.run.Repository.FullName(), err)
	}
	return nil
}

func (rd *reading) readReviews(ctx context.Context) (err error) {
	rd.reviews, err = pull.Reviews(ctx, rd.client, rd.request)
	return err
}

func (rd *reading) readCommits(ctx context.Context) (err error) {
	rd.commits, err = pull.Commits(ctx, rd.client, rd.request)
	return err
}

func (rd *reading) readChecks(ctx context.Context) (err error) {
	rd.checks, err = pull.Checks(ctx, rd.client, rd.request, rd.pull.HeadSHA)
	return err
}

// readComment compares the command's comment with what was delivered (T14), and
// when it was written, by GitHub's account, with when it was received (T29).
func (rd *reading) readComment(ctx context.Context, fresh bool) error {
	r := rd.run
	if r.CommentID == 0 {
		return nil
	}
	if err := rd.ofInstallation(ctx); err != nil {
		return err
	}
	c, err := pull.ReadComment(ctx, rd.client, rd.request, r.CommentID)
	if errors.Is(err, pull.ErrNotFound) {
		rd.commentChanged = true
		return nil
	}
	if err != nil {
		return err
	}
	rd.commentChanged = c.Edited || !c.Person || c.SHA256 != r.Comment || !strings.EqualFold(c.Login, r.Actor)
	if late := run.LateCommand(c.CreatedAt, r.CreatedAt); late != nil && fresh && !rd.commentChanged {
		return late
	}
	return nil
}

// readPermissions reads what the actor may do, if a person asked, and what those
// may do whose reviews matter.
func (rd *reading) readPermissions(ctx context.Context) error {
	approving, objecting := rd.deciding()
	people := slices.Concat(approving, objecting)
	if rd.run.Trigger.Asked() && rd.run.Actor != "" {
		people = append(people, rd.run.Actor)
	}
	found, err := pull.Permissions(ctx, rd.client, rd.request, people)
	if err == nil {
		rd.permissions = found
	}
	return err
}

// readMembers reads the teams among names; the others are logins or addresses.
func (rd *reading) readMembers(ctx context.Context, names []string) error {
	var teams []string
	for _, name := range names {
		if team := strings.ToLower(strings.TrimPrefix(name, "@")); strings.Contains(team, "/") && rd.members[team] == nil {
			teams = append(teams, team)
		}
	}
	slices.Sort(teams)
	teams = slices.Compact(teams)
	members, unseen := make([][]string, len(teams)), make([]bool, len(teams))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, team := range teams {
		g.Go(func() (err error) {
			members[i], err = pull.Members(ctx, rd.client, team)
			if errors.Is(err, pull.ErrNotFound) {
				members[i], unseen[i], err = []string{}, true, nil // others may still be who is asked for
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, team := range teams {
		rd.members[team] = members[i]
		if unseen[i] {
			rd.unseen = append(rd.unseen, team)
		}
	}
	return nil
}

// deciding are the people whose latest review may count as an approval of the
// head, and those whose latest review stands in the way. Of both it matters what
// they may do. Policy decides what counts; it gets all reviews.
func (rd *reading) deciding() (approving, objecting []string) {
	latest := map[string]pull.Review{}
	for _, v := range rd.reviews {
		if v.State != "COMMENTED" && v.State != "PENDING" && v.Login != "" && !v.Bot {
			latest[strings.ToLower(v.Login)] = v
		}
	}
	for login, v := range latest {
		switch {
		case v.State == "DISMISSED":
		case v.State != "APPROVED":
			objecting = append(objecting, login)
		case v.Commit == rd.pull.HeadSHA && !strings.EqualFold(login, rd.pull.Author):
			approving = append(approving, login)
		}
	}
	return approving, objecting
}
