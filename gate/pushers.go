package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// pushers are the logins of who pushed the head or a commit that it brings, when
// that decides something: some rule asks for an approval, and somebody gave one.
// None of them means that nobody knows who pushed the head. Of those, pushedFor are
// accounts of Apps, such as of a workflow, that push what people tell them to.
//
// What webhooks reported adds people. Commits are known when GitHub's activity says
// of them, once for each head: somebody who knows the webhook secret can make up
// a push, and may have pushed the true one.
func (k *Keeper) pushers(ctx context.Context, in *input) (all, pushedFor []string, err error) {
	approving, _ := in.data.deciding()
	if !in.any(asksApproval) || len(approving) == 0 {
		return nil, nil, nil
	}
	f := in.data.pull
	brought, err := in.rev.Mirror.Commits(ctx, f.BaseSHA, f.HeadSHA)
	if err != nil {
		return nil, nil, err
	}
	if len(brought) == 0 {
		brought = []pull.Commit{{SHA: f.HeadSHA}}
	}
	known, err := k.Pushes(ctx, f.RepositoryID, shas(brought))
	if err != nil {
		return nil, nil, err
	}
	ref := "refs/heads/" + f.HeadRef
	known = slices.DeleteFunc(known, func(k run.Push) bool { return !k.New && k.Ref != ref }) // such as the branch that somebody made of this one
	if !confirmed(known, ref, shas(brought)...) {
		pushes, enough, err := k.askWhoPushed(ctx, in.data, brought)
		if err != nil || !enough {
			return nil, nil, err
		}
		known = append(known, pushes...)
	}
	if !confirmed(known, ref, f.HeadSHA) {
		return nil, nil, nil
	}
	merges, err := in.rev.Mirror.BaseMerges(ctx, brought)
	if err != nil {
		return nil, nil, err
	}
	// Who pushed nothing but the base pushed nothing of the pull request.
	known = slices.DeleteFunc(known, func(k run.Push) bool { return merges[k.SHA] })
	all = in.data.loginsOf(known)
	return all, slices.DeleteFunc(slices.Clone(all), func(login string) bool { return !k.pushesForPeople(login) }), nil
}

// pushesForPeople reports whether an account is an App's that the server does not
// list as pushing by itself alone. GitHub gives every such account, and none of a
// person, a login that ends so.
func (k *Keeper) pushesForPeople(login string) bool {
	return strings.HasSuffix(strings.ToLower(login), "[bot]") && (k.TrustedPusher == nil || !k.TrustedPusher(login))
}

func shas(commits []pull.Commit) []string {
	out := make([]string, len(commits))
	for i, c := range commits {
		out[i] = c.SHA
	}
	return out
}

// confirmed reports whether GitHub itself says who pushed each of the commits to
// a ref.
func confirmed(known []run.Push, ref string, shas ...string) bool {
	pushed := map[string]bool{}
	for _, k := range known {
		if k.Confirmed && k.Ref == ref {
			pushed[k.SHA] = true
		}
	}
	return !slices.ContainsFunc(shas, func(sha string) bool { return !pushed[sha] })
}

// activityPages is how many pages of a branch's activity are read at most, once for
// each head. One is enough for a branch with a hundred pushes, and keeps an apply
// within its share of GitHub's calls; a branch with more costs more, once.
const activityPages = 5

// askWhoPushed asks GitHub's activity of the branch who pushed the commits that
// the pull request brings. It is not enough when that cannot be had or goes
// further back than is read.
func (k *Keeper) askWhoPushed(ctx context.Context, d *pullData, brought []pull.Commit) (pushes []run.Push, enough bool, err error) {
	f := d.pull
	var activity []pull.Activity
	for cursor, page := "", 0; !enough && page < activityPages; page++ {
		more, next, err := pull.BranchActivity(ctx, d.client, d.request, f.HeadRef, cursor)
		if err != nil {
			if _, temporary := pull.RetryAfter(err, k.Now()); !temporary && ctx.Err() == nil {
				return nil, false, nil // an older GitHub: nobody knows
			}
			return nil, false, err
		}
		activity, cursor = append(activity, more...), next
		pushes, enough = pushesBy(activity, next == "", brought, f.HeadSHA)
	}
	if !enough {
		return nil, false, nil
	}
	for i := range pushes {
		pushes[i].RepositoryID, pushes[i].Ref, pushes[i].At, pushes[i].Confirmed = f.RepositoryID, "refs/heads/"+f.HeadRef, k.Now(), true
	}
	if k.KeepPushes == nil {
		return pushes, true, nil
	}
	if err := k.KeepPushes(ctx, pushes); err != nil {
		return nil, false, fmt.Errorf("keeping who pushed to %s#%d: %w", d.run.Repository.FullName(), f.Number, err)
	}
	return pushes, true, nil
}

// loginsOf are the people of pushes, each once; those who approve under the
// login that they have now.
func (d *pullData) loginsOf(pushes []run.Push) []string {
	var out []string
	for _, p := range pushes {
		out = append(out, p.Login)
		for _, v := range d.reviews {
			if v.ID == p.UserID && v.ID != 0 {
				out = append(out, v.Login)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(out, strings.EqualFold)
}
