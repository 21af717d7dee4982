// Package artifacttest is the contract that every artifact store keeps, as a
// suite: a directory and a bucket pass the same tests.
package artifacttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// Store is what every kind of artifact store does in the same way.
type Store interface {
	Put(ctx context.Context, key string, r io.Reader) (artifact.Ref, error)
	PutContent(ctx context.Context, prefix string, r io.Reader) (artifact.Ref, error)
	Open(ctx context.Context, ref artifact.Ref) (io.ReadCloser, error)
	ReadAll(ctx context.Context, ref artifact.Ref, max int64) ([]byte, error)
	Delete(ctx context.Context, key string) error
	Claim(ctx context.Context, key, by string) error
	Claimant(ctx context.Context, key string) (by string, claimed bool, err error)
}

// Sweeper is a store that removes what is old; others leave that to whoever
// keeps them.
type Sweeper interface {
	Sweep(ctx context.Context, before time.Time) (removed int, err error)
}

// Run is the suite that every store passes. open returns an empty store; damage
// changes the bytes under a key behind its back.
func Run(t *testing.T, open func(testing.TB) (s Store, damage func(key string, content []byte))) {
	tests := map[string]func(*testing.T, Store, func(string, []byte)){
		"what is put is read":                       testPutIsRead,
		"equal content has an equal key":            testPutContent,
		"putting again replaces":                    testPutReplaces,
		"damage is noticed":                         testDamage,
		"a wrong reference opens nothing":           testWrongRef,
		"what is not there is artifact.ErrNotFound": testMissing,
		"keys are checked":                          testKeys,
		"a reader that fails stores nothing":        testFailedPut,
		"a cancelled put stores nothing":            testCancelledPut,
		"sweep removes what is old":                 testSweep,
		"many at once":                              testConcurrent,
		"a key is claimed once":                     testClaim,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, damage := open(t)
			test(t, s, damage)
		})
	}
}

const plenty = 1 << 30

func put(t *testing.T, s Store, key, content string) artifact.Ref {
	t.Helper()
	ref, err := s.Put(t.Context(), key, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t *testing.T, s Store, ref artifact.Ref) string {
	t.Helper()
	content, err := s.ReadAll(t.Context(), ref, plenty)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// unversioned is a Ref to whatever lies under the key now.
func unversioned(ref artifact.Ref) artifact.Ref {
	ref.Version = ""
	return ref
}

func testPutIsRead(t *testing.T, s Store, _ func(string, []byte)) {
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 100_000)} {
		ref := put(t, s, "jobs/a-1/plan.tfplan", content)
		want := artifact.Ref{Key: "jobs/a-1/plan.tfplan", SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))), Size: int64(len(content))}
		if unversioned(ref) != want {
			t.Errorf("got %+v, want %+v", ref, want)
		}
		if got := read(t, s, ref); got != content {
			t.Errorf("%d bytes came back of %d", len(got), len(content))
		}
		r, err := s.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(streamed) != content {
			t.Errorf("%d bytes came back of %d: %v", len(streamed), len(content), err)
		}
	}
}

