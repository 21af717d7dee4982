package prepare

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
// None of them means that nobody knows who pushed the head.
//
// Webhooks told of most. About what they did not tell GitHub is asked, once for
// each commit.
func (p *Preparer) pushers(ctx context.Context, c *considered) ([]string, error) {
	approving, _ := c.rd.deciding()
	if !c.any(asksApproval) || len(approving) == 0 {
		return nil, nil
	}
	f := c.rd.pull
	all, err := c.found.mirror.Commits(ctx, f.BaseSHA, f.HeadSHA)
	if err != nil {
		return nil, err
	}
	brought := []string{f.HeadSHA}
	for _, commit := range all {
		brought = append(brought, commit.SHA)
	}
	known, err := p.Pushes(ctx, f.RepositoryID, brought)
	if err != nil {
		return nil, err
	}
	known = slices.DeleteFunc(known, func(k run.Push) bool { // such as the branch that somebody made of this one
		return !k.New && k.Ref != "refs/heads/"+f.HeadRef
	})
	if unknown := notPushed(brought, known); len(unknown) > 0 {
		told, err := p.askWhoPushed(ctx, c.rd, unknown)
		if err != nil {
			return nil, err
		}
		known = append(known, told...)
	}
	if slices.Contains(notPushed(brought, known), f.HeadSHA) {
		return nil, nil
	}
	return c.rd.loginsOf(known), nil
}

// notPushed are the commits of which nobody is known to have pushed them.
func notPushed(shas []string, known []run.Push) []string {
	pushed := map[string]bool{}
	for _, k := range known {
		pushed[k.SHA] = true
	}
	return slices.DeleteFunc(slices.Clone(shas), func(sha string) bool { return pushed[sha] })
}

// askWhoPushed asks GitHub's activity of the branch. It names the last commit of
// each push; a commit that is none of those came with one of them, and counts as
// pushed by all who pushed there. It is known only when all of them are.
func (p *Preparer) askWhoPushed(ctx context.Context, rd *reading, unknown []string) ([]run.Push, error) {
	f := rd.pull
	activity, err := pull.BranchActivity(ctx, rd.client, rd.request, f.HeadRef)
	if err != nil {
		if _, temporary := pull.RetryAfter(err, p.Now()); !temporary && ctx.Err() == nil {
			return nil, nil // an older GitHub: nobody knows
		}
		return nil, err
	}
	told := toldBy(activity, unknown, f.HeadSHA)
	for i := range told {
		told[i].RepositoryID, told[i].Ref, told[i].At = f.RepositoryID, "refs/heads/"+f.HeadRef, p.Now()
	}
	if p.KeepPushes == nil {
		return told, nil
	}
	if err := p.KeepPushes(ctx, told); err != nil {
		return nil, fmt.Errorf("keeping who pushed to %s#%d: %w", rd.run.Repository.FullName(), f.Number, err)
	}
	return told, nil
}

// toldBy are the pushes of commits that the activity of a branch tells of.
func toldBy(activity []pull.Activity, commits []string, head string) (out []run.Push) {
	for _, sha := range commits {
		named := slices.DeleteFunc(slices.Clone(activity), func(a pull.Activity) bool { return a.After != sha })
		if len(named) == 0 && sha != head {
			named = activity
		}
		if slices.ContainsFunc(named, func(a pull.Activity) bool { return a.Login == "" || a.UserID == 0 }) {
			continue // an account that is gone may be there again under another name
		}
		for _, a := range named {
			out = append(out, run.Push{SHA: sha, Login: a.Login, UserID: a.UserID})
		}
	}
	return out
}

// loginsOf are the people of pushes, each once; those who approve under the
// login that they have now.
func (rd *reading) loginsOf(pushes []run.Push) []string {
	var out []string
	for _, p := range pushes {
		out = append(out, p.Login)
		for _, v := range rd.reviews {
			if v.ID == p.UserID && v.ID != 0 {
				out = append(out, v.Login)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(out, strings.EqualFold)
}
