package backendtest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// SharedDir is where all directories of Shared are: what the engine under test
// has to let jobs write, besides their own.
func SharedDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("lockkeeper-shared-%d", os.Getpid()))
}

var shared sync.Mutex // held while SharedDir comes or goes

// Shared makes a directory that a test and its jobs share.
func Shared(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if err := os.MkdirAll(SharedDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(SharedDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		_ = os.Remove(SharedDir()) // unless another test has something there
	})
	return dir
}
