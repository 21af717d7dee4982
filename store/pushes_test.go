package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestWhoPushedIsKeptOnceAndForgotten(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
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
