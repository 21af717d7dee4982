package runner

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A plan of anybody adds packages; what was not used for the longest time goes first, and
// what a job may still start stays.
func TestSharedPackagesAreBounded(t *testing.T) {
	p := packages{dir: t.TempDir(), id: "x"}
	now := time.Now()
	add := func(name string, used time.Time) string {
		rel := "registry.example.org/acme/" + name + "/1.0.0/linux_amd64"
		from := filepath.Join(t.TempDir(), "package")
		if err := os.Mkdir(from, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, "terraform-provider"), []byte(strings.Repeat("x", 100<<10)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := p.add(from, rel); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p.path(hashesDir, rel), used, used); err != nil {
			t.Fatal(err)
		}
		return rel
	}
	old, older, recent := add("old", now.Add(-30*time.Hour)), add("older", now.Add(-40*time.Hour)), add("recent", now.Add(-time.Hour))
	left := func(want ...string) {
		t.Helper()
		got, err := p.sift()
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("left are %v, %v", got, err)
		}
	}
	if err := p.makeRoomBelow(1<<20, now); err != nil {
		t.Error(err)
	}
	left(old, older, recent)
	if err := p.makeRoomBelow(300<<10, now); err != nil {
		t.Error(err)
	}
	left(old, recent)
	p.used(old)
	if err := p.makeRoomBelow(100<<10, now); err == nil || !strings.Contains(err.Error(), "not shared") {
		t.Errorf("there is room: %v", err)
	}
	left(old, recent)
}

// Where packages take what is for them, those of a job are its own, until others were not
// used for long.
func TestAPackageForWhichThereIsNoRoomIsNotShared(t *testing.T) {
	t.Parallel()
	mirror, providers := zipMirror(t), t.TempDir()
	p := packages{dir: providers, id: "x"}
	const large = "registry.example.org/acme/large/1.0.0/linux_amd64"
	dir := p.path(packagesDir, large)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "terraform-provider"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "terraform-provider"), maxPackages); err != nil { // with nothing on the disk
		t.Fatal(err)
	}
	stamp, err := stampOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.write(hashesDir, large, []byte("h1:x")), p.write(stampsDir, large, stamp)); err != nil {
		t.Fatal(err)
	}
	shared := p.path(packagesDir, filepath.Join(fakeSource, fakeVersion, platform))
	is := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	if j, err := initJob(t, "run-0", providers, mirror, ""); err != nil || isLink(t, j.installed()) || is(shared) || !is(dir) {
		t.Errorf("without room: shared %v, the other one there %v, %v", is(shared), is(dir), err)
	}
	old := time.Now().Add(-2 * unusedBefore)
	if err := os.Chtimes(p.path(hashesDir, large), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := initJob(t, "run-1", providers, mirror, ""); err != nil || !is(shared) || is(dir) {
		t.Errorf("with what was not used: shared %v, the other one there %v, %v", is(shared), is(dir), err)
	}
}
