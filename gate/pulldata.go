package gate

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

// pullData is what was read from GitHub for one decision. Each read that goes
// wrong is an error; nothing here stands for "could not be read".
type pullData struct {
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

func (k *Keeper) newPullData(r run.Run) (*pullData, error) {
	client, err := k.Client(r.Repository.InstallationID)
	if err != nil {
		return nil, fmt.Errorf("getting a client for installation %d: %w", r.Repository.InstallationID, err)
	}
	return &pullData{
		run: r, client: client, token: k.Token, permissions: map[string]string{}, members: map[string][]string{},
		request: pull.Request{Owner: r.Repository.Owner, Name: r.Repository.Name, Number: r.PullRequest},
	}, nil
}

// readPull reads the pull request with what the request asks for. GitHub is called
// by name, and what is stored goes by id: who knows the webhook secret can make up
// an event with the name of one repository and the id of another.
func (d *pullData) readPull(ctx context.Context, request pull.Request) (err error) {
	if err := d.ofInstallation(ctx); err != nil {
		return err
	}
	d.pull, err = pull.Read(ctx, d.client, request)
	if err == nil && d.pull.RepositoryID != d.run.Repository.ID {
		return otherRepository(d.run.Repository, d.pull.RepositoryID)
	}
	if err == nil && request.NeedPermission {
		d.permissions[strings.ToLower(request.Actor)] = d.pull.ActorPermission
	}
	return err
}

// ofInstallation confirms that the event's installation is one of the event's repository:
// GitHub makes no token of an installation for a repository that it is not on. It is the
// token that git fetches with, which lives for an hour, so this is rarely a call.
func (d *pullData) ofInstallation(ctx context.Context) error {
	_, err := d.token(ctx, d.run.Repository, "")
	if errors.Is(err, pull.ErrNoAccess) {
		return otherInstallation(d.run.Repository)
	}
	if err != nil {
		return fmt.Errorf("confirming that installation %d is of %s: %w", d.run.Repository.InstallationID, d.run.Repository.FullName(), err)
	}
	return nil
}

func (d *pullData) readReviews(ctx context.Context) (err error) {
	d.reviews, err = pull.Reviews(ctx, d.client, d.request)
	return err
}

func (d *pullData) readCommits(ctx context.Context) (err error) {
	d.commits, err = pull.Commits(ctx, d.client, d.request)
	return err
}

func (d *pullData) readChecks(ctx context.Context) (err error) {
	d.checks, err = pull.Checks(ctx, d.client, d.request, d.pull.HeadSHA)
	return err
}

// readComment compares the command's comment with what was delivered (T14), and
// when it was written, by GitHub's account, with when it was received (T29).
func (d *pullData) readComment(ctx context.Context, fresh bool) error {
	r := d.run
	if r.CommentID == 0 {
		return nil
	}
	if err := d.ofInstallation(ctx); err != nil {
		return err
	}
	c, err := pull.ReadComment(ctx, d.client, d.request, r.CommentID)
	if errors.Is(err, pull.ErrNotFound) {
		d.commentChanged = true
		return nil
	}
	if err != nil {
		return err
	}
	d.commentChanged = c.Edited || !c.Person || c.SHA256 != r.Comment || !strings.EqualFold(c.Login, r.Actor)
	if late := run.CommandTooOld(c.CreatedAt, r.CreatedAt); late != nil && fresh && !d.commentChanged {
		return late
	}
	return nil
}

// readPermissions reads what the actor may do, if a person requested it, and what those
// may do whose reviews matter.
func (d *pullData) readPermissions(ctx context.Context) error {
	approving, objecting := d.deciding()
	people := slices.Concat(approving, objecting)
	if d.run.Trigger.ByPerson() && d.run.Actor != "" {
		people = append(people, d.run.Actor)
	}
	found, err := pull.Permissions(ctx, d.client, d.request, people)
	if err == nil {
		d.permissions = found
	}
	return err
}

// readMembers reads the teams among names; the others are logins or addresses.
func (d *pullData) readMembers(ctx context.Context, names []string) error {
	var teams []string
	for _, name := range names {
		if team := strings.ToLower(strings.TrimPrefix(name, "@")); strings.Contains(team, "/") && d.members[team] == nil {
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
			members[i], err = pull.Members(ctx, d.client, team)
			if errors.Is(err, pull.ErrNotFound) {
				members[i], unseen[i], err = []string{}, true, nil // others may still be members
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, team := range teams {
		d.members[team] = members[i]
		if unseen[i] {
			d.unseen = append(d.unseen, team)
		}
	}
	return nil
}

// deciding are the people whose latest review may count as an approval of the
// head, and those whose latest review stands in the way. Of both it matters what
// they may do. Policy decides what counts; it gets all reviews.
func (d *pullData) deciding() (approving, objecting []string) {
	latest := map[string]pull.Review{}
	for _, v := range d.reviews {
		if v.State != "COMMENTED" && v.State != "PENDING" && v.Login != "" && !v.Bot {
			latest[strings.ToLower(v.Login)] = v
		}
	}
	for login, v := range latest {
		switch {
		case v.State == "DISMISSED":
		case v.State != "APPROVED":
			objecting = append(objecting, login)
		case v.Commit == d.pull.HeadSHA && !strings.EqualFold(login, d.pull.Author):
			approving = append(approving, login)
		}
	}
	return approving, objecting
}
