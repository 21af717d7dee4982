package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox/webhooks"
	"github.com/lockkeeper/lockkeeper/service"
)

// effects keeps, in words, everything that handlers do.
type effects struct{ list []string }

func (e *effects) Submit(_ context.Context, r run.Run, notices ...run.Notice) (bool, error) {
	e.list = append(e.list, fmt.Sprintf("%s %+v %d %s by %s of %s %s on %s %s", r.Kind, r.Repository, r.PullRequest, r.Trigger, r.Actor,
		r.HeadSHA, r.Line, r.BaseRef, r.BaseSHA))
	return true, e.PutNotices(context.Background(), notices)
}

func (e *effects) Cancel(_ context.Context, id int64, pull int, by string) (int, error) {
	e.list = append(e.list, fmt.Sprintf("cancel %d %d by %s", id, pull, by))
	return 1, nil
}

func (e *effects) Supersede(_ context.Context, id int64, pull int, sha string) (int, error) {
	e.list = append(e.list, fmt.Sprintf("supersede %d %d %s", id, pull, sha))
	return 1, nil
}

func (e *effects) CancelRun(_ context.Context, id, by string) error {
	e.list = append(e.list, fmt.Sprintf("cancel run %s by %s", id, by))
	return nil
}

func (e *effects) Close(_ context.Context, repo run.Repository, pull int, over run.Over) error {
	e.list = append(e.list, fmt.Sprintf("close %+v %d %+v", repo, pull, over))
	return nil
}

func (e *effects) Unplanned(_ context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error) {
	e.list = append(e.list, fmt.Sprintf("unplanned %+v %d %+v", repo, pull, over))
	return nil, nil
}

func (e *effects) NotKnown(_ context.Context, repo run.Repository, pull int, _ string) error {
	e.list = append(e.list, fmt.Sprintf("not known %+v %d", repo, pull))
	return nil
}

func (e *effects) Known(_ context.Context, repo run.Repository, pull int) error {
	e.list = append(e.list, fmt.Sprintf("known %+v %d", repo, pull))
	return nil
}

func (e *effects) Pushed(_ context.Context, repo run.Repository, pull int, sha string) error {
	e.list = append(e.list, fmt.Sprintf("newer %+v %d %s", repo, pull, sha))
	return nil
}

func (e *effects) Unlock(_ context.Context, h run.Subject, projects []string) (released, busy []string, err error) {
	e.list = append(e.list, fmt.Sprintf("unlock %+v %v", h, projects))
	return projects, nil, nil
}

func (e *effects) Judge(_ context.Context, id int64, pull int) error {
	e.list = append(e.list, fmt.Sprintf("judge %d %d", id, pull))
	return nil
}

func (e *effects) Object(_ context.Context, id int64, pull int, o run.Objection, _ string) error {
	e.list = append(e.list, fmt.Sprintf("object %d %d %s", id, pull, o))
	return nil
}

func (e *effects) Locks(context.Context) (run.Locks, error) {
	return run.Locks{Locks: []run.Lock{locked("a", 3)}}, nil
}

func (e *effects) Run(_ context.Context, id string) (run.Run, error) {
	if id != aPlan.ID {
		return run.Run{}, run.ErrNotFound
	}
	return aPlan, nil
}

func (e *effects) ActiveRuns(context.Context) ([]run.Run, error) {
	return []run.Run{{Kind: run.KindApply, Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 3}, HeadSHA: "old", BaseRef: "dev"}}, nil
}

func (e *effects) PullRuns(_ context.Context, id int64, pull, _ int) ([]run.Run, error) {
	if id != 7 || pull != 3 {
		return nil, nil
	}
	return []run.Run{{ID: "queued", Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 3, Branch: groupBranch}, Trigger: run.TriggerQueue, HeadSHA: "aaa", State: run.StateRunning}}, nil
}

func (e *effects) CommitRuns(ctx context.Context, id int64, pull int, _ string) ([]run.Run, error) {
	return e.PullRuns(ctx, id, pull, 0)
}

func (e *effects) Posted(_ context.Context, name string) (run.Posted, error) {
	if name != run.PostedCheck(7, "aaa", "lockkeeper/plan") {
		return run.Posted{}, run.ErrNotFound
	}
	return run.Posted{Name: name, ID: 1, Buttons: "plan apply unlock"}, nil
}

// aPlan is what the checks whose buttons are pressed belong to.
var aPlan = run.Run{ID: "a-plan", Kind: run.KindPlan, Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 3}, HeadSHA: "aaa", Line: "/plan net"}

func (e *effects) PutNotices(_ context.Context, notices []run.Notice) error {
	for _, n := range notices {
		e.list = append(e.list, fmt.Sprintf("%s %+v %d %d %s%s", n.Kind, n.Repository, n.PullRequest, n.CommentID, n.Content, n.Body))
	}
	return nil
}

func (e *effects) PutPushes(_ context.Context, pushes []run.Push) error {
	for _, p := range pushes {
		if p.SHA == "" || p.Login == "" || p.UserID == 0 {
			return fmt.Errorf("a push of nobody or nothing: %+v", p)
		}
		e.list = append(e.list, fmt.Sprintf("pushed %d %s %s %t %s %d", p.RepositoryID, p.SHA, p.Ref, p.New, p.Login, p.UserID))
	}
	return nil
}

