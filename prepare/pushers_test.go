package prepare

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

const activity = "GET /repos/{owner}/{repo}/activity"

// GitHub is asked about who pushed what no webhook told, once, and only where an
// approval depends on it.
func TestGitHubIsAskedWhoPushedWhatNobodyTold(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", approvals(1))
	n, _ := w.open(change("other/main.tf"))
	_, err := w.github.As("ben").PushSigned(repository, "topic", "by ana, it says", double.Signed{Author: "ana"}, change("other/more.tf"))
	w.check(err)
	w.plan(n, nil)
	p, err := w.apply(n)
	w.refused(p, err, "approvals", "0 of 1")
	if got := w.github.Requests()[activity]; got != 0 {
		t.Errorf("without an approval it was asked %d times", got)
	}
	w.review("ben", n, "APPROVE")
	for range 2 {
		p, err = w.apply(n)
		w.refused(p, err, "approvals", "`ben` pushed commits of it")
	}
	w.review("rui", n, "APPROVE")
	p, err = w.apply(n)
	w.allowed(p, err, "other")
	if got := w.github.Requests()[activity]; got != 1 {
		t.Errorf("it was asked %d times, want once", got)
	}
	_, err = w.github.As("ben").Push(repository, "topic", "more", change("other/third.tf"))
	w.check(err)
	w.plan(n, nil)
	w.review("rui", n, "APPROVE")
	p, err = w.apply(n)
	w.allowed(p, err, "other")
	if got := w.github.Requests()[activity]; got != 2 {
		t.Errorf("about a new commit it was asked %d times, want once more", got)
	}
}

// As long as nobody knows who pushed the head, it may have been whoever
// approves.
func TestWhilePushersAreUnknownNobodysApprovalCounts(t *testing.T) {
	for name, unknown := range map[string]func(w *gateWorld){
		"GitHub has forgotten": func(w *gateWorld) { w.check(w.github.ForgetActivity(repository)) },
		"the account is gone": func(w *gateWorld) {
			_, err := w.github.As("gone").Push(repository, "topic", "more", change("other/more.tf"))
			w.check(err)
			w.check(w.github.DeleteUser("gone"))
		},
		"a GitHub without the call": func(w *gateWorld) { w.transport = without{"/activity", http.StatusNotFound} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.rules("dev", approvals(1))
			w.check(w.github.SetPermission(repository, "gone", "write"))
			n, _ := w.open(change("other/main.tf"))
			unknown(w)
			w.plan(n, nil)
			w.review("rui", n, "APPROVE")
			w.review("oda", n, "APPROVE")
			p, err := w.apply(n)
			w.refused(p, err, "approvals")
			w.transport = nil
			_, err = w.github.As("ana").Push(repository, "topic", "again", change("other/again.tf"))
			w.check(err)
			if name == "the account is gone" {
				return // it wrote a commit, too, and stays unknown as its author
			}
			w.plan(n, nil)
			w.review("rui", n, "APPROVE")
			p, err = w.apply(n)
			w.allowed(p, err, "other")
		})
	}
}

// without is a GitHub that answers some calls otherwise.
type without struct {
	path   string
	status int
}

func (x without) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && slices.Contains([]string{x.path}, r.URL.Path[max(0, len(r.URL.Path)-len(x.path)):]) {
		resp.StatusCode = x.status
	}
	return resp, err
}

func TestWhoAnActivityTellsOf(t *testing.T) {
	a := func(after, login string, id int64) pull.Activity {
		return pull.Activity{After: after, Login: login, UserID: id}
	}
	push := func(sha, login string, id int64) run.Push { return run.Push{SHA: sha, Login: login, UserID: id} }
	for name, tt := range map[string]struct {
		activity []pull.Activity
		commits  []string
		want     []run.Push
	}{
		"nothing":                              {nil, []string{"h", "c"}, nil},
		"the head":                             {[]pull.Activity{a("h", "ana", 1)}, []string{"h"}, []run.Push{push("h", "ana", 1)}},
		"the head twice":                       {[]pull.Activity{a("h", "ben", 2), a("x", "eve", 3), a("h", "ana", 1)}, []string{"h"}, []run.Push{push("h", "ben", 2), push("h", "ana", 1)}},
		"a commit that came with some push":    {[]pull.Activity{a("h", "ben", 2), a("x", "ana", 1)}, []string{"c"}, []run.Push{push("c", "ben", 2), push("c", "ana", 1)}},
		"a head that came with none":           {[]pull.Activity{a("x", "ana", 1)}, []string{"h"}, nil},
		"a push of an account that is gone":    {[]pull.Activity{a("h", "", 0), a("h", "ana", 1)}, []string{"h"}, nil},
		"a commit with one of such an account": {[]pull.Activity{a("h", "ana", 1), a("x", "", 0)}, []string{"h", "c"}, []run.Push{push("h", "ana", 1)}},
	} {
		if diff := cmp.Diff(tt.want, toldBy(tt.activity, tt.commits, "h")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Who was renamed since is still the one who pushed.
func TestAPusherWhoWasRenamedApprovesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", approvals(1))
	n, sha := w.open(change("other/main.tf"))
	client, err := w.preparer.Client(1)
	w.check(err)
	rui, _, err := client.Users.Get(t.Context(), "rui")
	w.check(err)
	w.pushes = []run.Push{{RepositoryID: w.repositoryID(), SHA: sha, Ref: "refs/heads/topic", Login: "old-name", UserID: rui.GetID()}}
	w.plan(n, nil)
	w.review("rui", n, "APPROVE")
	p, err := w.apply(n)
	w.refused(p, err, "approvals", "`rui` pushed commits of it")
}

// Who makes a branch of their own of somebody's branch pushed nothing of it.
func TestWhoBranchedOffMayApprove(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.rules("dev", approvals(1))
	n, sha := w.open(change("other/main.tf"))
	push := func(ref, login string, id int64, brought bool) run.Push {
		return run.Push{RepositoryID: w.repositoryID(), SHA: sha, Ref: "refs/heads/" + ref, Login: login, UserID: id, New: brought}
	}
	w.pushes = []run.Push{push("topic", "ana", 1, true), push("mine", "rui", 2, false)}
	w.plan(n, nil)
	w.review("rui", n, "APPROVE")
	p, err := w.apply(n)
	w.allowed(p, err, "other")
	w.pushes = []run.Push{push("topic", "ana", 1, false), push("mine", "rui", 2, true)}
	p, err = w.apply(n)
	w.refused(p, err, "approvals", "`rui` pushed commits of it")
}
