package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// used is the content of a database file after some work. closed says that the
// server ended in order; else it was killed, and its log is lost.
func used(t *testing.T, closed bool) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "used.db")
	s := open(t, file)
	for i := range 50 {
		d := storetest.Delivery(fmt.Sprint("guid-", i))
		d.Payload = bytes.Repeat([]byte("x"), 3000)
		storetest.Must[bool](t)(s.PutDelivery(t.Context(), d))
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Half of a database file must not look like a new one: every run, lock and
// approval in it would be forgotten without a word.
func TestADamagedStoreIsNotOpened(t *testing.T) {
	whole, killed := used(t, true), used(t, false)
	page := func(n int) []byte {
		content := bytes.Clone(whole)
		copy(content[n*4096:], bytes.Repeat([]byte{0xff}, 4096))
		return content
	}
	damaged := map[string][]byte{
		"half of the file":                        whole[:len(whole)/2],
		"half of the file, killed, its log gone":  killed[:len(killed)/2],
		"its first page alone":                    whole[:4096],
		"a part of its first page":                whole[:1000],
		"a part of a page too little":             whole[:len(whole)-100],
		"one page too little":                     whole[:len(whole)-4096],
		"nothing":                                 {},
		"its first page overwritten":              page(0),
		"a page in the middle overwritten":        page(len(whole) / 4096 / 2),
		"its last page overwritten":               page(len(whole)/4096 - 1),
		"something else":                          []byte(strings.Repeat("no database ", 1000)),
		"the second half all zeros, as lost data": append(bytes.Clone(whole[:len(whole)/2]), make([]byte, len(whole)-len(whole)/2)...),
	}
	for name, content := range damaged {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "test.db")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), file)
			if err == nil {
				_ = s.Close()
				t.Fatal("it was opened")
			}
			if text := err.Error(); !strings.Contains(text, "is damaged") || !strings.Contains(text, `docs/operations.md, "The store is damaged"`) {
				t.Errorf("the sentence does not lead on: %v", err)
			}
			if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, content) {
				t.Errorf("what is left of it was changed: %v", err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := open(t, file).PendingDeliveries(context.Background(), storetest.Noon, 100); err != nil || len(n) != 50 {
		t.Errorf("the whole file has %d deliveries, %v", len(n), err)
	}
}

// A first start that could not write leaves nothing that the next one takes for
// a damaged store.
func TestAStoreThatWasNeverBegunIsBegunAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ctx, file); err == nil {
		t.Fatal("it was opened", s.Close())
	}
	open(t, file)
}
