package gate_test

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestWhoMayUnlockForAnotherPullRequest(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Unlock = []string{"acme/production"} })
	holder, _ := w.Open(change("other/main.tf"))
	w.Plan(holder, nil)
	_, err := w.GitHub.As("ben").Push(repository, "second", "x", double.Files{"README.md": "x"})
	w.Check(err)
	second, err := w.GitHub.As("ben").OpenPull(repository, "second", "main", "x", "", false)
	w.Check(err)
	repo := w.NewRun(second, run.KindPlan).Repository
	for actor, want := range map[string]bool{"rui": true, "ben": false, "sam": false} {
		f, err := w.Gate.Facts(t.Context(), repo, second, actor, "other")
		w.Check(err)
		v := policy.Unlock(f, false)
		if v.Allowed != want || !want && actor == "ben" && !strings.Contains(v.Explain(), "#1") {
			t.Errorf("%s: %v\n%s", actor, v.Allowed, v.Explain())
		}
	}
	if _, err := w.Gate.Facts(t.Context(), repo, second, "rui", "live-dev"); err == nil {
		t.Error("a lock that nobody holds has rules")
	}
	w.GitHub.ResetRequests()
	f, err := w.Gate.Facts(t.Context(), repo, second, "ben")
	w.Check(err)
	if !policy.Unlock(f, true).Allowed || !policy.Cancel(f).Allowed || calls(w.GitHub.Requests()) != 2 {
		t.Errorf("%+v after %v", f, w.GitHub.Requests())
	}
	if f, err := w.Gate.Facts(t.Context(), repo, second, "sam"); err != nil || policy.Unlock(f, true).Allowed || policy.Cancel(f).Allowed {
		t.Errorf("a reader: %+v, %v", f, err)
	}
}
