package gate

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// facts are those of policy's that GitHub reported. What was not read is left out:
// the caller knows which gate it asks.
func (k *Keeper) facts(d *pullData, authors pull.Authors) policy.Facts {
	r, f := d.run, d.pull
	facts := policy.Facts{
		Now: k.Now(), ByPerson: r.Trigger.ByPerson(), Button: r.Trigger == run.TriggerButton,
		Actor: r.Actor, Permission: d.permissions[strings.ToLower(r.Actor)], Repository: r.Repository.FullName(),
		Number: f.Number, Open: f.Open, Merged: f.Merged, Fork: f.Fork, Draft: f.Draft, Author: f.Author, Requested: f.Requested,
		Contributors: slices.Clone(authors.Logins), Unattributed: authors.Unattributed,
		HeadSHA: f.HeadSHA, BaseRef: f.BaseRef, BaseSHA: f.BaseSHA, DefaultBranch: f.DefaultBranch, Branches: k.branches(f.Owner + "/" + f.Name),
		CommentChanged: d.commentChanged, Members: d.members, Unseen: d.unseen, Confirm: r.Confirm, Override: r.Override,
		LockAtApply: k.LockAtApply,
	}
	for _, v := range d.reviews {
		facts.Reviews = append(facts.Reviews, d.review(v))
		if slices.Contains(authors.IDs, v.ID) { // under another login when the account was renamed
			facts.Contributors = append(facts.Contributors, v.Login)
		}
	}
	for _, c := range d.checks {
		facts.Checks = append(facts.Checks, policy.Check{Name: c.Name, AppID: c.AppID, Status: c.Status, Conclusion: c.Conclusion})
	}
	return facts
}

func (d *pullData) review(v pull.Review) policy.Review {
	out := policy.Review{Login: v.Login, State: v.State, Commit: v.Commit, Permission: d.permissions[strings.ToLower(v.Login)], Bot: v.Bot, At: v.At}
	if v.Login == "" {
		out.Permission = "none" // the account is gone
	}
	return out
}

func (k *Keeper) branches(repository string) []string {
	if k.Branches == nil {
		return nil
	}
	return k.Branches(repository)
}
