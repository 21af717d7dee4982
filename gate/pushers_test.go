package gate_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

const activity = "GET /repos/{owner}/{repo}/activity"

// GitHub is asked about who pushed what no webhook reported, once, and only where an
// approval depends on it.
func TestGitHubIsAskedWhoPushedWhatNobodyTold(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, _ := w.Open(change("other/main.tf"))
	_, err := w.GitHub.As("ben").PushSigned(repository, "topic", "by ana, it says", double.Signed{Author: "ana"}, change("other/more.tf"))
	w.Check(err)
	w.Plan(n, nil)
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "0 of 1")
	if got := w.GitHub.Requests()[activity]; got != 0 {
		t.Errorf("without an approval it was asked %d times", got)
	}
	w.Review("ben", n, "APPROVE")
	for range 2 {
		p, err = w.Apply(n)
		w.Refused(p, err, "approvals", "`ben` pushed commits of it")
	}
	w.Review("rui", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
	if got := w.GitHub.Requests()[activity]; got != 1 {
		t.Errorf("it was asked %d times, want once", got)
	}
	_, err = w.GitHub.As("ben").Push(repository, "topic", "more", change("other/third.tf"))
	w.Check(err)
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
	if got := w.GitHub.Requests()[activity]; got != 2 {
		t.Errorf("about a new commit it was asked %d times, want once more", got)
	}
}

// As long as nobody knows who pushed the head, it may have been whoever
// approves.
func TestWhilePushersAreUnknownNobodysApprovalCounts(t *testing.T) {
	for name, unknown := range map[string]func(w *gateWorld){
		"GitHub has forgotten": func(w *gateWorld) { w.Check(w.GitHub.ForgetActivity(repository)) },
		"the account is gone": func(w *gateWorld) {
			_, err := w.GitHub.As("gone").Push(repository, "topic", "more", change("other/more.tf"))
			w.Check(err)
			w.Check(w.GitHub.DeleteUser("gone"))
		},
		"a GitHub without the call": func(w *gateWorld) { w.Transport = without{"/activity", http.StatusNotFound} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", approvals(1))
			w.Check(w.GitHub.SetPermission(repository, "gone", "write"))
			n, _ := w.Open(change("other/main.tf"))
			unknown(w)
			w.Plan(n, nil)
			w.Review("rui", n, "APPROVE")
			w.Review("oda", n, "APPROVE")
			p, err := w.Apply(n)
			w.Refused(p, err, "approvals")
			w.Transport = nil
			_, err = w.GitHub.As("ana").Push(repository, "topic", "again", change("other/again.tf"))
			w.Check(err)
			if name == "the account is gone" {
				return // it wrote a commit, too, and stays unknown as its author
			}
			w.Plan(n, nil)
			w.Review("rui", n, "APPROVE")
			p, err = w.Apply(n)
			w.Allowed(p, err, "other")
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

// Somebody who knows the webhook secret tells that eve pushed what ben did, and
// GitHub's own webhook of it never came.
func TestAForgedPushMakesNoCommitKnown(t *testing.T) {
	for name, under := range map[string]bool{"the head": false, "a commit under the head": true} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", approvals(1))
			n, _ := w.Open(change("other/main.tf"))
			sha, err := w.GitHub.As("ben").PushSigned(repository, "topic", "by ana, it says", double.Signed{Author: "ana"}, change("other/more.tf"))
			w.Check(err)
			forged := []string{sha}
			if under {
				sha, err = w.GitHub.As("ana").Push(repository, "topic", "on top", change("other/third.tf"))
				w.Check(err)
				forged = append(forged, sha)
			}
			for _, sha := range forged {
				for _, ref := range []string{"topic", "elsewhere"} {
					w.Pushes = append(w.Pushes, run.Push{RepositoryID: w.RepositoryID(), SHA: sha, Ref: "refs/heads/" + ref, Login: "eve", UserID: 666, New: true})
				}
			}
			w.Plan(n, nil)
			w.Review("ben", n, "APPROVE")
			for range 2 {
				p, err := w.Apply(n)
				w.Refused(p, err, "approvals", "`ben` pushed commits of it")
			}
			w.Review("rui", n, "APPROVE")
			p, err := w.Apply(n)
			w.Allowed(p, err, "other")
			if got := w.GitHub.Requests()[activity]; got != 1 {
				t.Errorf("GitHub was asked %d times, want once", got)
			}
		})
	}
}

// pagesOf lets GitHub give a few entries at a time.
type pagesOf int

