package pull

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-github/v60/github"
)

var teamSlug = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// Members returns the logins of a team's members, named as org/team. Members of
// teams below it are among them (REST, "List team members"). The App needs to
// be installed in the organization with the permission to read members.
func Members(ctx context.Context, client *github.Client, team string) ([]string, error) {
	org, slug, ok := strings.Cut(team, "/")
	if !ok || !ownerName.MatchString(org) || !teamSlug.MatchString(slug) {
		return nil, fmt.Errorf("reading members: %.80q is not a team", team)
	}
	what := "members of team " + team
	users, err := pages(what, func(o github.ListOptions) ([]*github.User, *github.Response, error) {
		return client.Teams.ListTeamMembersBySlug(ctx, org, slug, &github.TeamListTeamMembersOptions{ListOptions: o})
	})
	if err != nil {
		return nil, err
	}
	logins := make([]string, len(users))
	for i, u := range users {
		if logins[i] = u.GetLogin(); logins[i] == "" {
			return nil, readError(what, errors.New("GitHub's answer has a member without a login"))
		}
	}
	return logins, nil
}
