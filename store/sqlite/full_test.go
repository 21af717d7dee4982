package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// However little room is left, the sentence is of the disk, not of SQLite.
func TestAFullDiskIsSaidAtTheStart(t *testing.T) {
	onASmallDisk(t, func(dir string) {
		fillHalves(t, dir)
		for _, left := range []int{0, 2, 8, 20, 40} { // pages of 4 KiB
			sub := filepath.Join(dir, "data")
			if err := os.Mkdir(sub, 0o700); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, "fill"), int64((4<<20)/2-left*4096)); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), filepath.Join(sub, "lockkeeper.db"))
			if err == nil {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				t.Fatalf("it opens with %d pages left", left)
			}
			if !strings.HasPrefix(err.Error(), "no space left on the disk of ") || !strings.Contains(err.Error(), "make room there") {
				t.Errorf("%d pages left: %v", left, err)
			}
			if err := os.RemoveAll(sub); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// fillHalves leaves no room: half of the disk in the file fill, the rest in another.
func fillHalves(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, (4<<20)/2), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(filepath.Join(dir, "rest"), make([]byte, 4<<20), 0o600)
	if err == nil {
		t.Fatal("the disk takes more than its size")
	}
}
