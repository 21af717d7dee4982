package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Facts reads what policy needs to judge a person who asks for something that is
// no run, such as /cancel. projects are named by who wants to release locks that
// other pull requests hold: each gets the rules of its environment.
func (k *Keeper) Facts(ctx context.Context, repo run.Repository, pullRequest int, actor string, projects ...string) (policy.Facts, error) {
	r := run.Run{Subject: run.Subject{Repository: repo, PullRequest: pullRequest}, Actor: actor, Trigger: run.TriggerComment, Kind: run.KindPlan}
	facts, err := k.personFacts(ctx, r, projects)
	return facts, Explain(r, err, k.Now())
}

// Written reports whether a comment stands at GitHub on this pull request, written
// by login and with a body of this SHA-256, and never edited. One that was written
// too long before it was received is a *run.Problem.
func (k *Keeper) Written(ctx context.Context, repo run.Repository, pullRequest int, comment int64, login, sha256 string, received time.Time) (bool, error) {
	r := run.Run{Subject: run.Subject{Repository: repo, PullRequest: pullRequest}, Actor: login, Comment: sha256, CommentID: comment, Kind: run.KindPlan, CreatedAt: received}
	d, err := k.newPullData(r)
	if err == nil {
		err = d.readComment(ctx, true)
	}
	if err != nil {
		return false, Explain(r, err, k.Now())
	}
	return !d.commentChanged, nil
}

func (k *Keeper) personFacts(ctx context.Context, r run.Run, projects []string) (policy.Facts, error) {
	d, err := k.newPullData(r)
	if err != nil {
		return policy.Facts{}, err
	}
	request := d.request
	request.Actor, request.NeedPermission, request.NoTip = r.Actor, true, true
	if err := d.readPull(ctx, request); err != nil {
		return policy.Facts{}, err
	}
	facts := k.facts(d, pull.Authors{})
	if len(projects) == 0 {
		return facts, nil
	}
	locks, err := k.Locks(ctx)
	if err != nil {
		return policy.Facts{}, fmt.Errorf("reading the locks: %w", err)
	}
	for _, name := range projects {
		held, err := k.heldProject(ctx, r, locks, name)
		if err != nil {
			return policy.Facts{}, err
		}
		facts.Projects = append(facts.Projects, held)
	}
	for _, proj := range facts.Projects {
		if err := d.readMembers(ctx, proj.Rules.Unlock); err != nil {
			return policy.Facts{}, err
		}
	}
	return facts, nil
}

// heldProject finds the environment of a project whose lock somebody else holds:
// from the holder's newest plan of it, or, when the two share a state under
// different names, from the one of who asks.
func (k *Keeper) heldProject(ctx context.Context, r run.Run, locks run.Locks, name string) (policy.Project, error) {
	out := policy.Project{Name: name}
	holders := []run.Subject{r.Pull()}
	for _, lock := range locks.Locks {
		if !lock.Free() && lock.Project == name && lock.Holder.Repository.ID == r.Repository.ID && !lock.Holder.Is(r.Pull()) {
			out.HeldBy, holders = lock.Holder.PullRequest, []run.Subject{lock.Holder}
		}
	}
	for _, h := range holders {
		runs, err := k.runs(ctx, h, "")
		if err != nil {
			return out, err
		}
		if doc, found := newestDocument(runs, name); found {
			out.Dir, out.Environment = doc.Project.Dir, doc.Environment.Name
			out.Rules = k.Rules[out.Environment] // without any nobody may unlock
			return out, nil
		}
	}
	return out, &run.Problem{Code: "unknown_project", Message: "Nothing is known of the lock of " + markdown.Quote(name) + ", so it was not released. " +
		"Comment `/unlock` on the pull request that holds it."}
}

func newestDocument(runs []run.Run, project string) (run.JobDocument, bool) {
	for _, r := range runs {
		for _, j := range r.Jobs {
			if j.Document.Project.Name == project {
				return j.Document, true
			}
		}
	}
	return run.JobDocument{}, false
}
