package prepare

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

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

// The pull request brings h on c on b; g was never there or is not any more.
func TestWhoAnActivityTellsOf(t *testing.T) {
	ids := map[string]int64{"ana": 1, "ben": 2, "eve": 3}
	a := func(before, after, login string) pull.Activity {
		return pull.Activity{Before: before, After: after, Login: login, UserID: ids[login]}
	}
	forced := func(before, after, login string) pull.Activity {
		out := a(before, after, login)
		out.Forced = true
		return out
	}
	const none = "0000"
	for name, tt := range map[string]struct {
		activity []pull.Activity // newest first
		more     bool            // GitHub keeps more
		want     string          // by commit; empty when it is not enough
	}{
		"nothing":                                {nil, false, "h: c: b:"},
		"nothing, and there is more":             {nil, true, ""},
		"one push of everything":                 {[]pull.Activity{a("base", "h", "ana")}, false, "h:ana c:ana b:ana"},
		"a push each":                            {[]pull.Activity{a("c", "h", "ana"), a("b", "c", "ben"), a("base", "b", "eve")}, false, "h:ana c:ben b:eve"},
		"what came before they are here":         {[]pull.Activity{a("base", "h", "ana"), a("older", "base", "eve")}, true, "h:ana c:ana b:ana"},
		"the head again":                         {[]pull.Activity{a("g", "h", "ben"), a("base", "h", "ana")}, false, "h:ben,ana c:ben,ana b:ben,ana"},
		"went back to it":                        {[]pull.Activity{a("b", "h", "ben"), forced("h", "b", "eve"), a("base", "h", "ana")}, false, "h:ben,ana c:ben,ana b:eve,ana"},
		"the head came with none":                {[]pull.Activity{a("base", "g", "ana")}, false, "h: c:ana b:ana"},
		"the head came with none, and it may":    {[]pull.Activity{a("base", "g", "ana")}, true, ""},
		"the beginning is further back":          {[]pull.Activity{a("c", "h", "ana")}, true, ""},
		"the beginning is not kept":              {[]pull.Activity{a("c", "h", "ana"), a("x", "y", "ben")}, false, "h:ana c:ana,ben b:ana,ben"},
		"thrown away":                            {[]pull.Activity{forced("g", "h", "ana"), a("f", "g", "ben"), a(none, "f", "eve")}, false, "h:ana c:ana,ben,eve b:ana,ben,eve"},
		"thrown away in an earlier branch":       {[]pull.Activity{forced("g", "h", "ana"), a(none, "g", "ben"), a("x", none, "eve"), a(none, "x", "eve")}, false, "h:ana c:ana,ben b:ana,ben"},
		"thrown away, and a commit is named":     {[]pull.Activity{forced("g", "h", "ana"), a("c", "g", "ben"), a("base", "c", "ana")}, false, "h:ana c:ana b:ana,ben"},
		"a push of an account that is gone":      {[]pull.Activity{a("c", "h", ""), a("base", "h", "ana")}, false, "h: c:ana b:ana"},
		"a commit by such an account and others": {[]pull.Activity{a("c", "h", "ana"), a("base", "c", ""), a("base", "c", "ben")}, false, "h:ana c:ben b:ben"},
	} {
		brought := []pull.Commit{{SHA: "h", Parents: []string{"c"}}, {SHA: "c", Parents: []string{"b", "base"}}, {SHA: "b", Parents: []string{"base"}}}
		told, enough := toldBy(tt.activity, !tt.more, brought, "h")
		var got []string
		for _, c := range brought {
			var logins []string
			for _, p := range told {
				if p.SHA == c.SHA {
					logins = append(logins, p.Login)
				}
			}
			got = append(got, c.SHA+":"+strings.Join(logins, ","))
		}
		if !enough {
			got = nil
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s: %q, want %q", name, text, tt.want)
		}
	}
}

// Somebody who knows the webhook secret tells that eve pushed what ben did, and
// GitHub's own webhook of it never came.
func TestAForgedPushMakesNoCommitKnown(t *testing.T) {
	for name, under := range map[string]bool{"the head": false, "a commit under the head": true} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.rules("dev", approvals(1))
			n, _ := w.open(change("other/main.tf"))
			sha, err := w.github.As("ben").PushSigned(repository, "topic", "by ana, it says", double.Signed{Author: "ana"}, change("other/more.tf"))
			w.check(err)
			forged := []string{sha}
			if under {
				sha, err = w.github.As("ana").Push(repository, "topic", "on top", change("other/third.tf"))
				w.check(err)
				forged = append(forged, sha)
			}
			for _, sha := range forged {
				for _, ref := range []string{"topic", "elsewhere"} {
					w.pushes = append(w.pushes, run.Push{RepositoryID: w.repositoryID(), SHA: sha, Ref: "refs/heads/" + ref, Login: "eve", UserID: 666, New: true})
				}
			}
			w.plan(n, nil)
			w.review("ben", n, "APPROVE")
			for range 2 {
				p, err := w.apply(n)
				w.refused(p, err, "approvals", "`ben` pushed commits of it")
			}
			w.review("rui", n, "APPROVE")
			p, err := w.apply(n)
			w.allowed(p, err, "other")
			if got := w.github.Requests()[activity]; got != 1 {
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
		"one page further": {1, activityPages, []string{"approvals", "says who pushed it"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGateWorld(t, twoProjects())
			w.rules("dev", approvals(1))
			n, first := w.open(change("other/main.tf"))
			shas := []string{first}
			for i := range activityPages {
				sha, err := w.github.As("ana").Push(repository, "topic", "more", change(fmt.Sprintf("other/%d.tf", i)))
				w.check(err)
				shas = append(shas, sha)
			}
			for _, sha := range shas {
				w.pushes = append(w.pushes, run.Push{RepositoryID: w.repositoryID(), SHA: sha, Ref: "refs/heads/topic", Login: "ana", UserID: 1, New: true})
			}
			w.plan(n, nil)
			w.review("rui", n, "APPROVE")
			w.transport = tt.page
			w.github.ResetRequests()
			p, err := w.apply(n)
			if tt.words == nil {
				w.allowed(p, err, "other")
			} else {
				w.refused(p, err, tt.words...)
			}
			if got := w.github.Requests()[activity]; got != tt.calls {
				t.Errorf("GitHub was asked %d times, want %d", got, tt.calls)
			}
		})
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
			w.rules("dev", approvals(1))
			for _, login := range []string{workflow, tool} {
				w.check(w.github.AddUser(login, "Bot"))
				w.check(w.github.SetPermission(repository, login, "write"))
			}
			if tt.trusted {
				w.preparer.TrustedPusher = func(login string) bool { return login == tool }
			}
			n, _ := w.open(change("other/main.tf"))
			w.pushesAs(tt.who, "topic", "other/more.tf")
			if tt.then != nil {
				tt.then(w)
			}
			w.plan(n, nil)
			w.review("ben", n, "APPROVE")
			p, err := w.apply(n, by("ben"))
			if tt.allowed {
				w.allowed(p, err, "other")
				return
			}
			w.refused(p, err, "approvals", "pushed commits of it and nobody knows who had that done", "`"+tt.who+"`", "trusted_pushers")
		})
	}
}

// pushesAs pushes a commit that says it is by ana.
func (w *gateWorld) pushesAs(login, branch, file string) {
	w.Helper()
	_, err := w.github.As(login).PushSigned(repository, branch, "by ana, it says", double.Signed{Author: "ana"}, change(file))
	w.check(err)
}
