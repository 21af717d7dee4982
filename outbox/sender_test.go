package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

var repository = run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 3}

// recorder is a sink that notes what it is asked for, and answers with an error when it
// has one for that.
type recorder struct {
	kinds []run.NoticeKind

	mu     sync.Mutex
	sent   []string         // guarded by mu
	errors map[string]error // by kind and key; guarded by mu
}

func (r *recorder) Kinds() []run.NoticeKind { return r.kinds }

func (r *recorder) Send(_ context.Context, n run.Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := string(n.Kind) + " " + n.Key
	r.sent = append(r.sent, what)
	return r.errors[what]
}

// since returns what was asked for, and forgets it.
func (r *recorder) since() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.sent
	r.sent = nil
	return out
}

func (r *recorder) answer(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = map[string]error{what: err}
}

// bench is a sender with one sink on a real store.
type bench struct {
	*testing.T
	store  *sqlite.Store
	sink   *recorder
	sender *Sender
	clock  time.Time
}

func newBench(t *testing.T) *bench {
	db, err := sqlite.Open(t.Context(), sqlitetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	all := []run.NoticeKind{run.NoticeReaction, run.NoticeReply, run.NoticeComment, run.NoticeCheck, run.NoticeMerge}
	b := &bench{T: t, store: db, sink: &recorder{kinds: all}, clock: noon}
	b.sender = &Sender{Store: db, Sinks: []run.Sink{b.sink}, Now: func() time.Time { return b.clock }}
	return b
}

func (b *bench) put(notices ...run.Notice) {
	b.Helper()
	if err := b.store.PutNotices(b.Context(), notices); err != nil {
		b.Fatal(err)
	}
}

// wants goes on by a time, sends what is due, and wants exactly this to be asked for.
func (b *bench) wants(later time.Duration, want ...string) {
	b.Helper()
	b.clock = b.clock.Add(later)
	if err := b.sender.SendDue(b.Context()); err != nil {
		b.Fatal(err)
	}
	if diff := cmp.Diff(want, b.sink.since()); diff != "" {
		b.Errorf("at %s: %s", b.clock.Format(time.TimeOnly), diff)
	}
}

// wantsAnyOrder is wants for what goes side by side, sorted.
func (b *bench) wantsAnyOrder(want ...string) {
	b.Helper()
	if err := b.sender.SendDue(b.Context()); err != nil {
		b.Fatal(err)
	}
	got := b.sink.since()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		b.Error(diff)
	}
}

func (b *bench) due(want int) {
	b.Helper()
	list, err := b.store.DueNotices(b.Context(), b.clock.Add(24*time.Hour), 100)
	if err != nil || len(list) != want {
		b.Errorf("%d notices are left, %v, want %d", len(list), err, want)
	}
}

func reply(pull int, key string) run.Notice { return run.ReplyTo(repository, pull, key, "hello") }

func TestNoticesOfAPullRequestGoInOrder(t *testing.T) {
	b := newBench(t)
	r := run.Run{ID: "r1", Subject: run.Subject{Repository: repository, PullRequest: 1}, HeadSHA: "abc"}
	b.put(run.MergePull(r), run.RefreshCheck(r), run.RefreshComment(repository, 1), reply(1, "a"), reply(1, "b"))
	b.wants(0, "reply a", "reply b", "comment 7/1", "check 7/1/abc", "merge r1")
	b.due(0)
}

func TestAnErrorHoldsBackItsOwnPullRequestAlone(t *testing.T) {
	b := newBench(t)
	b.sink.answer("reply a", &run.RetryError{Err: errors.New("bad gateway"), After: time.Minute})
	b.put(reply(1, "a"), reply(1, "b"), run.ReactionTo(repository, 1, 5, "eyes"))
	b.wantsAnyOrder("reaction 7/5/eyes", "reply a")
	b.put(reply(2, "c"))
	b.wants(time.Second, "reply c")
	b.wants(58 * time.Second) // the sink said a minute
	b.sink.answer("", nil)
	b.wants(2*time.Second, "reply a", "reply b")
	b.due(0)
}

func TestALimitHoldsBackTheWholeInstallation(t *testing.T) {
	b := newBench(t)
	other := repository
	other.ID, other.InstallationID = 8, 4
	b.sink.answer("reply a", &run.RetryError{Err: errors.New("rate limit"), After: time.Minute, Installation: true})
	b.put(reply(1, "a"))
	b.wants(0, "reply a")
	b.put(reply(2, "b"), run.ReplyTo(other, 1, "c", "hello"))
	b.wants(time.Second, "reply c")
	b.sink.answer("", nil)
	b.wants(58 * time.Second)
	b.clock = b.clock.Add(2 * time.Second)
	b.wantsAnyOrder("reply a", "reply b")
	b.due(0)
}

