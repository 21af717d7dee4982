package artifact

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// incoming holds files that are still being written. It begins with a dot, so
// no key can name it.
const incoming = ".incoming"

// Dir is a directory of artifacts. Any number of goroutines and processes may
// use one directory at the same time. Make one with OpenDir.
type Dir struct {
	// Keys encrypt what Put stores, and read it; set them before use. Digest and
	// size of a Ref are those of the content, whatever is on disk. What PutContent
	// stores, which comes from a repository, and claims are in clear.
	Keys Keys

	root *os.Root
}

// OpenDir opens the directory, creating it (readable by this user alone) when
// it is missing. The caller closes it.
func OpenDir(name string) (*Dir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("creating artifact directory: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("opening artifact directory: %w", err)
	}
	if err := root.MkdirAll(incoming, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing artifact directory %s: %w", name, err), root.Close())
	}
	return &Dir{root: root}, nil
}

// Close gives the directory back to the operating system. Readers that are
// open stay usable.
func (d *Dir) Close() error { return d.root.Close() }

// Put stores everything that r gives under the key and returns when it is
// durable. Nobody ever sees a part of it: a crash, an error of r or a cancelled
// ctx leaves what was there before. Putting again replaces; a Ref to other
// bytes then ends in ErrChanged. A key cannot continue another one (a and a/b).
func (d *Dir) Put(ctx context.Context, key string, r io.Reader) (Ref, error) {
	if err := CheckKey(key); err != nil {
		return Ref{}, err
	}
	return d.put(ctx, r, d.Keys, func(string) string { return key })
}

// PutContent stores what r gives under prefix/<its SHA-256>. Putting the same
// bytes again gives the same Ref and makes the artifact young again for Sweep.
func (d *Dir) PutContent(ctx context.Context, prefix string, r io.Reader) (Ref, error) {
	if err := CheckKey(prefix + "/" + hex.EncodeToString(make([]byte, sha256.Size))); err != nil {
		return Ref{}, err
	}
	return d.put(ctx, r, Keys{}, func(digest string) string { return prefix + "/" + digest })
}

// put writes r to a temporary file and then gives it the name that keyOf makes
// of its digest.
func (d *Dir) put(ctx context.Context, r io.Reader, keys Keys, keyOf func(digest string) string) (Ref, error) {
	temp := path.Join(incoming, rand.Text())
	defer func() { _ = d.root.Remove(temp) }() // gone already when it was renamed
	ref, err := d.write(ctx, temp, r, keys)
	if err != nil {
		return Ref{}, fmt.Errorf("storing artifact: %w", err)
	}
	ref.Key = keyOf(ref.SHA256)
	if err := d.publish(temp, ref.Key); err != nil {
		return Ref{}, fmt.Errorf("storing artifact %s: %w", ref.Key, err)
	}
	return ref, nil
}

func (d *Dir) write(ctx context.Context, temp string, r io.Reader, keys Keys) (Ref, error) {
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Ref{}, err
	}
	ref, err := copySealed(f, ContextReader(ctx, r), keys)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return Ref{}, err
	}
	return ref, nil
}

// copySealed copies all of r to w, encrypted, and returns what it was.
func copySealed(w io.Writer, r io.Reader, keys Keys) (Ref, error) {
	sealed, err := keys.Seal(w)
	if err != nil {
		return Ref{}, err
	}
	digest := sha256.New()
	size, err := io.Copy(io.MultiWriter(sealed, digest), r)
	if err == nil {
		err = sealed.Close()
	}
	return Ref{SHA256: hex.EncodeToString(digest.Sum(nil)), Size: size}, err
}

// publish renames temp to key and makes the new name survive a power cut. It
// tries twice because Sweep may remove the directory, empty until now, between
// the two calls.
func (d *Dir) publish(temp, key string) error {
	parent := path.Dir(key)
	for range 2 {
		top := d.existing(parent)
		if err := d.root.MkdirAll(parent, 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err := d.root.Rename(temp, key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		return d.syncUp(parent, top)
	}
	return fmt.Errorf("directory %s: %w", parent, fs.ErrNotExist)
}

// existing is the lowest directory at or above dir that is there: what lies
// below it is new, and so is its entry in the directory above.
func (d *Dir) existing(dir string) string {
	for dir != "." {
		if _, err := d.root.Stat(dir); err == nil {
			break
		}
		dir = path.Dir(dir)
	}
	return dir
}

// syncUp makes the entries of dir and of the directories above it, up to top,
// durable. Those above top were made durable when they were made.
func (d *Dir) syncUp(dir, top string) error {
	for ; ; dir = path.Dir(dir) {
		f, err := d.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if dir == top || dir == "." {
			return nil
		}
	}
}

// Delete removes the artifact. Removing what is not there is no error.
func (d *Dir) Delete(_ context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := d.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting artifact %s: %w", key, err)
	}
	return nil
}

// Sweep removes every artifact that was last put before the time, what crashed
// writers left behind, and directories that became empty. It returns how many
// artifacts went. It may run beside everything else.
func (d *Dir) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	var dirs []string
	walk := func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // someone else removed it
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && name != incoming {
				dirs = append(dirs, name)
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			return ignoreMissing(err)
		}
		if err := d.root.Remove(name); err != nil {
			return ignoreMissing(err)
		}
		if path.Dir(name) != incoming {
			removed++
		}
		return nil
	}
	if err := fs.WalkDir(d.root.FS(), ".", walk); err != nil {
		return removed, fmt.Errorf("sweeping artifacts: %w", err)
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = d.root.Remove(dirs[i]) // refused by the system while anything is in it
	}
	return removed, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ContextReader reads from r and ends with the context's error once the context
// is done.
func ContextReader(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
