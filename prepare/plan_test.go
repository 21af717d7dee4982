package prepare

import (
	"errors"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// queued is the run of a merge group.
func (w *gateWorld) queued(n int, head, base string) run.Run {
	return w.newRun(n, run.KindPlan, func(r *run.Run) {
		r.Trigger, r.Actor, r.HeadSHA, r.BaseRef, r.BaseSHA = run.TriggerQueue, "github-merge-queue[bot]", head, "main", base
	})
}

func TestTheMergeQueuePlansWhatWouldBeMerged(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", approvals(1))
	n, head := w.open(change("other/main.tf"))
	base, err := w.github.Commit(repository, "main", "oda", "meanwhile", double.Files{"live/dev/main.tf": "# merged before\n"})
	w.check(err)
	group, err := w.github.As("oda").Enqueue(repository, n)
	w.check(err)
	p, err := w.preparer.Prepare(t.Context(), w.queued(n, group, base))
	w.check(err)
	if p.HeadSHA != group || p.BaseSHA != base || p.BaseRef != "main" || p.Behind != 0 || p.Gate != nil || group == head {
		t.Errorf("got %+v", p)
	}
	w.allowed(p, nil, "other")
	if d := p.Documents[0]; d.Commit != group || d.BaseCommit != base || d.PullRequest != n {
		t.Errorf("document %+v", d)
	}
	_, err = w.github.As("ana").Push(repository, "topic", "later", double.Files{"live/prod/main.tf": root + "# later\n"})
	w.check(err)
	p, err = w.preparer.Prepare(t.Context(), w.queued(n, group, base))
	w.check(err)
	w.allowed(p, nil, "other") // the pull request's head is not looked at
}

// A group may stand on another one, whose config nobody merged yet.
func TestT08TheConfigOfAMergeGroupIsThatOfTheBaseBranch(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = "version: 1\nprojects: [{name: net, dir: other, environment: prod}]\n"
	w := newGateWorld(t, files)
	other, err := w.github.As("ben").Push(repository, "ahead", "config", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: net, dir: other, environment: dev}]\n"})
	w.check(err)
	_, err = w.github.As("ana").Push(repository, "topic", "base", double.Files{"lockkeeper.yml": "version: 1\nprojects: [{name: net, dir: other, environment: dev}]\n"})
	w.check(err)
	n, group := w.open(change("other/main.tf"))
	p, err := w.preparer.Prepare(t.Context(), w.queued(n, group, other))
	w.check(err)
	if len(p.Documents) != 1 || p.Documents[0].Environment.Name != "prod" || p.Documents[0].BaseCommit != other {
		t.Errorf("got %+v", p.Documents)
	}
}

func TestT07TheMergeQueueRunsNothingOfAFork(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	fork, err := w.github.As("sam").Fork(repository)
	w.check(err)
	sha, err := w.github.As("sam").Push(fork, "topic", "evil", change("other/main.tf"))
	w.check(err)
	n, err := w.github.As("sam").OpenPull(repository, "sam:topic", "main", "evil", "", false)
	w.check(err)
	_, err = w.preparer.Prepare(t.Context(), w.queued(n, sha, w.tip("main")))
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) || silent.Problem.Code != "same_repository" {
		t.Errorf("error %v", err)
	}
}

func (w *gateWorld) tip(branch string) string {
	client, err := w.preparer.Client(1)
	w.check(err)
	ref, _, err := client.Git.GetRef(w.Context(), "acme", "infra", "heads/"+branch)
	w.check(err)
	return ref.GetObject().GetSHA()
}

func TestAMergeGroupOfAnotherBaseIsOvertaken(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, head := w.open(change("other/main.tf"))
	r := w.queued(n, head, w.tip("main"))
	r.BaseRef = "release"
	_, err := w.preparer.Prepare(t.Context(), r)
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) || silent.Problem.Code != "overtaken" {
		t.Errorf("error %v", err)
	}
}

