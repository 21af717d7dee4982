package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"
)

// maxSingly is how many people who are not on the first page of those with
// write access are looked up one by one. Beyond, the rest of the list is read.
const maxSingly = 10

// Permissions returns what people may do with the repository now: admin, write,
// read or none, by lower-case login. It is one call for one person and, when
// all of several may write, one for all of them.
func Permissions(ctx context.Context, client *github.Client, r Request, logins []string) (map[string]string, error) {
	wanted := make([]string, len(logins))
	for i, login := range logins {
		wanted[i] = strings.ToLower(login)
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	for _, login := range wanted {
		r.Actor, r.NeedPermission = login, true
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	found := map[string]string{}
	if len(wanted) > 1 {
		whole, err := listWriters(ctx, client, r, wanted, found)
		if err != nil {
			return nil, err
		}
		if whole {
			return found, nil
		}
	}
	return found, askEach(ctx, client, r, missing(found, wanted), found)
}

func missing(found map[string]string, wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(login string) bool { return found[login] != "" })
}

// listWriters notes who of wanted is among those with write access. whole says
// that everybody else is none of them.
func listWriters(ctx context.Context, client *github.Client, r Request, wanted []string, found map[string]string) (whole bool, err error) {
	what := fmt.Sprintf("collaborators of %s/%s", r.Owner, r.Name)
	_, err = pages(what, func(o github.ListOptions) ([]*github.User, *github.Response, error) {
		users, response, err := client.Repositories.ListCollaborators(ctx, r.Owner, r.Name,
			&github.ListCollaboratorsOptions{Permission: "push", ListOptions: o})
		if err != nil {
			return nil, nil, err
		}
		for _, u := range users {
			level, err := levelOf(u)
			if err != nil {
				return nil, nil, err
			}
			if login := strings.ToLower(u.GetLogin()); slices.Contains(wanted, login) {
				found[login] = level
			}
		}
		whole = response.NextPage == 0
		if len(missing(found, wanted)) <= maxSingly {
			response.NextPage, whole = 0, false
		}
		return users, response, nil
	})
	if whole {
		for _, login := range missing(found, wanted) {
			found[login] = "none"
		}
	}
	return whole, err
}

// levelOf is the permission of someone in the list of collaborators, in the
// words of readPermission: the highest of the base roles that it has (REST,
// "List repository collaborators").
func levelOf(u *github.User) (string, error) {
	if u.GetLogin() == "" || u.Permissions == nil {
		return "", errors.New("GitHub's answer has a collaborator without a login or permissions")
	}
	switch {
	case u.Permissions["admin"]:
		return "admin", nil
	case u.Permissions["push"]:
		return "write", nil
	case u.Permissions["pull"]:
		return "read", nil
	}
	return "none", nil
}

func askEach(ctx context.Context, client *github.Client, r Request, logins []string, found map[string]string) error {
	levels := make([]string, len(logins))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, login := range logins {
		group.Go(func() (err error) {
			one := r
			one.Actor = login
			levels[i], err = readPermission(ctx, client, one)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, login := range logins {
		found[login] = levels[i]
	}
	return nil
}
