package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/outbox"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// bench is a sender with the sinks of GitHub, between a store in memory and a GitHub of its own.
type bench struct {
	t         *testing.T
	store     *memStore
	github    *fakeGitHub
	sinks     *GitHub
	sender    *outbox.Sender
	artifacts map[string][]byte

	mu    sync.Mutex
	clock time.Time // guarded by mu
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, store: newMemStore(), artifacts: map[string][]byte{}, clock: viewtest.Noon}
	b.github = newFakeGitHub(t, b.now)
	b.restart()
	return b
}

// restart is a new process on the same store.
func (b *bench) restart() {
	b.sinks = &GitHub{
		Store: b.store, Now: b.now, AppID: ourApp, WebURL: "https://github.com", RetryAfter: retryAfter,
		Client: func(context.Context, int64) (*github.Client, error) { return b.github.client(), nil },
		Open: func(_ context.Context, a run.Artifact) (io.ReadCloser, error) {
			data, ok := b.artifacts[a.Key]
			if !ok {
				return nil, fmt.Errorf("no artifact %s", a.Key)
			}
			return io.NopCloser(bytes.NewReader(data)), nil
		},
	}
	b.sender = &outbox.Sender{Store: b.store, Sinks: b.sinks.Sinks(), Now: b.now}
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

// round sends once what is due.
func (b *bench) round() {
	b.t.Helper()
	if err := b.sender.SendDue(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// drain moves the clock on until everything is sent.
func (b *bench) drain() {
	b.t.Helper()
	for range 500 {
		b.round()
		if b.store.allSent() {
			return
		}
		b.advance(max(b.store.nextDue().Sub(b.now()), 0))
	}
	b.t.Fatalf("notices are left after 500 rounds; calls: %v", b.github.seen())
}

func (b *bench) wantCalls(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.github.seen()); diff != "" {
		b.t.Errorf("calls on GitHub differ:\n%s", diff)
	}
}

// retryAfter classifies errors like the function that the server passes in.
func retryAfter(err error, _ time.Time) (time.Duration, bool) {
	var answer *github.ErrorResponse
	var secondary *github.AbuseRateLimitError
	var network *url.Error
	switch {
	case errors.As(err, &secondary):
		return secondary.GetRetryAfter(), true
	case errors.As(err, &answer):
		seconds, _ := strconv.Atoi(answer.Response.Header.Get("Retry-After"))
		code := answer.Response.StatusCode
		return time.Duration(seconds) * time.Second, code >= 500 || code == 429 || seconds > 0
	}
	return 0, errors.As(err, &network)
}

// planned is a finished run of one project on a pull request, with its summary
// and output in the artifact store.
func (b *bench) planned(pull int) run.Run {
	f := viewtest.New(fmt.Sprintf("run%d", pull)).Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
	r := f.Run
	r.PullRequest = pull
	data, err := json.Marshal(f.Summaries[r.Jobs[0].ID])
	if err != nil {
		b.t.Fatal(err)
	}
	summary, output := r.ID+"/summary.json", r.ID+"/output.txt"
	b.mu.Lock()
	defer b.mu.Unlock()
	b.artifacts[summary], b.artifacts[output] = data, []byte("Terraform said this.\n")
	r.Jobs[0].Result.Artifacts = map[string]run.Artifact{
		run.ArtifactSummary: {Key: summary, Size: int64(len(data))}, run.ArtifactOutput: {Key: output, Size: 21},
	}
	return r
}

func started(r run.Run) run.Run {
	r.State, r.FinishedAt = run.StateRunning, time.Time{}
	r.Jobs = slices.Clone(r.Jobs)
	r.Jobs[0].State, r.Jobs[0].Result = run.JobRunning, nil
	return r
}

func atEnd(r run.Run) []run.Notice {
	return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest), run.RefreshCheck(r)}
}

func TestOnePlanCostsFiveCalls(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	b.store.setRun(started(r), run.ReactionTo(viewtest.Repository, 1, 5, "eyes"))
	b.drain()
	b.store.put(run.RefreshCheck(r))
	b.drain()
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	b.wantCalls("POST reaction", "POST check", "POST comment", "PATCH check", "POST check")
	if diff := cmp.Diff([]string{"lockkeeper/plan completed success", "lockkeeper/apply queued"}, b.github.checkStates()); diff != "" {
		t.Error(diff)
	}
	body := b.github.bodies(1)[0]
	for _, want := range []string{"destroys `aws_db_instance.orders`", `+     name = "jobs"`, "https://github.com/acme/infra/runs/1001", markComment} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment lacks %q:\n%s", want, body)
		}
	}
}

