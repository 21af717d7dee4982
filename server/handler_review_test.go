package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// reviewEvent is about a review of the commit aaa. States are lower case in
// webhooks (GitHub documentation, "pull_request_review").
func reviewEvent(t testing.TB, action, state, login string, change ...func(m)) []byte {
	e := m{
		"action": action, "sender": user("rui"), "pull_request": m{"number": 3},
		"review": m{"id": 1, "state": state, "commit_id": "aaa", "user": user(login)},
	}
	for _, c := range change {
		c(e)
	}
	return payload(t, e)
}

// reviewed makes an event of another review, of which GitHub says something else.
func reviewed(id int64) func(m) { return func(e m) { e["review"].(m)["id"] = id } }

func TestWhatAReviewLeadsTo(t *testing.T) {
	const judged = "judge 7/3"
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{"an approval", reviewEvent(t, "submitted", "approved", "rui"), judged},
		{"a comment", reviewEvent(t, "submitted", "commented", "rui"), judged},
		{"a review with another text", reviewEvent(t, "edited", "changes_requested", "rui"), judged},
		{"an approval that is dismissed", reviewEvent(t, "dismissed", "dismissed", "rui"), `object 7/3 dismissed of "aaa",` + judged},
		{"a dismissed review of nobody knows which commit", reviewEvent(t, "dismissed", "dismissed", "rui", reviewed(6)),
			`object 7/3 dismissed of "",` + judged},
		{"changes that are requested", reviewEvent(t, "submitted", "changes_requested", "rui"), `object 7/3 changes_requested of "",` + judged},
		{"changes that somebody who may only read wants", reviewEvent(t, "submitted", "changes_requested", "sam", reviewed(4)), judged},
		{"changes that somebody wants of whom nobody knows what he may do", reviewEvent(t, "submitted", "changes_requested", "liz", reviewed(5)),
			`object 7/3 changes_requested of "",` + judged},
		{"t_forge: a dismissal that GitHub does not show", reviewEvent(t, "dismissed", "dismissed", "rui", func(e m) { e["review"].(m)["id"] = 2 }), judged},
		{"t_forge: a request that GitHub does not show", reviewEvent(t, "submitted", "changes_requested", "rui", func(e m) { e["review"].(m)["id"] = 2 }), judged},
		{"t_forge: in the name of somebody who is heard", reviewEvent(t, "submitted", "changes_requested", "rui", reviewed(4)), judged},
		{"t_forge: an old dismissal of another commit", reviewEvent(t, "dismissed", "dismissed", "rui", reviewed(7)), `object 7/3 dismissed of "bbb",` + judged},
		{"a dismissal while GitHub does not answer", reviewEvent(t, "dismissed", "dismissed", "rui", func(e m) { e["review"].(m)["id"] = 3 }),
			`object 7/3 dismissed of "aaa",` + judged},
		{"another repository", reviewEvent(t, "dismissed", "dismissed", "rui", func(e m) {
			e["repository"] = m{"id": 8, "name": "x", "owner": m{"login": "evil"}}
		}), ""},
		{"an action that nobody knows", reviewEvent(t, "archived", "changes_requested", "rui"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(b *Base) {
				b.Repositories = []string{"acme/*"}
				b.Reviewed = func(_ context.Context, _ run.Repository, pull int, id int64, state string) (ReviewNow, bool, error) {
					now := ReviewNow{Login: "rui", Commit: "aaa"}
					switch id {
					case 3:
						return now, false, errors.New("GitHub is away")
					case 4:
						now.Login = "sam"
					case 5:
						now.Login = "liz"
					case 6:
						now.Commit = ""
					case 7:
						now.Commit = "bbb"
					}
					return now, pull == 3 && id != 2 && (state == "DISMISSED" || state == "CHANGES_REQUESTED"), nil
				}
				b.Service.Facts = func(_ context.Context, _ run.Repository, _ int, login string, _ ...string) (policy.Facts, error) {
					if login == "liz" {
						return policy.Facts{}, errors.New("GitHub is away")
					}
					return policy.Facts{Permission: map[string]string{"rui": "write", "sam": "read"}[login]}, nil
				}
			})
			f.applying()
			f.deliver("g", "pull_request_review", tt.body)
			f.settle()
			if got := strings.Join(f.runs.asked, ","); got != tt.want {
				t.Errorf("asked for %q, want %q", got, tt.want)
			}
		})
	}
}

