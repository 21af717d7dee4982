package store

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
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
	schema := func(s *SQLite) string {
		var out string
		if err := s.read.QueryRowContext(t.Context(), `SELECT (SELECT * FROM pragma_user_version) || group_concat(name || ': ' || sql, '
') FROM (SELECT name, sql FROM sqlite_schema ORDER BY name)`).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := schema(fresh(t))
	all := must[[]migration](t)(numbered(migrations))
	for _, m := range all {
		file := filepath.Join(t.TempDir(), "test.db")
		ofSchema(t, file, m.number)
		if got := schema(open(t, file)); got != want {
			t.Errorf("a database of schema %d has\n%s\nwant\n%s", m.number, got, want)
		}
	}
}
