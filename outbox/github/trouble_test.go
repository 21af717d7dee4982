package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// Each case breaks one call in one way, and must end with everything there
// exactly once.
func TestTroubleOnTheWay(t *testing.T) {
	once := func(call string, after bool, do func(http.ResponseWriter)) func(http.ResponseWriter, string, int, bool) bool {
		var mu sync.Mutex
		done := false
		return func(w http.ResponseWriter, c string, _ int, a bool) bool {
			mu.Lock()
			defer mu.Unlock()
			if done || c != call || a != after {
				return false
			}
			done = true
			do(w)
			return true
		}
	}
	badGateway := func(w http.ResponseWriter) { answer(w, 502, "Bad Gateway") }
	secondary := func(w http.ResponseWriter) {
		answer(w, 403, "You have exceeded a secondary rate limit", "Retry-After", "60")
	}
	cases := map[string]func(http.ResponseWriter, string, int, bool) bool{
		"the answer to a new comment is lost":     once("POST comment", true, hangUp),
		"a comment is made behind a 502":          once("POST comment", true, badGateway),
		"a 502 makes no comment":                  once("POST comment", false, badGateway),
		"the answer to a new check run is lost":   once("POST check", true, hangUp),
		"a check run is made behind a 502":        once("POST check", true, badGateway),
		"a secondary rate limit":                  once("POST comment", false, secondary),
		"a 429":                                   once("POST check", false, func(w http.ResponseWriter) { answer(w, 429, "slow down", "Retry-After", "30") }),
		"a reaction is lost":                      once("POST reaction", true, hangUp),
		"GitHub refuses the reaction for good":    once("POST reaction", false, func(w http.ResponseWriter) { answer(w, 422, "Validation Failed") }),
		"the connection breaks before the answer": once("POST comment", false, hangUp),
	}
	for name, fault := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.github.fault = fault
			r := b.planned(1)
			b.store.setRun(r, append(atEnd(r), run.ReactionTo(viewtest.Repository, 1, 5, "eyes"), run.ReplyTo(viewtest.Repository, 1, "d1", "hello"))...)
			b.drain()
			bodies := b.github.bodies(1)
			if len(bodies) != 2 || strings.Count(strings.Join(bodies, ""), markComment) != 1 {
				t.Errorf("%d comments: %q", len(bodies), bodies)
			}
			if diff := cmp.Diff([]string{"lockkeeper/plan completed success", "lockkeeper/apply queued"}, b.github.checkStates()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACrashBetweenTheAnswerAndItsRow(t *testing.T) {
	for _, kind := range []string{"comment/", "reply/", "check/"} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			b.store.lose = func(p run.Posted) error {
				if p.ID != 0 && strings.HasPrefix(p.Name, kind) {
					b.store.lose = nil
					return errors.New("killed")
				}
				return nil
			}
			r := b.planned(1)
			b.store.setRun(r, append(atEnd(r), run.ReplyTo(viewtest.Repository, 1, "d1", "hello"))...)
			b.round()
			b.restart()
			b.drain()
			if n, checks := len(b.github.bodies(1)), b.github.checkStates(); n != 2 || len(checks) != 2 {
				t.Errorf("%d comments and checks %v, want 2 of each", n, checks)
			}
		})
	}
}

// T15: a marker that somebody else wrote proves nothing.
func TestASpoofedMarkerIsNotAdopted(t *testing.T) {
	b := newBench(t)
	b.github.comments[1] = &fakeComment{ID: 1, Body: "mine " + markComment, UpdatedAt: viewtest.Noon, pull: "1"}
	b.github.comments[2] = &fakeComment{ID: 2, Body: "mine " + markComment, UpdatedAt: viewtest.Noon, pull: "1", App: &fakeApp{ourApp + 1}}
	b.store.posted["comment/7/1"] = run.Posted{Name: "comment/7/1", Digest: viewtest.Noon.Format(time.RFC3339)}
	r := b.planned(1)
	b.store.setRun(r, run.RefreshComment(viewtest.Repository, 1))
	b.drain()
	bodies := b.github.bodies(1)
	if len(bodies) != 3 || !strings.HasPrefix(bodies[0], "mine") || !strings.HasPrefix(bodies[1], "mine") {
		t.Errorf("comments: %q", bodies)
	}
}

// T38: GitHub is down for six hours, then everything is there once.
func TestGitHubDownForSixHours(t *testing.T) {
	b := newBench(t)
	back := viewtest.Noon.Add(6 * time.Hour)
	b.github.fault = func(w http.ResponseWriter, _ string, number int, after bool) bool {
		if !b.now().Before(back) || number%2 == 0 != after { // half of them are acted upon
			return false
		}
		answer(w, 503, "Service Unavailable")
		return true
	}
	for pull := 1; pull <= 3; pull++ {
		r := b.planned(pull)
		b.store.setRun(r, append(atEnd(r), run.ReplyTo(viewtest.Repository, pull, fmt.Sprint("d", pull), "hello"))...)
	}
	b.drain()
	for pull := 1; pull <= 3; pull++ {
		if n := len(b.github.bodies(pull)); n != 2 {
			t.Errorf("pull request %d has %d comments, want 2", pull, n)
		}
	}
	if wait := b.now().Sub(back); wait < 0 || wait > 15*time.Minute {
		t.Errorf("everything was there %s after GitHub was back", wait)
	}
	if n := len(b.github.seen()); n > 600 {
		t.Errorf("%d calls in six hours", n)
	}
}

func TestARateLimitHoldsTheWholeInstallation(t *testing.T) {
	b := newBench(t)
	limited := true
	b.github.fault = func(w http.ResponseWriter, call string, _ int, _ bool) bool {
		if !limited {
			return false
		}
		answer(w, 403, "You have exceeded a secondary rate limit", "Retry-After", "120")
		return true
	}
	r := b.planned(1)
	b.store.setRun(r, run.RefreshComment(viewtest.Repository, 1))
	b.round()
	b.store.put(run.ReplyTo(viewtest.Repository, 2, "d2", "hello"), run.ReactionTo(viewtest.Repository, 2, 5, "eyes"))
	b.advance(time.Minute)
	b.round()
	b.wantCalls("POST comment")
	limited = false
	b.advance(61 * time.Second)
	b.drain()
	if got := len(b.github.bodies(1)) + len(b.github.bodies(2)); got != 2 {
		t.Errorf("%d comments, want 2", got)
	}
}

func TestAPermanentErrorLeavesTheRestAlone(t *testing.T) {
	b := newBench(t)
	b.github.fault = func(w http.ResponseWriter, call string, _ int, _ bool) bool {
		if call != "POST comment" {
			return false
		}
		answer(w, 403, "Resource not accessible by integration")
		return true
	}
	r := b.planned(1)
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	b.wantCalls("POST comment", "POST check", "POST check")
}

func TestAFailedCommentHoldsBackTheChecks(t *testing.T) {
	b := newBench(t)
	b.github.fault = func(w http.ResponseWriter, call string, number int, _ bool) bool {
		if number != 1 {
			return false
		}
		answer(w, 502, "Bad Gateway")
		return true
	}
	r := b.planned(1)
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	b.wantCalls("POST comment", "GET comments", "POST comment", "POST check", "POST check")
}
