package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// forgedEvents are what someone who knows the webhook secret may make up: all
// that a handler takes, in the name of someone who may do everything. run is
// that of the check runs' buttons.
func forgedEvents(t *testing.T, run string) map[string][]byte {
	out := map[string][]byte{
		"ping zen": payload(t, m{"zen": "x"}), "push to the branch": pushEvent(t),
		"issue_comment edited": comment(t, "/apply", func(e m) { e["action"] = "edited" }),
		"pull_request edited":  pullEvent(t, "edited", func(e m) { e["changes"] = m{"base": m{"ref": m{"from": "dev"}}} }),
		"pull_request merged":  pullEvent(t, "closed", func(e m) { e["pull_request"].(m)["merged"] = true }),
		"pull_request pushed": pullEvent(t, "synchronize", func(e m) {
			e["pull_request"].(m)["head"].(m)["sha"] = "other"
		}),
		"check_run completed":          checkEvent(t, "completed", "", 15368, ""),
		"pull_request_review requests": reviewEvent(t, "submitted", "changes_requested", "rui"),
		"check_suite rerequested":      suiteEvent(t, "rerequested", appID),
	}
	for _, line := range []string{"/plan", "/apply", "/unlock", "/unlock a reason=x", "/cancel", "/status", "/why", "/help", "/nope x=y"} {
		out["issue_comment "+line] = comment(t, line)
	}
	for _, action := range []string{"opened", "reopened", "ready_for_review", "synchronize", "closed", "labeled"} {
		out["pull_request "+action] = pullEvent(t, action)
	}
	for _, action := range []string{"submitted", "edited", "dismissed"} {
		out["pull_request_review "+action] = reviewEvent(t, action, "dismissed", "rui")
	}
	for _, action := range []string{"checks_requested", "destroyed"} {
		out["merge_group "+action] = groupEvent(t, action)
	}
	for _, button := range []string{"plan", "apply", "unlock"} {
		out["check_run "+button] = checkEvent(t, "requested_action", run, appID, button)
	}
	out["check_run rerequested"] = checkEvent(t, "rerequested", run, appID, "")
	for _, event := range []string{"installation", "installation_repositories"} {
		for _, action := range []string{"created", "deleted", "removed", "suspend"} {
			out[event+" "+action] = payload(t, m{"action": action, "sender": user("rui")})
		}
	}
	return out
}

// at is what stands at GitHub behind events that were made up: their facts are there,
// but for one.
type at string

const (
	atNowhere     at = "nowhere"                 // no such comment, review or change
	atLongAgo     at = "long ago"                // the comment is, with another time
	atAnotherPull at = "on another pull request" // comment and review are
	atAnotherRepo at = "in another repository"   // of the forger's, which the event names with the id of this one
)

// serve answers what is asked about comment 99, review 1 and pull request 3 of
// acme/infra. The rest is as the event says.
func (a at) serve(event []byte) http.HandlerFunc {
	var e struct {
		Comment struct{ Body string }
		Review  struct{ State string }
	}
	_ = json.Unmarshal(event, &e)
	return func(w http.ResponseWriter, r *http.Request) {
		const repo = "/repos/acme/infra"
		created, number, id := "2026-01-02T12:00:00Z", 3, 7
		switch a {
		case atLongAgo:
			created = "2026-01-02T11:44:00Z"
		case atAnotherPull:
			number = 4
		case atAnotherRepo:
			id = 8
		}
		var out m
		switch r.URL.Path {
		case repo + "/issues/comments/99":
			out = m{"id": 99, "body": e.Comment.Body, "user": user("rui"), "created_at": created, "updated_at": created, "issue_url": fmt.Sprintf("https://api.github.com%s/issues/%d", repo, number)}
		case repo + "/pulls/3":
			state := "open"
			if a == atAnotherRepo {
				state = "closed"
			}
			side := m{"id": id, "name": "infra", "owner": m{"login": "acme"}, "clone_url": "https://x", "default_branch": "main"}
			out = m{"number": 3, "state": state, "merged": false, "user": user("ana"), "updated_at": created,
				"head": m{"sha": strings.Repeat("a", 40), "ref": "topic", "repo": side}, "base": m{"ref": "main", "repo": side}}
		case repo + "/collaborators/rui/permission":
			out = m{"permission": "admin", "user": user("rui")}
		case fmt.Sprintf("%s/pulls/%d/reviews/1", repo, number):
			out = m{"id": 1, "state": strings.ToUpper(e.Review.State), "commit_id": "aaa", "user": user("rui")}
		}
		if out == nil || a == atNowhere && !strings.HasSuffix(r.URL.Path, "/pulls/3") {
			http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	}
}

// confirms lets a server ask that GitHub what it asks before it changes something.
func (a at) confirms(t *testing.T, event []byte, b *Base) {
	srv := httptest.NewServer(a.serve(event))
	t.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	of := func(int64) (*github.Client, error) { return client, nil }
	pulls := &Pulls{Client: of, RetryAfter: pull.RetryAfter, Now: b.Now}
	asks := &gate.Keeper{Client: of, Now: b.Now, Token: func(context.Context, run.Repository, string) (string, error) { return "t", nil }}
	b.PullNow, b.Reviewed, b.Written, b.Service.Facts = pulls.Confirm, pulls.Reviewed, asks.Written, asks.Facts
}

// A valid signature and nothing behind it at GitHub, or something else: nothing is
// released, ended or stopped, and what becomes a run is one that reads again who
// asked, or that a push makes anyway.
func TestForgeNoEventChangesAnything(t *testing.T) {
	taken := map[string]bool{}
	for name, body := range forgedEvents(t, "planned") {
		event, _, _ := strings.Cut(name, " ")
		taken[event] = true
		for _, limited := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s limited %t", name, limited), func(t *testing.T) { forged(t, event, body, limited, atNowhere) })
		}
		if !strings.HasPrefix(name, "issue_comment /") && event != "pull_request_review" && name != "pull_request closed" && name != "pull_request pushed" {
			continue // GitHub is asked nothing about it, or for the list of deliveries
		}
		for _, a := range []at{atLongAgo, atAnotherPull, atAnotherRepo} {
			if event == "pull_request_review" && a == atLongAgo {
				continue // it happened, and stops an apply: nobody knows when it did
			}
			t.Run(fmt.Sprintf("%s %s", name, a), func(t *testing.T) { forged(t, event, body, false, a) })
		}
	}
	for _, h := range (&Base{}).Handlers() {
		for _, event := range h.Handles() {
			if !taken[event] {
				t.Errorf("no %s is made up here", event)
			}
		}
	}
}

