package sqlite

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// ofSchema makes a database as an older version left it.
func ofSchema(t testing.TB, file string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	files := storetest.Must[[]string](t)(fs.Glob(migrations, "*.sql"))
	for _, name := range files[:version] {
		storetest.Must[sql.Result](t)(db.Exec(string(storetest.Must[[]byte](t)(migrations.ReadFile(name)))))
	}
	storetest.Must[sql.Result](t)(db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version)))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestADatabaseFromBeforeDedupKeysKnowsThatItDoesNotKnow: what an older version acted
// on has no DedupKey, so nothing from before the change may be looked for.
func TestADatabaseFromBeforeDedupKeysKnowsThatItDoesNotKnow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 2)
	before := time.Now().Truncate(time.Second)
	s := open(t, file)
	since := storetest.Must[time.Time](t)(s.DedupSince(t.Context()))
	if since.Before(before) || since.After(time.Now()) {
		t.Errorf("since %s, opened at %s", since, before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again := storetest.Must[time.Time](t)(open(t, file).DedupSince(t.Context())); !again.Equal(since) {
		t.Errorf("a restart moved it from %s to %s", since, again)
	}
}