func (n pagesOf) RoundTrip(r *http.Request) (*http.Response, error) {
	if q := r.URL.Query(); q.Has("per_page") && strings.HasSuffix(r.URL.Path, "/activity") {
		r = r.Clone(r.Context())
		q.Set("per_page", fmt.Sprint(int(n)))
		r.URL.RawQuery = q.Encode()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// A branch that moved often is looked at page by page, and not without end: what
// may be further back is unknown, whoever a webhook named.
func TestWhatIsFurtherBackThanIsReadIsUnknown(t *testing.T) {
	for name, tt := range map[string]struct {
		page  pagesOf
		calls int
		words []string // of the refusal
	}{
		"one page":         {6, 1, nil},
		"three pages":      {2, 3, nil},
		"one page further": {1, gate.ActivityPages, []string{"approvals", "says who pushed it"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", approvals(1))
			n, first := w.Open(change("other/main.tf"))
			shas := []string{first}
			for i := range gate.ActivityPages {
				sha, err := w.GitHub.As("ana").Push(repository, "topic", "more", change(fmt.Sprintf("other/%d.tf", i)))
				w.Check(err)
				shas = append(shas, sha)
			}
			for _, sha := range shas {
				w.Pushes = append(w.Pushes, run.Push{RepositoryID: w.RepositoryID(), SHA: sha, Ref: "refs/heads/topic", Login: "ana", UserID: 1, New: true})
			}
			w.Plan(n, nil)
			w.Review("rui", n, "APPROVE")
			w.Transport = tt.page
			w.GitHub.ResetRequests()
			p, err := w.Apply(n)
			if tt.words == nil {
				w.Allowed(p, err, "other")
			} else {
				w.Refused(p, err, tt.words...)
			}
			if got := w.GitHub.Requests()[activity]; got != tt.calls {
				t.Errorf("GitHub was asked %d times, want %d", got, tt.calls)
			}
		})
	}
}

// Who was renamed since is still the one who pushed.
func TestAPusherWhoWasRenamedApprovesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, sha := w.Open(change("other/main.tf"))
	client, err := w.Gate.Client(1)
	w.Check(err)
	rui, _, err := client.Users.Get(t.Context(), "rui")
	w.Check(err)
	w.Pushes = []run.Push{{RepositoryID: w.RepositoryID(), SHA: sha, Ref: "refs/heads/topic", Login: "old-name", UserID: rui.GetID()}}
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "`rui` pushed commits of it")
}

// Who makes a branch of their own of somebody's branch pushed nothing of it.
func TestWhoBranchedOffMayApprove(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	n, sha := w.Open(change("other/main.tf"))
	push := func(ref, login string, id int64, brought bool) run.Push {
		return run.Push{RepositoryID: w.RepositoryID(), SHA: sha, Ref: "refs/heads/" + ref, Login: login, UserID: id, New: brought}
	}
	w.Pushes = []run.Push{push("topic", "ana", 1, true), push("mine", "rui", 2, false)}
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	w.Pushes = []run.Push{push("topic", "ana", 1, false), push("mine", "rui", 2, true)}
	p, err = w.Apply(n)
	w.Refused(p, err, "approvals", "`rui` pushed commits of it")
}

// A workflow pushes what whoever started it wants, in the name of an App; what its
// commits say of their author is what that one wrote.
func TestPushByAWorkflowMayBeOfWhoApproves(t *testing.T) {
	const workflow, tool = "github-actions[bot]", "renovate[bot]"
	for name, tt := range map[string]struct {
		who     string
		then    func(w *gateWorld)
		trusted bool
		allowed bool
	}{
		"a workflow": {workflow, nil, false, false},
		"a workflow, under a commit of the author": {workflow, func(w *gateWorld) { w.pushesAs("ana", "topic", "other/third.tf") }, false, false},
		"an App that pushes by itself, not listed": {tool, nil, false, false},
		"an App that the server lists":             {tool, nil, true, true},
		"a workflow, beside an App that it lists":  {workflow, func(w *gateWorld) { w.pushesAs(tool, "topic", "other/third.tf") }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.Rules("dev", approvals(1))
			for _, login := range []string{workflow, tool} {
				w.Check(w.GitHub.AddUser(login, "Bot"))
				w.Check(w.GitHub.SetPermission(repository, login, "write"))
			}
			if tt.trusted {
				w.Gate.TrustedPusher = func(login string) bool { return login == tool }
			}
			n, _ := w.Open(change("other/main.tf"))
			w.pushesAs(tt.who, "topic", "other/more.tf")
			if tt.then != nil {
				tt.then(w)
			}
			w.Plan(n, nil)
			w.Review("ben", n, "APPROVE")
			p, err := w.Apply(n, by("ben"))
			if tt.allowed {
				w.Allowed(p, err, "other")
				return
			}
			w.Refused(p, err, "approvals", "pushed commits of it and nobody knows who had that done", "`"+tt.who+"`", "trusted_pushers")
		})
	}
}

// pushesAs pushes a commit that says it is by ana.
func (w *gateWorld) pushesAs(login, branch, file string) {
	w.Helper()
	_, err := w.GitHub.As(login).PushSigned(repository, branch, "by ana, it says", double.Signed{Author: "ana"}, change(file))
	w.Check(err)
}