// What there is no room for yet does not hold up what is behind it, and what is added
// again meanwhile does not wait.
func TestANoticeThatMustNotBeSentYetWaitsAlone(t *testing.T) {
	b := newBench(t)
	comment := run.RefreshComment(repository, 1)
	b.sink.answer("comment 7/1", &run.NotBeforeError{At: noon.Add(time.Hour), Err: errors.New("the budget is used up")})
	b.put(comment)
	b.wants(0, "comment 7/1")
	b.put(reply(1, "a"))
	b.wants(time.Minute, "reply a")
	b.sink.answer("", nil)
	b.wants(time.Minute)
	b.put(comment)
	b.wants(time.Minute, "comment 7/1")
	b.due(0)
}

func TestWhatIsRefusedForGoodIsNotSentAgain(t *testing.T) {
	b := newBench(t)
	b.sink.answer("reply a", errors.New("forbidden"))
	b.put(reply(1, "a"), reply(1, "b"))
	b.wants(0, "reply a", "reply b")
	b.due(0)
}

func TestASinkThatTakesTooLongIsAskedAgain(t *testing.T) {
	b := newBench(t)
	b.sink.answer("reply a", fmt.Errorf("asking: %w", context.DeadlineExceeded))
	b.put(reply(1, "a"))
	b.wants(0, "reply a")
	b.sink.answer("", nil)
	b.wants(time.Minute, "reply a")
	b.due(0)
}

func TestEachKindGoesToItsSink(t *testing.T) {
	b := newBench(t)
	b.sink.kinds = []run.NoticeKind{run.NoticeReply}
	comments := &recorder{kinds: []run.NoticeKind{run.NoticeComment}}
	b.sender.Sinks = append(b.sender.Sinks, comments)
	b.put(reply(1, "a"), run.RefreshComment(repository, 1), run.ReactionTo(repository, 1, 5, "eyes"))
	b.wants(0, "reply a")
	if got := strings.Join(comments.since(), ", "); got != "comment 7/1" {
		t.Errorf("the sink of comments was asked for %q", got)
	}
	b.due(0) // nobody takes reactions
}

// slowList is a store whose list is older than it seems: what is sent when it is
// read has been sent before the list is there.
type slowList struct {
	*sqlite.Store
	meanwhile func()
}

func (s slowList) DueNotices(ctx context.Context, now time.Time, limit int) ([]run.Notice, error) {
	due, err := s.Store.DueNotices(ctx, now, limit)
	s.meanwhile()
	return due, err
}

// slow is a sink that says when it begins, and goes on when it may.
type slow struct {
	sent        atomic.Int32
	begun, goOn chan struct{}
}

func (s *slow) Kinds() []run.NoticeKind { return []run.NoticeKind{run.NoticeMerge} }

func (s *slow) Send(context.Context, run.Notice) error {
	s.sent.Add(1)
	s.begun <- struct{}{}
	<-s.goOn
	return nil
}

func TestANoticeThatIsSentWhileTheListIsReadIsSentOnce(t *testing.T) {
	b := newBench(t)
	merges := &slow{begun: make(chan struct{}, 9), goOn: make(chan struct{})}
	b.sender.Sinks = []run.Sink{merges}
	b.put(run.MergePull(run.Run{ID: "r1", Subject: run.Subject{Repository: repository, PullRequest: 1}}))
	b.sender.init()
	var first, second sync.WaitGroup
	if err := b.sender.dispatch(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	<-merges.begun
	b.sender.Store = slowList{b.store, func() { close(merges.goOn); first.Wait() }}
	if err := b.sender.dispatch(t.Context(), &second); err != nil {
		t.Fatal(err)
	}
	second.Wait()
	if n := merges.sent.Load(); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
}

func TestRunSendsWhatIsAddedAndEnds(t *testing.T) {
	b := newBench(t)
	b.sender.Now = time.Now
	merges := &slow{begun: make(chan struct{}, 9), goOn: make(chan struct{})}
	b.sender.Sinks = []run.Sink{merges}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.sender.Run(ctx) }()
	b.put(run.MergePull(run.Run{ID: "r1", Subject: run.Subject{Repository: repository, PullRequest: 1}}))
	b.sender.Wake()
	<-merges.begun
	stop()
	close(merges.goOn)
	if err := <-ended; err != nil { // when the sink has ended
		t.Error(err)
	}
}
