package project

import (
	"context"
	"errors"
	"io"
)

// Index remembers, per blob, what a Terraform file refers to, so that each version
// of a file is read and parsed once. It is safe for concurrent use; the zero
// value is empty and ready.
type Index struct{}

// Graph reads what is new in tree and returns how its directories refer to each other.
// Broken files do not fail it: see [Graph.Problems].
func (ix *Index) Graph(ctx context.Context, tree Tree) (*Graph, error) {
	return nil, errors.New("reading module graph: not built yet")
}

// Save writes the index so that a restart stays warm.
func (ix *Index) Save(w io.Writer) error { return nil }

// Load adds what Save wrote. A damaged or foreign file adds nothing and is no error: the index
// then fills itself again from the trees.
func (ix *Index) Load(r io.Reader) error { return nil }
