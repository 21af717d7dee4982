package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

func (u suite) TestANoticeAddedAgainWhileItIsSentStaysDue(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	n := run.RefreshComment(run.Repository{ID: 7}, 3)
	put := func() {
		if err := s.PutNotices(ctx, []run.Notice{n}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	listed := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10))[0]
	put()
	if err := s.SentNotice(ctx, listed); err != nil {
		t.Fatal(err)
	}
	due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10))
	if len(due) != 1 || due[0].Version != 2 {
		t.Fatalf("due: %+v", due)
	}
	if err := s.SentNotice(ctx, due[0]); err != nil {
		t.Fatal(err)
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)); len(due) != 0 {
		t.Errorf("due: %+v", due)
	}
}

func (u suite) TestAReplyIsSentOnce(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	n := run.ReplyTo(run.Repository{ID: 7}, 3, "delivery/a", "hello")
	for range 2 {
		if err := s.PutNotices(ctx, []run.Notice{n}); err != nil {
			t.Fatal(err)
		}
		for _, due := range Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)) {
			if due.Version != 1 || due.Body != "hello" {
				t.Errorf("due: %+v", due)
			}
			if err := s.SentNotice(ctx, due); err != nil {
				t.Fatal(err)
			}
		}
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)); len(due) != 0 {
		t.Errorf("due again: %+v", due)
	}
}

func (u suite) TestAPutOffNoticeIsDueLater(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	if err := s.PutNotices(ctx, []run.Notice{run.RefreshComment(run.Repository{ID: 7}, 3)}); err != nil {
		t.Fatal(err)
	}
	n := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 1))[0]
	if err := s.RetryNotice(ctx, n, Noon.Add(time.Minute), "502"); err != nil {
		t.Fatal(err)
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 1)); len(due) != 0 {
		t.Errorf("due too early: %v", due)
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon.Add(time.Minute), 1)); len(due) != 1 || due[0].Attempts != 1 {
		t.Errorf("due: %v", due)
	}
}

func (u suite) TestPostedIsReplaced(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	if _, err := s.Posted(ctx, "x"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	for _, p := range []run.Posted{{Name: "x", ID: 1}, {Name: "x", ID: 2, Digest: "d", Buttons: "plan apply"}, {Name: "x", ID: 2, Digest: "e"}} {
		if err := s.PutPosted(ctx, p); err != nil {
			t.Fatal(err)
		}
		if got := Must[run.Posted](t)(s.Posted(ctx, "x")); got != p {
			t.Errorf("got %+v, want %+v", got, p)
		}
	}
}