func testPutContent(t *testing.T, s Store, _ func(string, []byte)) {
	first, err := s.PutContent(t.Context(), "sources", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.PutContent(t.Context(), "sources", strings.NewReader("x"))
	if err != nil || unversioned(again) != unversioned(first) || first.Key != "sources/"+first.SHA256 {
		t.Errorf("got %+v and %+v, %v", first, again, err)
	}
	if read(t, s, first) != "x" {
		t.Error("other bytes came back")
	}
}

func testPutReplaces(t *testing.T, s Store, _ func(string, []byte)) {
	old := put(t, s, "k", "old")
	if again := put(t, s, "k", "old"); unversioned(again) != unversioned(old) {
		t.Errorf("the same put gave %+v and %+v", old, again)
	}
	current := put(t, s, "k", "new")
	if read(t, s, current) != "new" {
		t.Error("the new bytes are not there")
	}
	if got, err := s.ReadAll(t.Context(), old, plenty); !errors.Is(err, artifact.ErrChanged) && (old.Version == "" || string(got) != "old") {
		t.Errorf("the old reference gave %q, %v", got, err)
	}
}

func testDamage(t *testing.T, s Store, damage func(string, []byte)) {
	for name, content := range map[string]string{"changed": "valuA", "shorter": "valu", "longer": "value!", "empty": ""} {
		ref := unversioned(put(t, s, "k", "value"))
		damage("k", []byte(content))
		if got, err := s.ReadAll(t.Context(), ref, plenty); !errors.Is(err, artifact.ErrChanged) {
			t.Errorf("%s: ReadAll gave %q, %v", name, got, err)
		}
		r, err := s.Open(t.Context(), ref)
		if err == nil {
			_, err = io.ReadAll(r)
			err = errors.Join(err, r.Close())
		}
		if !errors.Is(err, artifact.ErrChanged) {
			t.Errorf("%s: Open gave %v", name, err)
		}
	}
}

func testWrongRef(t *testing.T, s Store, _ func(string, []byte)) {
	ref := put(t, s, "k", "value")
	for name, wrong := range map[string]artifact.Ref{
		"zero":               {},
		"no digest":          {Key: ref.Key, Size: ref.Size},
		"digest in capitals": {Key: ref.Key, SHA256: strings.ToUpper(ref.SHA256), Size: ref.Size},
		"other digest":       {Key: ref.Key, SHA256: strings.Repeat("0", 64), Size: ref.Size},
		"other size":         {Key: ref.Key, SHA256: ref.SHA256, Size: ref.Size - 1},
		"negative size":      {Key: ref.Key, SHA256: ref.SHA256, Size: -1},
	} {
		if got, err := s.ReadAll(t.Context(), wrong, plenty); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if _, err := s.ReadAll(t.Context(), ref, ref.Size-1); !errors.Is(err, artifact.ErrTooLarge) {
		t.Errorf("more than the caller takes: %v", err)
	}
}

func testMissing(t *testing.T, s Store, _ func(string, []byte)) {
	ref := unversioned(put(t, s, "a/b", "value"))
	for range 2 { // the second time there is nothing to delete
		if err := s.Delete(t.Context(), ref.Key); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Open(t.Context(), ref); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("after delete: %v", err)
	}
}

func testKeys(t *testing.T, s Store, _ func(string, []byte)) {
	for _, key := range []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/./b", ".incoming/x", "a/.hidden",
		"a\\b", "a b", ":", "a/:b", "a\x00b", "a\nb", "ä", "a/%2e%2e/b", "~", strings.Repeat("a/", 300) + "a", strings.Repeat("a", 201),
	} {
		if ref, err := s.Put(t.Context(), key, strings.NewReader("x")); err == nil {
			t.Errorf("%q was stored as %+v", key, ref)
		}
		if ref, err := s.PutContent(t.Context(), key, strings.NewReader("x")); err == nil {
			t.Errorf("%q was stored as %+v", key, ref)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("%q was deleted", key)
		}
		if _, err := s.Open(t.Context(), artifact.Ref{Key: key, SHA256: strings.Repeat("0", 64)}); err == nil || errors.Is(err, artifact.ErrNotFound) {
			t.Errorf("opening %q: %v", key, err)
		}
	}
	for _, key := range []string{"single", "jobs/01J_x-Y/plan.tfplan", "a/b/c/d/e.f.g", "tasks/AROA1:2/x", "-", "9"} {
		put(t, s, key, "x")
	}
}

type brokenReader struct{ after io.Reader }

var errBroken = errors.New("broken pipe")

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.after.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

func testFailedPut(t *testing.T, s Store, _ func(string, []byte)) {
	ref := put(t, s, "k", "old")
	if _, err := s.Put(t.Context(), "k", brokenReader{strings.NewReader("ne")}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if read(t, s, ref) != "old" {
		t.Error("what was there is gone")
	}
}

func testCancelledPut(t *testing.T, s Store, _ func(string, []byte)) {
	ref := put(t, s, "k", "old")
	ctx, cancel := context.WithCancel(t.Context())
	endless := io.MultiReader(strings.NewReader("x"), readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if _, err := s.Put(ctx, "k", endless); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if read(t, s, ref) != "old" {
		t.Error("what was there is gone")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testSweep(t *testing.T, store Store, _ func(string, []byte)) {
	s, ok := store.(interface {
		Store
		Sweeper
	})
	if !ok {
		t.Skip("this store is swept by whoever keeps it")
	}
	ref := put(t, s, "a/b/c", "value")
	if removed, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); removed != 0 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	if read(t, s, ref) != "value" {
		t.Error("what is young is gone")
	}
	if removed, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); removed != 1 || err != nil {
		t.Errorf("removed %d, %v", removed, err)
	}
	if _, err := s.Open(t.Context(), ref); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("after the sweep: %v", err)
	}
	put(t, s, "a/b/c", "again")
}

func testConcurrent(t *testing.T, s Store, _ func(string, []byte)) {
	contents := [][]byte{bytes.Repeat([]byte("a"), 70_000), bytes.Repeat([]byte("b"), 90_000)}
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			for range 10 {
				ref, err := s.PutContent(t.Context(), "deep/er", bytes.NewReader(contents[i%2]))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.ReadAll(t.Context(), ref, plenty); err != nil {
					t.Error(err)
				}
				if s, ok := s.(Sweeper); ok {
					if _, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

func testClaim(t *testing.T, s Store, _ func(string, []byte)) {
	const key = "runs/a/a-0.applied"
	if by, claimed, err := s.Claimant(t.Context(), key); by != "" || claimed || err != nil {
		t.Errorf("before the claim: %q, %v, %v", by, claimed, err)
	}
	won := make(chan string, 50)
	var all sync.WaitGroup
	for i := range cap(won) {
		all.Go(func() {
			by := fmt.Sprintf("b-%d", i)
			switch err := s.Claim(t.Context(), key, by); {
			case err == nil:
				won <- by
			case !errors.Is(err, artifact.ErrClaimed):
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(won)
	winner := <-won
	if more := len(won); winner == "" || more > 0 {
		t.Fatalf("%q and %d more claimed the key", winner, more)
	}
	if err := s.Claim(t.Context(), key, winner); !errors.Is(err, artifact.ErrClaimed) {
		t.Errorf("the winner claims again: %v", err)
	}
	if by, claimed, err := s.Claimant(t.Context(), key); by != winner || !claimed || err != nil {
		t.Errorf("%q, %v, %v claimed it, want %q", by, claimed, err, winner)
	}
	if err := s.Claim(t.Context(), "../x", "y"); err == nil {
		t.Error("a key outside of the store was claimed")
	}
}