// handled runs a payload through its handler and returns what it did. A payload
// that cannot be read is an error of the handler and does nothing.
func handled(t *testing.T, event string, payload []byte) []string {
	t.Helper()
	var e effects
	base := &Base{
		Runs: &e, Store: &e, AppID: appID, AppName: func() string { return "" }, Notify: func() {}, Now: func() time.Time { return noon }, Autoplan: true, Drafts: true,
		Pressed: func(_ context.Context, _, _ string, _ []byte, received time.Time) (time.Time, error) {
			return received, nil
		},
		Sent: func(context.Context, string, string, []byte, time.Time) error { return nil },
		Reviewed: func(context.Context, run.Repository, int, int64, string) (ReviewNow, bool, error) {
			return ReviewNow{Login: "rui", Commit: "aaa"}, true, nil
		},
		PullNow: func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
			return PullNow{Closed: true, HeadSHA: "aaa", BaseRef: "main"}, true, nil
		},
		Written: func(context.Context, run.Repository, int, int64, string, string, time.Time) (bool, error) {
			return true, nil
		},
		Service: &service.Service{
			Runs: &e, Store: &e, Now: func() time.Time { return noon },
			Facts: func(context.Context, run.Repository, int, string, ...string) (policy.Facts, error) {
				return policy.Facts{ByPerson: true, Open: true, Permission: "write", HeadSHA: "aaa"}, nil
			},
			Explain: func(_ context.Context, _ run.Repository, _ int, _ string, projects []string) (string, error) {
				return fmt.Sprint("why ", projects), nil
			},
			Describe: func(run.Subject, []run.Run, run.Locks, time.Time) string { return "status" },
		},
		RequiredChecks: []string{"build", "Octocoders-linter"},
	}
	for _, h := range base.Handlers() {
		if !slices.Contains(h.Handles(), event) {
			continue
		}
		if err := noPanic(h, event, payload); err != nil {
			if strings.Contains(err.Error(), "panic") {
				t.Error(err)
			}
			if len(e.list) > 0 {
				t.Errorf("an unreadable payload did %v", e.list)
			}
		}
	}
	return e.list
}

func noPanic(h githubapp.EventHandler, event string, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h.Handle(context.Background(), event, "guid", payload)
}

// TestEveryMutantOfRealPayloadsDoesNothingNew removes each value of GitHub's
// example payloads, and sets it to null: no handler panics, and none does
// anything that it would not do for the whole payload.
func TestEveryMutantOfRealPayloadsDoesNothingNew(t *testing.T) {
	examples, err := webhooks.Examples()
	if err != nil {
		t.Fatal(err)
	}
	// Comments that are commands, so that there is something to do.
	for _, line := range []string{"/plan", "/status", "/help", "/cancel", "/nope", "/plan x=y", "/apply", "/apply a confirm=a", "/unlock", "/unlock a", "/why"} {
		examples = append(examples, webhooks.Example{Event: "issue_comment", Payload: comment(t, line)})
	}
	for _, button := range []string{buttonPlan, buttonApply, buttonUnlock} {
		examples = append(examples, webhooks.Example{Event: "check_run", Payload: checkEvent(t, "requested_action", aPlan.ID, appID, button)})
	}
	examples = append(examples, webhooks.Example{Event: "check_run", Payload: checkEvent(t, "rerequested", aPlan.ID, appID, "")},
		webhooks.Example{Event: "check_run", Payload: checkEvent(t, "completed", "", appID+1, "")},
		webhooks.Example{Event: "check_suite", Payload: suiteEvent(t, "rerequested", appID)},
		webhooks.Example{Event: "merge_group", Payload: groupEvent(t, "destroyed")},
		webhooks.Example{Event: "pull_request", Payload: pullEvent(t, "opened")},
		webhooks.Example{Event: "pull_request", Payload: pullEvent(t, "synchronize")},
		webhooks.Example{Event: "pull_request", Payload: pullEvent(t, "closed")},
		webhooks.Example{Event: "pull_request_review", Payload: reviewEvent(t, "dismissed", "dismissed", "rui")},
		webhooks.Example{Event: "pull_request_review", Payload: reviewEvent(t, "submitted", "changes_requested", "rui")},
		webhooks.Example{Event: "merge_group", Payload: groupEvent(t, "checks_requested")})
	each := int64(5) // one of so many mutants is tried
	if longtest.On() {
		each = 1
	}
	var mutants, acting atomic.Int64
	t.Run("examples", func(t *testing.T) {
		for i, e := range examples {
			t.Run(fmt.Sprintf("%s %d", e.Event, i), func(t *testing.T) {
				t.Parallel()
				want := handled(t, e.Event, e.Payload)
				if len(want) > 0 {
					acting.Add(1)
				}
				webhooks.Mutants(e, func(name string, payload []byte) bool {
					if mutants.Add(1)%each != 0 {
						return true
					}
					for _, did := range handled(t, e.Event, payload) {
						if !slices.Contains(want, did) {
							t.Errorf("%s: did %s\nwhole payload: %v", name, did, want)
						}
					}
					return !t.Failed()
				})
			})
		}
	})
	if acting.Load() < 24 || mutants.Load() < 50_000 {
		t.Errorf("only %d payloads do something, %d mutants", acting.Load(), mutants.Load())
	}
}
