package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADataDirectoryThatCannotBePrivateIsRefused(t *testing.T) {
	in := func(parent fs.FileMode) func(*testing.T) string {
		return func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "above")
			if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, parent); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, "data")
		}
	}
	rows := map[string]struct {
		make func(*testing.T) string
		says string
	}{
		"below a directory of everybody":               {in(0o777), "everybody may write to"},
		"below one where each has his own":             {in(0o777 | fs.ModeSticky), ""},
		"below one that others may read":               {in(0o755), ""},
		"a new one":                                    {func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") }, ""},
		"a link to one":                                {func(t *testing.T) string { return linkTo(t, in(0o755)(t)) }, ""},
		"a link to one below a directory of everybody": {func(t *testing.T) string { return linkTo(t, in(0o777)(t)) }, "everybody may write to"},
		"a file": {func(*testing.T) string { return os.Args[0] }, "is a file, or below one"},
		"somebody else's (of root, or given away by root)": {somebodyElses, "chown"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			dir := row.make(t)
			err := makePrivate(dir)
			if row.says != "" {
				if err == nil || !strings.Contains(err.Error(), row.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != modeFor(passedDir) {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

func linkTo(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func somebodyElses(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return "/"
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1, 1); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheServerBeforeIsWaitedForAndAnotherIsNot(t *testing.T) {
	dir := t.TempDir()
	first, second := &App{}, &App{}
	if err := first.lockDataDir(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := second.lockDataDir(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "another server works on") {
		t.Errorf("beside another server: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := second.lockDataDir(ended, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("when it is told to end: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- second.lockDataDir(t.Context(), dir) }()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waits; err != nil {
		t.Errorf("after it: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
