package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// A build without some of the migrations would give a later one their number,
// and the databases that it made would never get them.
func TestMigrationsAreTakenByTheirNumber(t *testing.T) {
	for _, tt := range []struct{ names, want string }{
		{"001_a.sql 002_b.sql 003_c.sql", ""},
		{"001_a.sql 002_b.sql 004_d.sql", "004_d.sql comes where migration 003 must be"},
		{"002_b.sql", "002_b.sql comes where migration 001 must be"},
		{"001_a.sql 002_b.sql 002_c.sql", "002_c.sql comes where migration 003 must be"},
		{"001_a.sql next.sql", "next.sql is not a migration"},
		{"001_a.sql 2_b.sql", "2_b.sql is not a migration"},
		{"001_a.sql 002.sql", "002.sql is not a migration"},
	} {
		dir := fstest.MapFS{}
		for name := range strings.FieldsSeq(tt.names) {
			dir[name] = &fstest.MapFile{Data: []byte(name)}
		}
		all, err := numbered(dir)
		switch {
		case tt.want == "" && (err != nil || len(all) != len(dir) || all[2] != migration{3, "003_c.sql", "003_c.sql"}):
			t.Errorf("%s: %v, %v", tt.names, all, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.names, err, tt.want)
		}
	}
}

// Whatever version made it, a database ends with the same schema.
func TestEveryOlderDatabaseGetsWhatIsMissing(t *testing.T) {
	schema := func(s *Store) string {
		var out string
		if err := s.read.QueryRowContext(t.Context(), `SELECT (SELECT * FROM pragma_user_version) || group_concat(name || ': ' || sql, '
') FROM (SELECT name, sql FROM sqlite_schema ORDER BY name)`).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := schema(fresh(t))
	all := storetest.Must[[]migration](t)(numbered(migrations))
	for _, m := range all {
		file := filepath.Join(t.TempDir(), "test.db")
		ofSchema(t, file, m.number)
		if got := schema(open(t, file)); got != want {
			t.Errorf("a database of schema %d has\n%s\nwant\n%s", m.number, got, want)
		}
	}
}

// What failed before it was noted is found in the runs.
func TestAStateThatWentAstrayBeforeItWasNotedIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 9)
	db := storetest.Must[*sql.DB](t)(sql.Open("sqlite", file))
	for i, code := range []string{"state_not_remote", "state_not_saved", "apply_failed"} {
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO locks (key, fence, repository_id, pull_request, dirty) VALUES (?, 1, 7, ?, 1)`, code, i))
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document) VALUES (?1, ?1, 7, ?2, 0, 0, ?3)`,
			code, i, `{"jobs":[{"result":{"problem":{"code":"`+code+`","message":"x"}}}]}`))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	locks := storetest.Must[run.Locks](t)(open(t, file).Locks(t.Context()))
	for _, l := range locks.Locks {
		if l.Astray != (l.Key != "apply_failed") {
			t.Errorf("%s: astray %v", l.Key, l.Astray)
		}
	}
	if len(locks.Locks) != 3 {
		t.Errorf("%d locks", len(locks.Locks))
	}
}

// Whose check is green because of what it applied before the upgrade is told when
// another one applies the same afterwards.
func TestWhatWasAppliedBeforeItWasCountedIsCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 10)
	db := storetest.Must[*sql.DB](t)(sql.Open("sqlite", file))
	for i, how := range []string{"applied", "dirty"} {
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO locks (key, fence, repository_id, pull_request, `+how+`, used_at) VALUES (?, 1, 7, ?, 1, 5)`, how, i+1))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	locks := storetest.Must[run.Locks](t)(open(t, file).Locks(t.Context()))
	if len(locks.Done) != 1 || locks.Done[0].Key != "applied" || locks.Done[0].Holder.PullRequest != 1 || locks.Done[0].Holder.Repository.ID != 7 {
		t.Errorf("counted: %+v", locks.Done)
	}
	if len(locks.Locks) != 2 || locks.Locks[0].Last.By.PullRequest != 1 || locks.Locks[1].Last.By.PullRequest != 2 {
		t.Errorf("who changed them last: %+v", locks.Locks)
	}
}

// Whose check is green because there was nothing to change is told, too.
func TestWhatHadNoChangesBeforeItWasCountedIsCounted(t *testing.T) {
	for _, schema := range []int{10, 11} {
		file := filepath.Join(t.TempDir(), "test.db")
		ofSchema(t, file, schema)
		db := storetest.Must[*sql.DB](t)(sql.Open("sqlite", file))
		for i, set := range []string{"busy = ''", "dirty = 1", "closing = 1", "pull_request = 0"} {
			storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO locks (key, fence, repository_id, pull_request) VALUES (?, 1, 7, ?)`, set, i+1))
			storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `UPDATE locks SET `+set+` WHERE key = ?`, set))
		}
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO lock_waiters (id, repository_id, pull_request, owner, name, installation_id, since, projects)
			VALUES (1, 7, 9, 'acme', 'infra', 1, 0, '[{"project":"a","keys":["waited for","and this"]},{"project":"b","keys":["waited for"]}]')`))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range storetest.Must[run.Locks](t)(open(t, file).Locks(t.Context())).Done {
			got = append(got, fmt.Sprintf("%d of #%d", len(d.Key), d.Holder.PullRequest))
		}
		if want := []string{"8 of #9", "9 of #1", "10 of #9"}; !slices.Equal(got, want) {
			t.Errorf("schema %d: counted: %q, want %q", schema, got, want)
		}
	}
}

// A plan of a merge group from before the upgrade is still none of its pull request.
func TestAPlanOfAMergeGroupKeepsItsSubject(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 14)
	db := storetest.Must[*sql.DB](t)(sql.Open("sqlite", file))
	for _, trigger := range []string{"queue", "comment"} {
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document) VALUES (?1, ?1, 7, 3, 0, 0, ?2)`,
			trigger, `{"pull_request":3,"kind":"plan","trigger":"`+trigger+`"}`))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, file)
	for trigger, ofPull := range map[string]bool{"queue": false, "comment": true} {
		if r := storetest.Must[run.Run](t)(s.Run(t.Context(), trigger)); r.OfPull() != ofPull || r.PullRequest != 3 {
			t.Errorf("the plan by %s is about %+v", trigger, r.Subject)
		}
	}
}
