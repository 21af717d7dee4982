package github

import (
	"slices"
	"time"
)

// PullView is a snapshot of one pull request for a page or a test. It shares nothing with the double's state.
type PullView struct {
	Repo           string // owner/name of the base
	Number         int
	Title, Body    string
	Author         string
	State          string // open or closed
	Draft, Merged  bool
	HeadRepo       string // differs from Repo for forks; empty when the fork was deleted
	HeadRef        string
	HeadSHA        string
	BaseRef        string
	BaseSHA        string // the base branch's tip now
	Mergeable      *bool  // nil: not known yet; reading the view does not start the job
	MergeCommitSHA string
	Required       []string // names of the checks that the rules of the base require
	Unmet          []string // those of them that are not green
	Ahead, Behind  int      // commits of the head that the base lacks, and the other way round
	Commits        []CommitView
	Timeline       []Moment
	Checks         []CheckView // of the head, the newest of each name
	Files          []FileView
	Deployments    []DeploymentView
	Created        time.Time
}

// Comments are those of the timeline, oldest first.
func (v PullView) Comments() (out []CommentView) {
	for _, m := range v.Timeline {
		if m.Comment != nil {
			out = append(out, *m.Comment)
		}
	}
	return out
}

// CommitView is one commit of a pull request, oldest first.
type CommitView struct {
	SHA, Message, Author string
	At                   time.Time
}

// Moment is one entry of the timeline.
type Moment struct {
	Kind        string // opened, commented, reviewed, review_dismissed, pushed, edited, ready_for_review, converted_to_draft, closed, merged, reopened
	At          time.Time
	Actor       string
	Before, SHA string // of pushes, reviews and merges
	Comment     *CommentView
	Review      *ReviewView
}

// CommentView is one comment.
type CommentView struct {
	ID               int64
	Author           string
	App              bool // written through the App
	Body             string
	Edited           bool
	Created, Updated time.Time
	Minimized        string // why it is folded, such as "outdated"; empty when it is not
	Reactions        []ReactionView
}

// ReactionView is one reaction to a comment.
type ReactionView struct{ By, Content string }

// ReviewView is one review.
type ReviewView struct {
	ID                          int64
	Author, State, Body, Commit string // State as REST spells it: APPROVED, …
}

// CheckView is one check run.
type CheckView struct {
	ID                   int64
	Name, App, HeadSHA   string
	Status, Conclusion   string // Conclusion is empty until completed
	Title, Summary, Text string
	DetailsURL           string
	ExternalID           string
	Actions              []Action
	Annotations          []map[string]any
	Started, Completed   time.Time
}

// FileView is one changed file. Patch is empty for binary and very large files.
type FileView struct {
	Path, OldPath, Status string // Status: added, removed, modified or renamed
	Additions, Deletions  int
	Patch                 string
}

// DeploymentView is one deployment of the head with its newest status.
type DeploymentView struct {
	ID                      int64
	Environment, SHA, State string // State is empty before the first status
	Description, URL        string
}

