// Package sqlitetest makes stores for tests. To make one with all its migrations
// takes ten times as long as to open it, so each is a copy of an empty one.
//
// It must not know what a test does with its store.
package sqlitetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lockkeeper/lockkeeper/store/sqlite"
)

// File makes an empty store that is gone after the test and returns its file. It
// costs no disk where there is memory for it: what a crash of the machine would
// leave is not the question of these tests.
func File(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "store")
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	file := filepath.Join(dir, "lockkeeper.db")
	Make(t, file)
	return file
}

// Make makes an empty store.
func Make(t testing.TB, file string) {
	t.Helper()
	content, err := empty()
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var empty = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "empty.db")
	s, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(file + "-wal"); err == nil {
		return nil, fmt.Errorf("a part of %s is still in its log", file)
	}
	return os.ReadFile(file)
})
