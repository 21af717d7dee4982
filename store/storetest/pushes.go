package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func (u suite) TestWhoPushedIsStoredOnceAndDeleted(t *testing.T) {
	s := u.fresh(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	push := func(repository int64, sha, login string, user int64, at time.Time) run.Push {
		return run.Push{RepositoryID: repository, SHA: sha, Ref: "refs/heads/x", Login: login, UserID: user, At: at}
	}
	first, second := push(1, "a", "ana", 10, at), push(1, "a", "ben", 11, at.Add(time.Hour))
	brought := second
	brought.New, brought.At = true, at.Add(2*time.Hour)
	for _, p := range [][]run.Push{nil, {first, second}, {push(1, "a", "ana-renamed", 10, at.Add(time.Hour)), brought, push(2, "a", "eve", 12, at), push(1, "b", "eve", 12, at)}} {
		if err := s.PutPushes(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	second.New = true
	for _, want := range [][]run.Push{{first, second}, {second}} {
		got, err := s.Pushes(t.Context(), 1, []string{"a", "c", "'"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := s.Sweep(t.Context(), at.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Pushes(t.Context(), 1, nil); err != nil || len(got) != 0 {
		t.Errorf("of no commits: %v, %v", got, err)
	}
}

// t_forge: a push that was made up adds to who pushed, and clears nobody.
func (u suite) TestWhoPushedIsASetThatOnlyGrows(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	ben := run.Push{RepositoryID: 7, SHA: "aaa", UserID: 12, Login: "ben", Ref: "refs/heads/topic", New: true, At: Noon}
	ben.Confirmed = true
	forged := []run.Push{ben, ben, ben, ben}
	for i := range forged {
		forged[i].Confirmed = false
	}
	forged[0].New = false
	forged[1].UserID, forged[1].Login = 13, "ana"
	forged[2].Login, forged[2].New = "somebody-else", false
	forged[3].Ref, forged[3].New = "refs/heads/other", false
	for _, p := range append([]run.Push{ben}, forged...) {
		if err := s.PutPushes(ctx, []run.Push{p}); err != nil {
			t.Fatal(err)
		}
		if got := Must[[]run.Push](t)(s.Pushes(ctx, 7, []string{"aaa"})); !slices.Contains(got, ben) {
			t.Errorf("after %+v ben did not push: %+v", p, got)
		}
	}
}

// What a webhook reported is confirmed when GitHub reports the same.
func (u suite) TestAPushIsConfirmedLater(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	p := run.Push{RepositoryID: 7, SHA: "aaa", UserID: 12, Login: "ben", Ref: "refs/heads/topic", New: true, At: Noon}
	for _, confirmed := range []bool{false, true} {
		reported := p
		reported.Confirmed, reported.New = confirmed, !confirmed
		if err := s.PutPushes(ctx, []run.Push{reported}); err != nil {
			t.Fatal(err)
		}
		want := p
		want.Confirmed = confirmed
		if got := Must[[]run.Push](t)(s.Pushes(ctx, 7, []string{"aaa"})); len(got) != 1 || got[0] != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
