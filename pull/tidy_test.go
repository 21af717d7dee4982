package pull

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// worn is a mirror after many fetches. Each left a pack, however small: git
// checks what comes (transfer.fsckObjects) only in packs.
func worn(t testing.TB, fetches int) (*Mirrors, *Mirror, *upstream, []string) {
	t.Helper()
	u := newUpstream(t)
	mirrors := &Mirrors{Dir: t.TempDir()}
	mirror, err := mirrors.Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	var shas, parents []string
	for i := range fetches {
		sha := u.commit("main", parents, files(i)...)
		if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
			t.Fatal(err)
		}
		parents = []string{sha}
		shas = append(shas, sha)
	}
	return mirrors, mirror, u, shas
}

func files(seed int) (out []entry) {
	for i := range 10 {
		out = append(out, entry{path: fmt.Sprintf("live/%d/main.tf", i), content: fmt.Sprintf("# %d of %d\n", i, seed)})
	}
	return out
}

// count tells the packs, the loose objects and the loose refs of a mirror.
func (m *Mirror) count(t testing.TB) (packs, objects, refs int) {
	t.Helper()
	for pattern, n := range map[string]*int{"objects/pack/*.pack": &packs, "objects/[0-9a-f][0-9a-f]/*": &objects, "refs/lockkeeper/*": &refs} {
		found, err := filepath.Glob(filepath.Join(m.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		*n = len(found)
	}
	return packs, objects, refs
}

func (m *Mirrors) mustTidy(t testing.TB, now time.Time) {
	t.Helper()
	if err := m.Tidy(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestManyFetchesBecomeFewFilesAndNothingIsLost(t *testing.T) {
	mirrors, mirror, u, shas := worn(t, 12)
	forced := u.commit("main", shas[:1], entry{path: "a.tf", content: "forced"}) // the others are in no branch any more
	if err := mirror.Fetch(t.Context(), u.remote(), forced); err != nil {
		t.Fatal(err)
	}
	shas = append(shas, forced)
	unused := git(t.Context(), mirror.dir, "hash-object", "-w", "--stdin")
	unused.Stdin = strings.NewReader("nothing refers to this")
	blob, err := output(t.Context(), unused)
	if err != nil {
		t.Fatal(err)
	}
	if packs, objects, refs := mirror.count(t); packs != 13 || objects != 1 || refs != 13 {
		t.Fatalf("before: %d packs, %d loose objects, %d loose refs", packs, objects, refs)
	}
	mirrors.mustTidy(t, time.Now())
	if packs, objects, refs := mirror.count(t); packs > 2 || objects > 1 || refs != 0 {
		t.Errorf("after: %d packs, %d loose objects, %d loose refs", packs, objects, refs)
	}
	for _, m := range []*Mirrors{mirrors, {Dir: mirrors.Dir}} { // as it is, and after a restart
		mirror, err := m.Open(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if err := mirror.Fetch(t.Context(), Remote{URL: "http://127.0.0.1:1/none.git"}, shas...); err != nil {
			t.Errorf("what was fetched is not known any more: %v", err)
		}
		for _, sha := range shas {
			if files, err := tree(t, mirror, sha).Files(t.Context()); err != nil || len(files) < 10 {
				t.Errorf("%s: %d files, %v", sha, len(files), err)
			}
		}
	}
	for _, args := range [][]string{{"fsck", "--full", "--strict"}, {"cat-file", "-e", strings.TrimSpace(blob)}} {
		if _, err := output(t.Context(), git(t.Context(), mirror.dir, args...)); err != nil {
			t.Errorf("git %v: %v", args, err)
		}
	}
}

func TestAMirrorIsTidiedOnceADayAlsoAfterARestart(t *testing.T) {
	mirrors, mirror, u, shas := worn(t, 2)
	now := time.Now()
	another := func(n int) {
		sha := u.commit("main", shas, files(n)...)
		if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
			t.Fatal(err)
		}
	}
	mirrors.mustTidy(t, now)
	another(100)
	(&Mirrors{Dir: mirrors.Dir}).mustTidy(t, now.Add(tidyEvery-time.Second))
	if _, _, refs := mirror.count(t); refs != 1 {
		t.Errorf("tidied twice on one day: %d loose refs", refs)
	}
	(&Mirrors{Dir: mirrors.Dir}).mustTidy(t, now.Add(tidyEvery))
	if _, _, refs := mirror.count(t); refs != 0 {
		t.Errorf("not tidied after a day: %d loose refs", refs)
	}
}

func TestAMirrorIsNotTidiedWhileSomebodyFetches(t *testing.T) {
	mirrors, mirror, u, shas := worn(t, 2)
	u.onGit.Store(new(func() { // a fetch is under way
		if err := mirrors.Tidy(t.Context(), time.Now()); err != nil {
			t.Error(err)
		}
	}))
	sha := u.commit("main", shas[1:], entry{path: "a.tf", content: "x"})
	if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Fatal(err)
	}
	if _, _, refs := mirror.count(t); refs != 3 {
		t.Errorf("%d loose refs, want 3", refs)
	}
	u.onGit.Store(nil)
	mirrors.mustTidy(t, time.Now())
	if _, _, refs := mirror.count(t); refs != 0 {
		t.Errorf("afterwards %d loose refs", refs)
	}
}

func TestAMirrorCanBeReadAndFetchedIntoWhileItIsTidied(t *testing.T) {
	mirrors, mirror, u, shas := worn(t, 6)
	var ended atomic.Bool
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for rounds := 0; !ended.Load() || rounds < 2; rounds++ {
				for _, sha := range shas {
					if files, err := tree(t, mirror, sha).Files(t.Context()); err != nil || len(files) != 10 {
						t.Errorf("%d files, %v", len(files), err)
						return
					}
					// Of git itself: a mirror remembers what it was told.
					if _, err := output(t.Context(), git(t.Context(), mirror.dir, "merge-base", shas[0], sha)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	parents := slices.Clone(shas[5:])
	for i := range 5 {
		parents = []string{u.commit("main", parents, files(100+i)...)}
		var fetch sync.WaitGroup
		fetch.Go(func() {
			if err := mirror.Fetch(t.Context(), u.remote(), parents...); err != nil {
				t.Error(err)
			}
		})
		if err := mirrors.Tidy(t.Context(), time.Now().Add(time.Duration(i)*2*tidyEvery)); err != nil {
			t.Error(err)
		}
		fetch.Wait()
	}
	ended.Store(true)
	readers.Wait()
}

func TestTidyLeavesAloneWhatIsNoMirrorAndGoesOn(t *testing.T) {
	mirrors, mirror, _, _ := worn(t, 2)
	if err := (&Mirrors{Dir: filepath.Join(mirrors.Dir, "none")}).Tidy(t.Context(), time.Now()); err != nil {
		t.Errorf("nothing was fetched yet: %v", err)
	}
	for _, name := range []string{"1.git/objects", "2.git.new", "x.git", "notes"} { // the first is broken, the second half made
		if err := os.MkdirAll(filepath.Join(mirrors.Dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	err := mirrors.Tidy(t.Context(), time.Now())
	if err == nil || !strings.Contains(err.Error(), "repository 1:") || strings.Count(err.Error(), "tidying") != 1 {
		t.Errorf("error %v, want one about the first", err)
	}
	if _, _, refs := mirror.count(t); refs != 0 {
		t.Error("the good one was not tidied")
	}
}

func TestWhatAKilledGitLeftIsRemoved(t *testing.T) {
	mirrors, mirror, _, shas := worn(t, 2)
	for _, name := range []string{"tmp_pack_0Ab1", "tmp_idx_0Ab1", ".tmp-12-pack-0123.pack", ".tmp-12-pack-0123.idx"} {
		if err := os.WriteFile(filepath.Join(mirror.dir, "objects/pack", name), []byte("half"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	again, err := (&Mirrors{Dir: mirrors.Dir}).Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(mirror.dir, "objects/pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if !strings.HasPrefix(e.Name(), "pack-") {
			t.Errorf("%s is still there", e.Name())
		}
	}
	if _, err := tree(t, again, shas[1]).Files(t.Context()); err != nil {
		t.Error(err)
	}
}
