package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// The server's log of deliveries and runs is nobody else's to read, whatever the
// umask is: SQLite would make files of mode 0644.
func TestTheStoresFilesArePrivate(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, string){
		"new": func(*testing.T, string) {},
		"made readable before": func(t *testing.T, file string) {
			s := open(t, file)
			storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery("a")))
			for _, end := range []string{"", "-wal", "-shm"} {
				if err := os.Chmod(file+end, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "test.db")
			defer unix.Umask(unix.Umask(0))
			prepare(t, file)
			s := open(t, file)
			storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery("b")))
			for _, end := range []string{"", "-wal", "-shm"} {
				info, err := os.Stat(file + end)
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm() != 0o600 {
					t.Errorf("%s has the mode %v", info.Name(), info.Mode().Perm())
				}
			}
		})
	}
}