func TestPlanningAgainEditsWhatIsThere(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	b.store.put(atEnd(r)...) // nothing new to say
	b.drain()
	b.wantCalls("POST comment", "POST check", "POST check", "PATCH comment")

	again := r
	again.ID, again.CreatedAt, again.Actor = "run1again", viewtest.Noon.Add(time.Hour), "bob"
	again.Jobs = slices.Clone(r.Jobs)
	again.Jobs[0].State, again.Jobs[0].Result = run.JobFailed, &run.Result{Problem: &viewtest.InvalidReference}
	again.State = run.StateFailed
	b.store.setRun(again, atEnd(again)...)
	b.drain()
	if calls := b.github.seen()[4:]; !slices.Equal(calls, []string{"PATCH comment", "PATCH check"}) {
		t.Errorf("planning again made %v", calls)
	}
	if got := b.github.checkStates(); got[0] != "lockkeeper/plan completed failure" {
		t.Errorf("checks: %v", got)
	}
}

func TestManyPlansOfOneProjectDoNotHideTheOthers(t *testing.T) {
	b := newBench(t)
	b.store.setRun(b.planned(1))
	for i := range run.RecentRuns {
		named := viewtest.New(fmt.Sprintf("named%d", i)).Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Run
		named.PullRequest, named.Selectors = 1, []string{"app-dev"}
		named.CreatedAt = viewtest.Noon.Add(time.Duration(i+1) * time.Minute)
		b.store.setRun(named)
	}
	b.store.put(run.RefreshComment(viewtest.Repository, 1))
	b.drain()
	body := b.github.bodies(1)[0]
	for _, want := range []string{"2 projects", "network-prod", "app-dev"} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment lacks %q:\n%s", want, body)
		}
	}
}

// The check of a commit is about the runs of that commit, however many came since.
func TestTheCheckOfACommitIsOfItsOwnRuns(t *testing.T) {
	b := newBench(t)
	old := b.planned(1)
	old.HeadSHA = viewtest.OldHead
	b.store.setRun(old, run.RefreshCheck(old))
	for i := range run.RecentRuns {
		newer := b.planned(1)
		newer.ID, newer.CreatedAt = fmt.Sprintf("newer%d", i), viewtest.Noon.Add(time.Duration(i+1)*time.Minute)
		b.store.setRun(newer)
	}
	b.drain()
	if diff := cmp.Diff([]string{"lockkeeper/plan completed success", "lockkeeper/apply queued"}, b.github.checkStates()); diff != "" {
		t.Error(diff)
	}
}

// What partial plans do not look at is known by the whole one, however many of them
// came since.
func TestManyPartialPlansDoNotHideTheWholeOne(t *testing.T) {
	b := newBench(t)
	b.store.setRun(b.planned(1))
	for i := range run.RecentRuns {
		part := viewtest.New(fmt.Sprintf("part%d", i)).Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)).Run
		part.PullRequest, part.CreatedAt = 1, viewtest.Noon.Add(time.Duration(i+1)*time.Minute)
		part.Jobs[0].Document.Flags = []string{"-target=a"}
		b.store.setRun(part)
	}
	b.store.put(run.RefreshComment(viewtest.Repository, 1))
	b.drain()
	if body := b.github.bodies(1)[0]; !regexp.MustCompile(`\d other changes? (was|were) not looked at`).MatchString(body) {
		t.Errorf("what was not looked at is not counted:\n%s", body)
	}
}

func TestARunThatEndsAtOnceHasNoCheckInProgress(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	b.store.setRun(started(r), run.RefreshCheck(r))
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	b.wantCalls("POST comment", "POST check", "POST check")
}

func TestASupersededCommitGetsNoApplyCheck(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	r.State, r.SupersededBy = run.StateSuperseded, viewtest.OldHead
	r.Jobs[0].State, r.Jobs[0].Result = run.JobCancelled, nil
	b.store.setRun(r, run.RefreshCheck(r))
	b.drain()
	if diff := cmp.Diff([]string{"lockkeeper/plan completed cancelled"}, b.github.checkStates()); diff != "" {
		t.Error(diff)
	}
}