func forged(t *testing.T, event string, body []byte, limited bool, a at) {
	now := noon
	clock := func() time.Time { return now }
	api := &deliveriesAPI{list: []sent{{guid: "another", at: noon, payload: body, event: event}}}
	f := newFixture(t, func(b *Base) {
		p := api.presses(t, clock)
		b.Now, b.Pressed, b.Sent, b.PlansLimited = clock, p.Confirm, p.Sent, limited
		a.confirms(t, body, b)
	})
	f.locks.Locks = []run.Lock{locked("a", 3)}
	f.posted("plan apply unlock")
	there := []run.Run{
		f.applying(),
		{ID: "planned", Key: "planned", Kind: run.KindPlan, State: run.StateSucceeded, HeadSHA: "aaa", BaseRef: "main"},
		{ID: "queued", Key: "queued", Subject: run.Subject{Branch: groupBranch}, Kind: run.KindPlan, Trigger: run.TriggerQueue, State: run.StateRunning, HeadSHA: "aaa", BaseRef: "main"},
	}
	for _, r := range there[1:] {
		r.Repository, r.PullRequest = run.Repository{ID: 7}, 3
		if _, err := f.store.CreateRun(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	f.deliver("g", event, body)
	for range 40 { // longer than GitHub is given to confirm
		f.act(now)
		now = now.Add(5 * time.Second)
	}
	for _, asked := range f.runs.asked {
		if asked != "judge 7/3" && asked != "supersede 7/3 "+strings.Repeat("a", 40) { // both go by what GitHub says now
			t.Errorf("asked for %q", asked)
		}
	}
	for _, r := range f.pullRuns() {
		switch {
		case slices.ContainsFunc(there, func(x run.Run) bool { return x.ID == r.ID }):
		case r.Trigger == run.TriggerComment && r.CommentID != 0 && r.Comment != "": // read again when it is prepared
		case r.Trigger == run.TriggerPush && r.Kind == run.KindPlan && r.HeadSHA != "" && !limited: // of the head that there is, or not at all
		default:
			t.Errorf("a %s by %s of %s is a run: %s", r.Kind, r.Trigger, r.Actor, r.Key)
		}
	}
	for _, said := range f.said() {
		if said == "reaction +1" || strings.HasPrefix(said, "reply Released") {
			t.Errorf("said %q", said)
		}
	}
}

// What GitHub did send is acted on, the first time and when it sends it again
// because the server was away.
func TestWhatGitHubSentIsConfirmed(t *testing.T) {
	body := groupEvent(t, "checks_requested")
	for name, list := range map[string][]sent{
		"once":           {{guid: "g", at: noon, payload: body, event: "merge_group"}},
		"again, later":   {{guid: "g", at: noon, again: true, payload: body, event: "merge_group"}, {guid: "g", at: noon.Add(-time.Hour), payload: body, event: "merge_group"}},
		"again, alone":   {{guid: "g", at: noon, again: true, payload: body, event: "merge_group"}},
		"of other facts": {{guid: "g", at: noon, payload: groupEvent(t, "checks_requested", func(g m) { g["base_sha"] = "other" }), event: "merge_group"}},
		"another event":  {{guid: "g", at: noon, payload: body, event: "pull_request"}},
	} {
		api := &deliveriesAPI{list: list}
		err := api.presses(t, func() time.Time { return noon }).Sent(t.Context(), "merge_group", "g", body, noon)
		not, refused := errors.AsType[*NotPressed](err)
		if want := strings.HasPrefix(name, "o") && name != "once" || name == "another event"; refused != want || refused && !not.Forged || !refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A name that GitHub cannot have makes a URL that nobody can ask.
func TestForgeANameThatCannotBeAskedIsIgnored(t *testing.T) {
	for _, name := range []string{"infra%zz", "in fra", "a/b", ""} {
		asked := false
		f := newFixture(t, func(b *Base) {
			b.PullNow = func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
				asked = true
				return PullNow{Unanswered: true}, false, nil
			}
		})
		body := bytes.ReplaceAll(pullEvent(t, "closed", func(m) {}), []byte(`"name":"infra"`), fmt.Appendf(nil, `"name":%q`, name))
		f.deliver("e", "pull_request", body)
		f.settle()
		if asked || len(f.runs.asked) > 0 {
			t.Errorf("%q: asked %t, did %v", name, asked, f.runs.asked)
		}
	}
}
