package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestTheKeyOfPlanDigestsIsMadeOnceAndIsOfOneProject(t *testing.T) {
	dir := t.TempDir()
	open := func() digestKeys {
		t.Helper()
		k, err := openDigestKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	doc := run.JobDocument{RepositoryID: 1, Project: run.JobProject{Name: "network-prod"}}
	first := open().of(doc)
	if again := open().of(doc); first != again || len(first) != 64 {
		t.Errorf("after a restart the key is %q, was %q", again, first)
	}
	other, elsewhere := doc, doc
	other.Project.Name, elsewhere.RepositoryID = "network-dev", 2
	if k := open(); k.of(other) == first || k.of(elsewhere) == first {
		t.Error("another project has the same key")
	}
	name := filepath.Join(dir, digestKeyFile)
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.WriteFile(name, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openDigestKeys(dir); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a key that is none: %v", err)
	}
}
