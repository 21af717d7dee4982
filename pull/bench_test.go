package pull

import (
	"fmt"
	"io"
	"sync"
	"testing"
)

// large is a repository of 10,000 project directories with 30,000 files, and a
// pull request that changes 3,001 of them.
func large(b *testing.B) (mirror *Mirror, base, head string) {
	u := newUpstream(b)
	var entries, edits []entry
	for i := range 10_000 {
		dir := fmt.Sprintf("infra/%02d/project-%04d/", i%50, i)
		for _, name := range []string{"main.tf", "variables.tf", "versions.tf"} {
			entries = append(entries, entry{path: dir + name, content: fmt.Sprintf("# %s of %d\n", name, i)})
		}
		if i < 3_001 {
			edits = append(edits, entry{path: dir + "main.tf", content: fmt.Sprintf("# changed %d\n", i)})
		}
	}
	base = u.commit("main", nil, entries...)
	head = u.commit("pull", []string{base}, edits...)
	return fetched(b, u, base, head), base, head
}

func BenchmarkFilesFromGit(b *testing.B) {
	mirror, _, head := large(b)
	for b.Loop() {
		mirror.trees.last = nil
		files, err := tree(b, mirror, head).Files(b.Context())
		if err != nil || len(files) != 30_000 {
			b.Fatal(len(files), err)
		}
	}
}

func BenchmarkFilesRemembered(b *testing.B) {
	mirror, _, head := large(b)
	for b.Loop() {
		if _, err := tree(b, mirror, head).Files(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	mirror, base, head := large(b)
	for b.Loop() {
		c, err := mirror.Compare(b.Context(), base, head)
		if err != nil || len(c.Changes) != 3_001 {
			b.Fatal(len(c.Changes), err)
		}
	}
}

func BenchmarkFetchOfKnownCommits(b *testing.B) {
	mirror, base, head := large(b)
	for b.Loop() {
		if err := mirror.Fetch(b.Context(), Remote{}, base, head); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFetchAfterRestart(b *testing.B) {
	mirror, base, head := large(b)
	for b.Loop() {
		clear(mirror.known)
		if err := mirror.Fetch(b.Context(), Remote{}, base, head); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshotOfOneProject(b *testing.B) {
	mirror, _, head := large(b)
	for b.Loop() {
		if _, err := mirror.Snapshot(b.Context(), tree(b, mirror, head), []string{"infra/01/project-0001"}, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshotOfEverything(b *testing.B) {
	mirror, _, head := large(b)
	for b.Loop() {
		if _, err := mirror.Snapshot(b.Context(), tree(b, mirror, head), []string{"."}, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlan is everything that one plan of one project asks of a warm mirror.
func BenchmarkPlan(b *testing.B) {
	mirror, base, head := large(b)
	for b.Loop() {
		mirror.trees.last = nil
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := mirror.Compare(b.Context(), base, head); err != nil {
				b.Error(err)
			}
		})
		group.Go(func() {
			commit := tree(b, mirror, head)
			if _, err := mirror.Snapshot(b.Context(), commit, []string{"infra/01/project-0001"}, io.Discard); err != nil {
				b.Error(err)
			}
		})
		group.Wait()
	}
}
