package gate

import (
	"context"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Recheck says, right before jobs of an apply begin, whether the branch and its
// base are still as they were judged. It asks git, which is no call of GitHub's
// REST API. Its errors are those that worker.Worker documents: a *run.Problem means
// no.
func (k *Keeper) Recheck(ctx context.Context, r run.Run) error {
	return Explain(r, k.recheck(ctx, r), k.Now())
}

func (k *Keeper) recheck(ctx context.Context, r run.Run) error {
	mirror, err := k.Mirrors.Open(ctx, r.Repository.ID)
	if err != nil {
		return fmt.Errorf("opening the mirror: %w", err)
	}
	head, base := "refs/heads/"+r.HeadRef, "refs/heads/"+r.BaseRef
	if r.HeadRef == "" {
		head = fmt.Sprintf("refs/pull/%d/head", r.PullRequest)
	}
	remote := k.Remote(r.Repository, strings.TrimSuffix(k.WebURL, "/")+"/"+r.Repository.FullName()+".git")
	tips, branch, err := mirror.TipsAndDefault(ctx, remote, head, base)
	if err != nil {
		return err
	}
	facts := policy.Facts{BaseRef: r.BaseRef, DefaultBranch: branch, Branches: k.branches(r.Repository.FullName())}
	switch trusted := policy.TrustedBase(facts); {
	case !trusted.OK:
		return &run.Problem{Code: trusted.Predicate, Message: trusted.Text}
	case r.HeadSHA == "" || tips[head] != r.HeadSHA:
		return headMoved(tips[head])
	case r.BaseSHA == "" || tips[base] == "":
		return baseMoved(r, tips[base], nil)
	case tips[base] != r.BaseSHA:
		return k.recheckBase(ctx, r, mirror, remote, tips[base])
	}
	return nil
}

// recheckBase: whether it matters that the base branch moved is for the rules of
// the environments to say, as it was when the apply was judged.
func (k *Keeper) recheckBase(ctx context.Context, r run.Run, mirror *pull.Mirror, remote pull.Remote, tip string) error {
	var reading []project.Project
	for _, j := range r.Jobs {
		rules, known := k.Rules[j.Document.Environment.Name]
		switch {
		case j.State.Final() || known && rules.Current == policy.CurrentOff:
		case known && rules.Current == policy.CurrentProject:
			doc := j.Document.Project
			reading = append(reading, project.Project{Name: doc.Name, Dir: doc.Dir, VarFiles: doc.VarFiles})
		default:
			return baseMoved(r, tip, nil)
		}
	}
	if len(reading) == 0 {
		return nil
	}
	if err := mirror.Fetch(ctx, remote, r.HeadSHA, r.BaseSHA, tip); err != nil {
		return err
	}
	tree, err := mirror.Tree(ctx, r.HeadSHA)
	if err != nil {
		return err
	}
	graph, err := k.Index.Graph(ctx, tree)
	if err != nil {
		return err
	}
	changed, err := Revision{Mirror: mirror, Graph: graph}.baseChanges(ctx, reading, r.BaseSHA, tip)
	if err != nil {
		return err
	}
	for _, proj := range reading {
		if len(changed[proj.Name]) > 0 {
			return baseMoved(r, tip, changed[proj.Name])
		}
	}
	return nil
}

// headMoved: a push in between wins (T18). It has a plan of its own.
func headMoved(tip string) *run.Problem {
	now := "is gone"
	if tip != "" {
		now = "is at " + markdown.Quote(short(tip)) + " now"
	}
	return &run.Problem{Code: "head_moved", Message: "The branch of this pull request " + now + ", so what was judged is not what is there and nothing " +
		"was applied. When the plan of the new commit is shown, comment `/apply`."}
}

// baseMoved: what was merged meanwhile may be undone by this plan (T24).
func baseMoved(r run.Run, tip string, changed []string) *run.Problem {
	message := "The base branch " + markdown.Quote(r.BaseRef) + " moved"
	if tip != "" {
		message += " to " + markdown.Quote(short(tip))
	}
	if len(changed) > 0 {
		message += " and changed what a plan reads (" + markdown.Quote(changed[0])
		if len(changed) > 1 {
			message += fmt.Sprintf(" and %d more", len(changed)-1)
		}
		message += ")"
	}
	return &run.Problem{Code: "base_moved", Message: message + " after the apply was judged, so it was not begun. Update the branch, and comment `/apply` " +
		"when the new plan is shown."}
}

func short(sha string) string { return sha[:min(7, len(sha))] }
