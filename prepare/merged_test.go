package prepare_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// Nothing is planned of a fork, but what was merged of it is in the base branch, and
// somebody has to know. One that is not merged is nobody's.
func TestWhatAForkBroughtIsKnownByProject(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			w := newGateWorld(t, twoProjects())
			fork, err := w.GitHub.As("sam").Fork(repository)
			w.Check(err)
			_, err = w.GitHub.As("sam").Push(fork, "topic", "change", change("other/main.tf"))
			w.Check(err)
			n, err := w.GitHub.As("sam").OpenPull(repository, "sam:topic", "main", "change", "", false)
			w.Check(err)
			repo := run.Repository{ID: w.RepositoryID(), Owner: "acme", Name: "infra", InstallationID: 1}
			if docs, err := w.Preparer.Merged(t.Context(), repo, n); err != nil || len(docs) != 0 {
				t.Errorf("before the merge: %v, %v", docs, err)
			}
			_, err = w.GitHub.As("rui").MergePull(repository, n, method)
			w.Check(err)
			docs, err := w.Preparer.Merged(t.Context(), repo, n)
			if err != nil || len(docs) != 1 || docs[0].Project.Name != "other" {
				t.Errorf("after the merge: %v, %v", docs, err)
			}
			if n := w.Stored.Load(); n != 0 {
				t.Errorf("%d sources were made of it", n)
			}
		})
	}
}
