package prepare_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// queued is the run of a merge group.
func (w *gateWorld) queued(n int, head, base string) run.Run {
	return w.NewRun(n, run.KindPlan, func(r *run.Run) {
		r.Branch = "gh-readonly-queue/main/pr-" + strconv.Itoa(n) + "-" + base
		r.Trigger, r.Actor, r.HeadSHA, r.BaseRef, r.BaseSHA = run.TriggerQueue, "github-merge-queue[bot]", head, "main", base
	})
}

func TestTheMergeQueuePlansWhatWouldBeMerged(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, head := w.Open(change("other/main.tf"))
	base, err := w.GitHub.Commit(repository, "main", "oda", "meanwhile", double.Files{"live/dev/main.tf": "# merged before\n"})
	w.Check(err)
	group, err := w.GitHub.As("oda").Enqueue(repository, n)
	w.Check(err)
	p, err := w.Preparer.Prepare(t.Context(), w.queued(n, group, base))
	w.Check(err)
	if p.HeadSHA != group || p.BaseSHA != base || p.BaseRef != "main" || p.Behind != 0 || p.Gate != nil || group == head {
		t.Errorf("got %+v", p)
	}
	w.Allowed(p, nil, "other")
	if d := p.Documents[0]; d.Commit != group || d.BaseCommit != base || d.PullRequest != n {
		t.Errorf("document %+v", d)
	}
	_, err = w.GitHub.As("ana").Push(repository, "topic", "later", double.Files{"live/prod/main.tf": root + "# later\n"})
	w.Check(err)
	p, err = w.Preparer.Prepare(t.Context(), w.queued(n, group, base))
	w.Check(err)
	w.Allowed(p, nil, "other") // the pull request's head is not looked at
}

// A group may stand on another one, whose config nobody merged yet.
func TestT08TheConfigOfAMergeGroupIsThatOfTheBaseBranch(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = "version: 1\nprojects: [{name: net, dir: other, environment: prod}]\n"
	w := newGateWorld(t, files)
	other, err := w.GitHub.As("ben").Push(repository, "ahead", "config", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: net, dir: other, environment: dev}]\n"})
	w.Check(err)
	_, err = w.GitHub.As("ana").Push(repository, "topic", "base", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: net, dir: other, environment: dev}]\n"})
	w.Check(err)
	n, group := w.Open(change("other/main.tf"))
	p, err := w.Preparer.Prepare(t.Context(), w.queued(n, group, other))
	w.Check(err)
	if len(p.Documents) != 1 || p.Documents[0].Environment.Name != "prod" || p.Documents[0].BaseCommit != other {
		t.Errorf("got %+v", p.Documents)
	}
}

func TestT07TheMergeQueueRunsNothingOfAFork(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	fork, err := w.GitHub.As("sam").Fork(repository)
	w.Check(err)
	sha, err := w.GitHub.As("sam").Push(fork, "topic", "evil", change("other/main.tf"))
	w.Check(err)
	n, err := w.GitHub.As("sam").OpenPull(repository, "sam:topic", "main", "evil", "", false)
	w.Check(err)
	_, err = w.Preparer.Prepare(t.Context(), w.queued(n, sha, w.tip("main")))
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) || silent.Problem.Code != "same_repository" {
		t.Errorf("error %v", err)
	}
}

func (w *gateWorld) tip(branch string) string {
	client, err := w.Gate.Client(1)
	w.Check(err)
	ref, _, err := client.Git.GetRef(w.Context(), "acme", "infra", "heads/"+branch)
	w.Check(err)
	return ref.GetObject().GetSHA()
}

func TestAMergeGroupOfAnotherBaseIsOvertaken(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, head := w.Open(change("other/main.tf"))
	r := w.queued(n, head, w.tip("main"))
	r.BaseRef = "release"
	_, err := w.Preparer.Prepare(t.Context(), r)
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) || silent.Problem.Code != "overtaken" {
		t.Errorf("error %v", err)
	}
}

func TestAKindThatNobodyKnowsIsNotPrepared(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	for _, kind := range []run.Kind{"", "destroy"} {
		if p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, kind)); err == nil {
			t.Errorf("%q: %v", kind, names(p))
		}
	}
}

func TestAModuleOnTheServersDiskIsNotPrepared(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(double.Files{"other/main.tf": root + "module \"mirrors\" {\n  source = \"git::file:///var/lib/lockkeeper/mirrors/7\"\n}\n"})
	p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan))
	problem := w.Refused(p, err, "`other/main.tf` on line", "Put the module into this repository")
	if problem == nil || problem.Code != "module_source" || !strings.Contains(problem.Detail, `of module "mirrors"`) {
		t.Errorf("%+v", problem)
	}
	if w.Stored.Load() != 0 {
		t.Error("a source was stored")
	}
}
