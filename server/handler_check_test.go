package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
)

func checkEvent(t testing.TB, action, externalID string, app int, identifier string, change ...func(m)) []byte {
	name := "build"
	if app == appID {
		name = "lockkeeper/plan"
	}
	e := m{
		"action": action, "sender": user("sam"), "requested_action": m{"identifier": identifier},
		"check_run": m{"id": 1, "name": name, "head_sha": "aaa", "external_id": externalID, "app": m{"id": app}, "pull_requests": []any{m{"number": 3}}},
	}
	for _, c := range change {
		c(e)
	}
	return payload(t, e)
}

func suiteEvent(t testing.TB, action string, app int) []byte {
	return payload(t, m{
		"action": action, "sender": user("sam"),
		"check_suite": m{"id": 1, "app": m{"id": app}, "pull_requests": []any{m{"number": 3}}},
	})
}

func TestWhatAButtonLeadsTo(t *testing.T) {
	tests := []struct {
		name string
		body func(id string) []byte
		want string // kind, commit and selectors of the run that follows
	}{
		{"Plan again", func(id string) []byte { return checkEvent(t, "requested_action", id, appID, "plan") }, "plan  [net]"},
		{"Re-run", func(id string) []byte { return checkEvent(t, "rerequested", id, appID, "") }, "plan  [net]"},
		{"Re-run is never an apply", func(id string) []byte { return checkEvent(t, "rerequested", id, appID, "apply") }, "plan  [net]"},
		{"Apply", func(id string) []byte { return checkEvent(t, "requested_action", id, appID, "apply") }, "apply aaa []"},
		{"another App's check run", func(id string) []byte { return checkEvent(t, "rerequested", id, 1, "") }, ""},
		{"another App's button", func(id string) []byte { return checkEvent(t, "requested_action", id, 1, "apply") }, ""},
		{"an unknown button", func(id string) []byte { return checkEvent(t, "requested_action", id, appID, "x") }, ""},
		{"a check run of nobody knows what", func(string) []byte { return checkEvent(t, "rerequested", "x", appID, "") }, ""},
		{"a check run that completed", func(id string) []byte { return checkEvent(t, "completed", id, appID, "") }, ""},
		{"T15 a bot", func(id string) []byte {
			return checkEvent(t, "requested_action", id, appID, "apply", func(e m) { e["sender"] = m{"login": "x[bot]", "type": "Bot"} })
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			before := f.planned("net")
			f.deliver("g2", "check_run", tt.body(before))
			f.settle()
			got := ""
			for _, r := range f.pullRuns() {
				if r.ID == before {
					continue
				}
				got = fmt.Sprintf("%s %s %v", r.Kind, r.HeadSHA, r.Selectors)
				if r.Trigger != run.TriggerButton || r.Actor != "sam" || r.CommentID != 0 {
					t.Errorf("the new run: %+v", r)
				}
			}
			if got != tt.want {
				t.Errorf("led to %q, want %q", got, tt.want)
			}
		})
	}
}

// planned keeps a plan of a commit and gives its id.
func (f *fixture) planned(selectors ...string) string {
	f.Helper()
	f.deliver("planned", "issue_comment", comment(f, "/plan "+strings.Join(selectors, " ")))
	f.settle()
	r, err := f.store.UpdateRun(f.Context(), f.pullRuns()[0].ID, func(r *run.Run) ([]run.Notice, error) {
		r.HeadSHA = "aaa"
		return nil, nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.posted("plan apply unlock")
	return r.ID
}

// posted keeps the check run of events with these buttons.
func (f *fixture) posted(buttons string) {
	f.Helper()
	if err := f.store.PutPosted(f.Context(), run.Posted{Name: run.PostedCheck(7, "aaa", "lockkeeper/plan"), ID: 1, Buttons: buttons}); err != nil {
		f.Fatal(err)
	}
}

func TestT26AButtonThatIsDeliveredTwiceIsPressedOnce(t *testing.T) {
	f := newFixture(t)
	before := f.planned()
	for range 3 {
		f.deliver("pressed", "check_run", checkEvent(t, "requested_action", before, appID, "apply"))
		f.settle()
	}
	if got := len(f.pullRuns()); got != 2 {
		t.Errorf("%d runs, want the plan and one apply", got)
	}
}

func TestButtonsAreThoseOfTheReports(t *testing.T) {
	if buttonPlan != report.ActionPlan || buttonApply != report.ActionApply || buttonUnlock != report.ActionUnlock {
		t.Error("the identifiers of the buttons differ from those that reports give them")
	}
}

func TestReRunAllChecksPlansAgain(t *testing.T) {
	f := newFixture(t)
	f.deliver("g", "check_suite", suiteEvent(t, "rerequested", appID))
	f.settle()
	if len(f.pullRuns()) != 1 {
		t.Error("not planned")
	}
}
