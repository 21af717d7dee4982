package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Open returns a reader of the artifact. It gives io.EOF only after all bytes
// were read and match the Ref; otherwise it ends in ErrChanged. So nothing may
// be acted upon before io.EOF was seen. A missing artifact is ErrNotFound, one
// that none of Keys reads ErrSealed.
func (d *Dir) Open(_ context.Context, ref Ref) (io.ReadCloser, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	f, err := d.root.Open(ref.Key)
	if err != nil {
		return nil, fmt.Errorf("opening artifact %s: %w", ref.Key, err)
	}
	content, err := d.Keys.open(f, ref.Size)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening artifact %s: %w", ref.Key, err), f.Close())
	}
	return Verify(ref, opened{content, f}), nil
}

// opened reads the content of a file and closes the file.
type opened struct {
	io.Reader
	io.Closer
}

// ReadAll returns the verified bytes of an artifact of at most max bytes;
// a larger one is ErrTooLarge without being read.
func (d *Dir) ReadAll(ctx context.Context, ref Ref, max int64) ([]byte, error) {
	return ReadAll(ctx, d.Open, ref, max)
}

// ReadAll is Dir.ReadAll for any store, by its Open.
func ReadAll(ctx context.Context, open func(context.Context, Ref) (io.ReadCloser, error), ref Ref, max int64) ([]byte, error) {
	if ref.Size > max {
		return nil, fmt.Errorf("artifact %s has %d bytes of at most %d: %w", ref.Key, ref.Size, max, ErrTooLarge)
	}
	r, err := open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	content := make([]byte, ref.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", ref.Key, err)
	}
	// The digest is checked where the content ends.
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, err
	}
	return content, nil
}

// Verify passes the bytes of from on and ends in ErrChanged when they are not
// those that ref names, as described at Dir.Open.
func Verify(ref Ref, from io.ReadCloser) io.ReadCloser {
	return &verifier{ref: ref, from: from, digest: sha256.New()}
}

// verifier passes bytes on and compares size and digest with the Ref.
type verifier struct {
	ref    Ref
	from   io.ReadCloser
	digest hash.Hash
	read   int64
	ended  error // what every further Read returns
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.ended != nil {
		return 0, v.ended
	}
	n, err := v.from.Read(p)
	v.digest.Write(p[:n])
	v.read += int64(n)
	switch {
	case v.read > v.ref.Size: // nobody needs the rest
		n, err = 0, v.changed()
	case err == io.EOF && hex.EncodeToString(v.digest.Sum(nil)) != v.ref.SHA256:
		n, err = 0, v.changed()
	}
	v.ended = err
	return n, err
}

func (v *verifier) changed() error {
	return fmt.Errorf("artifact %s: %w", v.ref.Key, ErrChanged)
}

func (v *verifier) Close() error { return v.from.Close() }
