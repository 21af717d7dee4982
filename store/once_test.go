package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// ofSchema makes a database as an older version left it.
func ofSchema(t testing.TB, file string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	files := must[[]string](t)(fs.Glob(migrations, "*.sql"))
	for _, name := range files[:version] {
		must[sql.Result](t)(db.Exec(string(must[[]byte](t)(migrations.ReadFile(name)))))
	}
	must[sql.Result](t)(db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version)))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func telling(guid, once string) run.Delivery {
	d := delivery(guid)
	d.Once = once
	return d
}

func TestWhatIsToldUnderTwoGUIDsIsKeptOnce(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	for i, tt := range []struct {
		d     run.Delivery
		added bool
	}{
		{telling("a", "comment/7/99"), true},
		{telling("b", "comment/7/99"), false},
		{telling("a", "comment/7/100"), false},
		{telling("c", "comment/7/100"), true},
		{telling("d", ""), true},
		{telling("e", ""), true},
	} {
		if got := must[bool](t)(s.PutDelivery(ctx, tt.d)); got != tt.added {
			t.Errorf("%d: added %t, want %t", i, got, tt.added)
		}
	}
	if err := s.DoneDelivery(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if must[bool](t)(s.PutDelivery(ctx, telling("f", "comment/7/99"))) {
		t.Error("what was acted on came back under another GUID")
	}
	for once, want := range map[string]bool{"comment/7/99": true, "comment/7/100": true, "comment/7/101": false, "": false} {
		if got := must[bool](t)(s.KnownDelivery(ctx, once)); got != want {
			t.Errorf("%q known: %t, want %t", once, got, want)
		}
	}
}

func TestOfManyTellersAtOnceOneIsKept(t *testing.T) {
	s := fresh(t)
	var wg sync.WaitGroup
	var added atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			if must[bool](t)(s.PutDelivery(t.Context(), telling(fmt.Sprint(i), "comment/7/99"))) {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	if got := added.Load(); got != 1 {
		t.Errorf("%d were kept", got)
	}
}

// TestADatabaseFromBeforeOnceKnowsThatItDoesNotKnow: what an older version acted
// on has no Once, so nothing from before the change may be looked for.
func TestADatabaseFromBeforeOnceKnowsThatItDoesNotKnow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 2)
	before := time.Now().Truncate(time.Second)
	s := open(t, file)
	since := must[time.Time](t)(s.OnceSince(t.Context()))
	if since.Before(before) || since.After(time.Now()) {
		t.Errorf("since %s, opened at %s", since, before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again := must[time.Time](t)(open(t, file).OnceSince(t.Context())); !again.Equal(since) {
		t.Errorf("a restart moved it from %s to %s", since, again)
	}
}

func TestRepositoriesAreThoseOfTheRunsTheNewestFirst(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	put := func(id string, repository int64, name string) {
		r := aRun(id, id)
		r.Repository = run.Repository{ID: repository, Owner: "acme", Name: name, InstallationID: 5}
		must[bool](t)(s.CreateRun(ctx, r, nil))
	}
	put("1", 7, "infra")
	put("2", 8, "other")
	put("3", 7, "renamed")
	want := []run.Repository{{ID: 7, Owner: "acme", Name: "renamed", InstallationID: 5}, {ID: 8, Owner: "acme", Name: "other", InstallationID: 5}}
	for limit := range 3 {
		got := must[[]run.Repository](t)(s.Repositories(ctx, limit))
		if d := cmp.Diff(want[:limit], append([]run.Repository{}, got...)); d != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, d)
		}
	}
}