// In a large repository most pull requests touch no project.
func TestAPullRequestThatTouchesNothingGetsNoComment(t *testing.T) {
	push := viewtest.New("r1").Run
	push.PullRequest, push.Trigger, push.Line = 1, run.TriggerPush, ""
	noted := push
	noted.ID, noted.PullRequest, noted.Notes = "r2", 2, []string{"`infra/new` is a root module that no project covers."}
	asked := viewtest.New("r3").Run
	asked.PullRequest = 3
	failed := push
	failed.ID, failed.PullRequest, failed.HeadSHA, failed.State, failed.Problem = "r4", 4, viewtest.OldHead, run.StateFailed, viewtest.ConfigProblem

	b := newBench(t)
	for _, r := range []run.Run{push, noted, asked, failed} {
		b.store.setRun(r, atEnd(r)...)
	}
	b.drain()
	for pull, want := range map[int]int{1: 0, 2: 1, 3: 1, 4: 1} {
		if got := len(b.github.bodies(pull)); got != want {
			t.Errorf("pull request %d has %d comments, want %d", pull, got, want)
		}
	}
	if got := b.github.checkStates(); !slices.Contains(got, "lockkeeper/apply completed neutral") {
		t.Errorf("checks %v", got)
	}
	planned := b.planned(1) // the next push touches one, and the one after it none again
	planned.Trigger, planned.CreatedAt = run.TriggerPush, viewtest.Noon.Add(time.Minute)
	b.store.setRun(planned, atEnd(planned)...)
	b.drain()
	again := push
	again.ID, again.CreatedAt = "r9", viewtest.Noon.Add(2*time.Minute)
	b.store.setRun(again, atEnd(again)...)
	b.drain()
	if got := b.github.bodies(1); len(got) != 1 || !strings.Contains(got[0], "No project is affected") {
		t.Errorf("comments %q", got)
	}
}

func TestRepliesAreSentOnceAndInOrder(t *testing.T) {
	b := newBench(t)
	refused := viewtest.New("rr").Run
	refused.State, refused.PullRequest, refused.Line = run.StateRefused, 1, "/plan nowhere"
	refused.Problem = &run.Problem{Code: "unknown_project", Message: "There is no project `nowhere`. Type `/plan` to plan what changed."}
	b.store.setRun(refused, run.ReplyTo(viewtest.Repository, 1, "delivery/1", "first"), run.Answer(refused), run.ReplyTo(viewtest.Repository, 1, "delivery/1", "again"))
	b.drain()
	bodies := b.github.bodies(1)
	if len(bodies) != 2 || !strings.HasPrefix(bodies[0], "first\n") || !strings.Contains(bodies[1], "There is no project `nowhere`") {
		t.Errorf("replies: %q", bodies)
	}
}

func TestADeletedCommentIsMadeAnew(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	clear(b.github.comments)
	b.store.put(run.RefreshComment(viewtest.Repository, 1))
	b.store.posted["comment/7/1"] = run.Posted{Name: "comment/7/1", ID: b.store.posted["comment/7/1"].ID, Digest: "older"}
	b.drain()
	if n := len(b.github.bodies(1)); n != 1 {
		t.Errorf("%d comments, want 1", n)
	}
}

func TestAMissingSummaryStillReportsTheCounts(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	clear(b.artifacts)
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	if body := b.github.bodies(1)[0]; !strings.Contains(body, "1 to add, 1 to destroy") || !strings.Contains(body, "cannot be read any more") {
		t.Errorf("comment:\n%s", body)
	}
}

func TestTwentyPullRequestsAtOnce(t *testing.T) {
	b := newBench(t)
	for pull := 1; pull <= 20; pull++ {
		r := b.planned(pull)
		r.HeadSHA = fmt.Sprintf("%040d", pull)
		r.Repository.ID, r.Repository.InstallationID = int64(100+pull%4), int64(pull%4) // each with a budget of its own
		b.store.setRun(r, atEnd(r)...)
		b.store.put(run.ReactionTo(r.Repository, pull, int64(pull), "eyes"))
	}
	// One pull request whose comment takes long holds up nobody else.
	slow := make(chan struct{})
	release := sync.OnceFunc(func() { close(slow) })
	defer release()
	first := make(chan struct{}, 1)
	first <- struct{}{}
	b.github.fault = func(_ http.ResponseWriter, call string, _ int, after bool) bool {
		if call == "POST comment" && !after {
			select {
			case <-first:
				<-slow
			default:
			}
		}
		return false
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.sender.Run(ctx) }()
	waitFor(t, func() bool { return len(b.github.checkStates()) == 38 && b.github.reacted() == 20 })
	release()
	waitFor(t, b.store.allSent)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for pull := 1; pull <= 20; pull++ {
		if n := len(b.github.bodies(pull)); n != 1 {
			t.Errorf("pull request %d has %d comments", pull, n)
		}
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true in a minute")
		}
		time.Sleep(time.Millisecond)
	}
}
