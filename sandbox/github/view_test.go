package github

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesOfABranchCanBeListedAndRead(t *testing.T) {
	w := newWorld(t)
	_, err := w.Commit(testRepo, "feature", "alice", "m", Files{"b/main.tf": Deleted, "link": Symlink("a/main.tf")})
	must(t, err)
	paths, err := w.ListFiles(testRepo, "feature")
	must(t, err)
	if diff := cmp.Diff([]string{"a/main.tf", "link"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{"a/main.tf": "# a\n", "link": "a/main.tf"} {
		got, err := w.ReadFile(testRepo, "feature", path)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"a", "nope", "../../config", ""} {
		if _, err := w.ReadFile(testRepo, "feature", path); err == nil {
			t.Errorf("%q was read", path)
		}
	}
	if diff := cmp.Diff([]string{testRepo}, w.Repositories()); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
}