// Nobody learned why nothing happened.
func TestACommandInAReviewIsAnswered(t *testing.T) {
	for _, tt := range []struct {
		action, body, login string
		answered            bool
	}{
		{"submitted", "/apply", "rui", true},
		{"submitted", "/plan network-dev\n\nplease", "rui", true},
		{"submitted", "- /plan", "rui", true},
		{"submitted", "@acme-terraform /plan", "rui", true},
		{"submitted", "@acme-other /plan", "rui", false},
		{"submitted", "Looks good, /apply it", "rui", false},
		{"submitted", "/lgtm", "rui", false},
		{"submitted", "", "rui", false},
		{"edited", "/apply", "rui", false},
		{"dismissed", "/apply", "rui", false},
		{"submitted", "/apply", "robot", false}, // not who sent it
	} {
		f := newFixture(t)
		f.deliver("g", "pull_request_review", reviewEvent(t, tt.action, "commented", tt.login, func(e m) { e["review"].(m)["body"] = tt.body }))
		f.settle()
		if got := f.said(); (len(got) == 1 && strings.Contains(got[0], "in the text of a review")) != tt.answered || len(got) > 1 {
			t.Errorf("%s %q by %s: replies %q", tt.action, tt.body, tt.login, got)
		}
	}
}

// Nothing that an objection could stop is under way, so GitHub is not asked.
func TestAReviewCostsNothingWhileNothingIsApplied(t *testing.T) {
	asked := 0
	f := newFixture(t, func(b *Base) {
		b.Reviewed = func(context.Context, run.Repository, int, int64, string) (ReviewNow, bool, error) {
			asked++
			return ReviewNow{}, true, nil
		}
	})
	f.deliver("g", "pull_request_review", reviewEvent(t, "dismissed", "dismissed", "rui"))
	f.settle()
	if got := strings.Join(f.runs.asked, ","); got != "judge 7/3" || asked != 0 {
		t.Errorf("asked for %q, GitHub %d times", got, asked)
	}
}

// applying lets an apply of the pull request be under way.
func (f *fixture) applying() run.Run {
	f.Helper()
	r := run.Run{ID: "applying", Key: "applying", Kind: run.KindApply, Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 3}, State: run.StateRunning, HeadSHA: "aaa", BaseRef: "main"}
	if _, err := f.store.CreateRun(f.Context(), r, nil); err != nil {
		f.Fatal(err)
	}
	return r
}

// A dismissal that happened once can be told again by who knows the webhook secret:
// GitHub shows the review as it says. Nothing follows but that an apply of that commit
// stops that has not begun, and that the gate is judged again.
func TestForgeADismissalThatIsToldAgainOnlyStops(t *testing.T) {
	f := newFixture(t, func(b *Base) {
		b.Reviewed = func(context.Context, run.Repository, int, int64, string) (ReviewNow, bool, error) {
			return ReviewNow{Login: "rui", Commit: "aaa"}, true, nil
		}
	})
	f.applying()
	before := len(f.pullRuns())
	for _, guid := range []string{"first", "told again"} {
		f.deliver(guid, "pull_request_review", reviewEvent(t, "dismissed", "dismissed", "rui"))
		f.settle()
	}
	const each = `object 7/3 dismissed of "aaa",judge 7/3`
	if got := strings.Join(f.runs.asked, ","); got != each+","+each {
		t.Errorf("asked for %q", got)
	}
	if got := len(f.pullRuns()); got != before {
		t.Errorf("%d runs, there were %d", got, before)
	}
	if said := f.said(); len(said) > 0 {
		t.Errorf("said %q", said)
	}
}
