package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Suite(t, func(t testing.TB, place string, durable bool) storetest.Store {
		s := open(t, filepath.Join(place, "test.db"))
		if !durable {
			if _, err := s.write.Exec(`PRAGMA synchronous = OFF`); err != nil {
				t.Fatal(err)
			}
		}
		return s
	})
}