func TestOnlyTheNamedMayPlanInAnEnvironment(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", func(r *policy.Rules) { r.Plan = []string{"acme/production"} })
	n, sha := w.open(change("other/main.tf"))
	p, err := w.preparer.Prepare(t.Context(), w.newRun(n, run.KindPlan))
	w.refused(p, err, "may_plan", "acme/production", "`/plan`")
	p, err = w.preparer.Prepare(t.Context(), w.newRun(n, run.KindPlan, by("rui")))
	w.check(err)
	w.allowed(p, nil, "other")
	_, err = w.preparer.Prepare(t.Context(), w.newRun(n, run.KindPlan, func(r *run.Run) { r.Trigger, r.HeadSHA = run.TriggerPush, sha }))
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) {
		t.Errorf("a push of somebody who may not plan: %v", err)
	}
	if w.stored.Load() != 1 {
		t.Errorf("%d sources were stored", w.stored.Load())
	}
	turn := w.newRun(n, run.KindPlan, func(r *run.Run) { r.Trigger, r.Actor, r.Selectors = run.TriggerTurn, "", []string{"other"} })
	_, err = w.preparer.Prepare(t.Context(), turn)
	if !errors.As(err, &silent) {
		t.Errorf("a turn of nobody: %v", err)
	}
	w.runs = []run.Run{w.newRun(n, run.KindPlan, by("rui"), func(r *run.Run) { r.Blocked = []run.Blocked{{Project: "other"}} })}
	p, err = w.preparer.Prepare(t.Context(), turn)
	w.check(err)
	w.allowed(p, nil, "other")
}

func TestWhoMayUnlockForAnotherPullRequest(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", func(r *policy.Rules) { r.Unlock = []string{"acme/production"} })
	holder, _ := w.open(change("other/main.tf"))
	w.plan(holder, nil)
	_, err := w.github.As("ben").Push(repository, "second", "x", double.Files{"README.md": "x"})
	w.check(err)
	second, err := w.github.As("ben").OpenPull(repository, "second", "main", "x", "", false)
	w.check(err)
	repo := w.newRun(second, run.KindPlan).Repository
	for actor, want := range map[string]bool{"rui": true, "ben": false, "sam": false} {
		f, err := w.preparer.Facts(t.Context(), repo, second, actor, "other")
		w.check(err)
		v := policy.Unlock(f, false)
		if v.Allowed != want || !want && actor == "ben" && !strings.Contains(v.Explain(), "#1") {
			t.Errorf("%s: %v\n%s", actor, v.Allowed, v.Explain())
		}
	}
	if _, err := w.preparer.Facts(t.Context(), repo, second, "rui", "live-dev"); err == nil {
		t.Error("a lock that nobody holds has rules")
	}
	w.github.ResetRequests()
	f, err := w.preparer.Facts(t.Context(), repo, second, "ben")
	w.check(err)
	if !policy.Unlock(f, true).Allowed || !policy.Cancel(f).Allowed || calls(w.github.Requests()) != 2 {
		t.Errorf("%+v after %v", f, w.github.Requests())
	}
	if f, err := w.preparer.Facts(t.Context(), repo, second, "sam"); err != nil || policy.Unlock(f, true).Allowed || policy.Cancel(f).Allowed {
		t.Errorf("a reader: %+v, %v", f, err)
	}
}

func TestAKindThatNobodyKnowsIsNotPrepared(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.open(change("other/main.tf"))
	for _, kind := range []run.Kind{"", "destroy"} {
		if p, err := w.preparer.Prepare(t.Context(), w.newRun(n, kind)); err == nil {
			t.Errorf("%q: %v", kind, names(p))
		}
	}
}

func TestAModuleOnTheServersDiskIsNotPrepared(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.open(double.Files{"other/main.tf": root + "module \"mirrors\" {\n  source = \"git::file:///var/lib/lockkeeper/mirrors/7\"\n}\n"})
	p, err := w.preparer.Prepare(t.Context(), w.newRun(n, run.KindPlan))
	problem := w.refused(p, err, "`other/main.tf` on line", "Put the module into this repository")
	if problem == nil || problem.Code != "module_source" || !strings.Contains(problem.Detail, `of module "mirrors"`) {
		t.Errorf("%+v", problem)
	}
	if w.stored.Load() != 0 {
		t.Error("a source was stored")
	}
}