// Pull gives a snapshot of one pull request.
func (d *Double) Pull(repo string, number int) (PullView, error) {
	p, err := d.findPull(repo, number)
	if err != nil {
		return PullView{}, err
	}
	c, patches, err := d.pullDiff(p)
	if err != nil {
		return PullView{}, err
	}
	commits, err := p.repo.git.commitViews(c)
	if err != nil {
		return PullView{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.viewPull(p)
	v.Ahead, v.Behind, v.Commits = c.ahead, c.behind, commits
	for i, f := range c.files {
		fv := FileView{Path: f.path, OldPath: f.oldPath, Status: f.status, Additions: f.additions, Deletions: f.deletions}
		if i < len(patches) {
			fv.Patch = patches[i]
		}
		v.Files = append(v.Files, fv)
	}
	return v, nil
}

// PullNumbers lists the pull requests of a repository, oldest first.
func (d *Double) PullNumbers(repo string) ([]int, error) {
	r, err := d.findRepo(repo)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return sortedNumbers(r.pulls), nil
}

func (d *Double) findPull(repo string, number int) (*pull, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.repo(repo)
	if r == nil || r.pulls[number] == nil {
		return nil, errNotFound()
	}
	return r.pulls[number], nil
}

// pullComparison compares the head with the base as they are now.
func (d *Double) pullComparison(p *pull) (*comparison, error) {
	d.mu.Lock()
	base, head := p.baseTip(), p.headSHA
	d.mu.Unlock()
	return p.repo.git.compare(base, head)
}

func (d *Double) pullDiff(p *pull) (*comparison, []string, error) {
	d.mu.Lock()
	base, head := p.baseTip(), p.headSHA
	d.mu.Unlock()
	c, err := p.repo.git.compare(base, head)
	if err != nil {
		return nil, nil, err
	}
	patches, err := p.repo.git.patchesOf(c.mergeBase, head)
	return c, patches, err
}

func (g *gitRepo) commitViews(c *comparison) ([]CommitView, error) {
	var views []CommitView
	for _, sha := range c.commits {
		x, err := g.commit(sha)
		if err != nil {
			return nil, err
		}
		views = append(views, CommitView{SHA: sha, Message: x.message, Author: x.author.name, At: x.committer.when})
	}
	return views, nil
}

// viewPull copies what is in memory. Callers hold d.mu.
func (d *Double) viewPull(p *pull) PullView {
	v := PullView{
		Repo: p.repo.fullName(), Number: p.number, Title: p.title, Body: p.body, Author: p.author.login, State: p.state(), Draft: p.draft,
		Merged: p.merged, HeadRef: p.headRef, HeadSHA: p.headSHA, BaseRef: p.baseRef, BaseSHA: p.baseTip(), Created: p.created,
		MergeCommitSHA: p.mergeSHA, Required: p.repo.requiredContexts(p.baseRef),
	}
	for _, x := range p.unmet() {
		v.Unmet = append(v.Unmet, x["context"].(string))
	}
	if !p.headRepo.deleted {
		v.HeadRepo = p.headRepo.fullName()
	}
	if result := p.merge.result; result != nil && p.merge.head == p.headSHA && p.merge.base == p.baseTip() {
		v.Mergeable = &result.clean
	}
	for _, m := range p.timeline {
		v.Timeline = append(v.Timeline, viewMoment(m))
	}
	for _, s := range p.repo.suites {
		if s.headSHA == p.headSHA {
			for _, c := range s.latest() {
				v.Checks = append(v.Checks, d.viewCheck(c))
			}
		}
	}
	for _, x := range p.repo.deployments {
		if x.sha == p.headSHA {
			v.Deployments = append(v.Deployments, viewDeployment(x))
		}
	}
	return v
}

func viewMoment(m *moment) Moment {
	v := Moment{Kind: m.kind, At: m.at, Actor: m.actor.login, Before: m.before, SHA: m.sha}
	if c := m.comment; c != nil {
		v.Comment = &CommentView{
			ID: c.id, Author: c.author.login, App: c.app, Body: c.body, Edited: c.edited, Created: c.created, Updated: c.updated,
			Minimized: c.minimized,
		}
		for _, r := range c.reactions {
			v.Comment.Reactions = append(v.Comment.Reactions, ReactionView{By: r.by.login, Content: r.content})
		}
	}
	if r := m.review; r != nil {
		v.Review = &ReviewView{ID: r.id, Author: r.author.login, State: r.state, Body: r.body, Commit: r.commit}
	}
	return v
}

func (d *Double) viewCheck(c *checkRun) CheckView {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	app := d.app.Name
	if c.suite.app != nil {
		app = c.suite.app.Slug
	}
	return CheckView{
		ID: c.id, Name: c.name, App: app, HeadSHA: c.headSHA, Status: c.status, Conclusion: c.conclusion, Title: text(c.title),
		Summary: text(c.summary), Text: text(c.text), DetailsURL: c.details, ExternalID: c.externalID, Actions: slices.Clone(c.actions),
		Annotations: slices.Clone(c.annotations), Started: c.started, Completed: c.completed,
	}
}

func viewDeployment(x *deployment) DeploymentView {
	v := DeploymentView{ID: x.id, Environment: x.environment, SHA: x.sha}
	if n := len(x.statuses); n > 0 {
		last := x.statuses[n-1]
		v.State, v.Description, v.URL = last.state, last.description, last.environmentURL
	}
	return v
}
