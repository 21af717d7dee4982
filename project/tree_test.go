package project

import (
	"context"
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/tools/txtar"
)

// memTree is a commit in memory. It counts what is read, since reading is what costs in git.
type memTree struct {
	files []File
	data  map[string][]byte // by blob
	reads atomic.Int64      // files read so far

	lacking []string // submodules whose files are not here
}

func (t *memTree) Files(context.Context) ([]File, error)        { return t.files, nil }
func (t *memTree) Submodules(context.Context) ([]string, error) { return t.lacking, nil }

func (t *memTree) Read(ctx context.Context, files []File, each func(File, []byte) error) error {
	for _, f := range files {
		t.reads.Add(1)
		if err := each(f, t.data[f.Blob]); err != nil {
			return err
		}
	}
	return nil
}

func newTree(contents map[string]string) *memTree {
	t := &memTree{data: map[string][]byte{}}
	for name, text := range contents {
		mode := uint32(0o100644)
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			mode, text = ModeSymlink, target
		}
		blob := fmt.Sprintf("%x", sha1.Sum([]byte(text)))
		t.files = append(t.files, File{Path: name, Blob: blob, Mode: mode, Size: int64(len(text))})
		t.data[blob] = []byte(text)
	}
	slices.SortFunc(t.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return t
}

// txtarTree is a commit written as a txtar archive.
func txtarTree(text string) *memTree {
	contents := map[string]string{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		contents[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	return newTree(contents)
}

func graphOf(tb testing.TB, tree Tree) *Graph {
	tb.Helper()
	g, err := new(Index).Graph(tb.Context(), tree)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func mustParse(tb testing.TB, text string) Config {
	tb.Helper()
	cfg, err := Parse(ConfigFile, []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}
