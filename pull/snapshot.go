package pull

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/project"
)

// Limits bound what is read of a repository. A zero field means its default.
type Limits struct {
	Files     int   // in one source archive; default 50,000
	Bytes     int64 // of one source archive, before compression; default 512 MiB
	FileBytes int64 // of any file; default 100 MiB, which is what GitHub takes ("About large files on GitHub")
}

func (l Limits) orDefault() Limits {
	if l.Files == 0 {
		l.Files = 50_000
	}
	if l.Bytes == 0 {
		l.Bytes = 512 << 20
	}
	if l.FileBytes == 0 {
		l.FileBytes = 100 << 20
	}
	return l
}

// Snapshot describes a source archive that was written.
type Snapshot struct {
	SHA256 string // of the archive, lower-case hex
	Size   int64  // of the archive, in bytes
	Files  int    // in it
	Bytes  int64  // of the files, before compression
}

// RefusedError means that a snapshot cannot be made of these files, whoever
// asks and however often. Its text is for the pull request.
type RefusedError struct {
	Path   string // the file; empty when it is about all of them
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return fmt.Sprintf("%q: %s", e.Path, e.Reason)
}

// Snapshot writes a source archive to w: a tar compressed with zstd that holds
// the given files and everything below the given directories ("." or "" is the
// whole repository), sorted, each with the bytes of the commit and nothing else
// of it. Equal files give an equal archive. A path that is not in the commit is
// an fs.ErrNotExist.
//
// Symlinks become plain files that hold the link's text, submodules are left
// out, large-file pointers stay pointers, attributes and filters of the
// repository have no effect. Files that could change what terraform runs, and
// archives over the limits, are a RefusedError; w then holds an unusable part.
func (m *Mirror) Snapshot(ctx context.Context, tree *Tree, paths []string, w io.Writer) (Snapshot, error) {
	all, err := tree.Files(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	files, err := selectFiles(all, paths)
	if err == nil {
		err = m.limits.check(files)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("taking source of %s: %w", tree.sha, err)
	}
	snapshot, err := m.writeArchive(ctx, tree, files, w)
	if err != nil {
		return Snapshot{}, fmt.Errorf("archiving source of %s: %w", tree.sha, err)
	}
	return snapshot, nil
}

// selectFiles returns the files that are one of the paths or below one, in
// their order. It returns an error when a path selects nothing.
func selectFiles(all []project.File, paths []string) ([]project.File, error) {
	wanted := make(map[string]bool, len(paths)) // path -> found something
	for _, path := range paths {
		if path == "" {
			path = "."
		}
		if !utf8.ValidString(path) {
			return nil, &RefusedError{Path: path, Reason: forbidden(path)}
		}
		if !fs.ValidPath(path) {
			return nil, fmt.Errorf("%q is not a clean path inside the repository", path)
		}
		wanted[path] = false
	}
	var files []project.File
	for _, file := range all {
		if markWanted(wanted, file.Path) {
			files = append(files, file)
		}
	}
	for path, found := range wanted {
		if !found {
			return nil, fmt.Errorf("%q: %w", path, fs.ErrNotExist)
		}
	}
	return files, nil
}

// markWanted reports whether the path, or a directory that it is in, is wanted,
// and notes for each of them that it was found.
func markWanted(wanted map[string]bool, path string) bool {
	found := false
	mark := func(path string) {
		if _, ok := wanted[path]; ok {
			wanted[path], found = true, true
		}
	}
	mark(".")
	for i := range len(path) {
		if path[i] == '/' {
			mark(path[:i])
		}
	}
	mark(path)
	return found
}

// check refuses what no archive may hold.
func (l Limits) check(files []project.File) error {
	if len(files) > l.Files {
		return &RefusedError{Reason: fmt.Sprintf("the project reaches %d files, the limit is %d", len(files), l.Files)}
	}
	for _, file := range files {
		if reason := forbidden(file.Path); reason != "" {
			return &RefusedError{Path: file.Path, Reason: reason}
		}
	}
	return nil
}

func (m *Mirror) writeArchive(ctx context.Context, tree *Tree, files []project.File, w io.Writer) (Snapshot, error) {
	digest := sha256.New()
	counted := &counter{w: io.MultiWriter(w, digest)}
	// One goroutine: how the input is cut into blocks then depends on it alone.
	compressed, err := zstd.NewWriter(counted, zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return Snapshot{}, err
	}
	archive := tar.NewWriter(compressed)
	snapshot := Snapshot{Files: len(files)}
	err = tree.Read(ctx, files, func(file project.File, content []byte) error {
		snapshot.Bytes += int64(len(content))
		if snapshot.Bytes > m.limits.Bytes {
			return &RefusedError{Path: file.Path, Reason: fmt.Sprintf("with this file the project's source has more than %d bytes, the limit", m.limits.Bytes)}
		}
		return writeEntry(archive, file, content)
	})
	if err != nil {
		return Snapshot{}, err
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return Snapshot{}, err
	}
	snapshot.SHA256, snapshot.Size = hex.EncodeToString(digest.Sum(nil)), counted.n
	return snapshot, nil
}

func writeEntry(archive *tar.Writer, file project.File, content []byte) error {
	mode := int64(0o644)
	if file.Regular() && file.Mode&0o100 != 0 {
		mode = 0o755
	}
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file.Path, Mode: mode, Size: int64(len(content))})
	if err != nil {
		return fmt.Errorf("%q: %w", file.Path, err)
	}
	if _, err := archive.Write(content); err != nil {
		return fmt.Errorf("%q: %w", file.Path, err)
	}
	return nil
}

// counter counts the bytes that pass.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// forbidden says why a file may not be in an archive; empty means that it may.
func forbidden(path string) string {
	switch {
	case !fs.ValidPath(path):
		return "the name is not a clean path in UTF-8; rename it"
	case project.Forbidden(path):
		return "terraform writes or obeys files of this name, so they may not be committed; remove it"
	}
	for part := range strings.SplitSeq(strings.ToLower(path), "/") {
		if part == ".git" || part == "git~1" {
			return "names that git uses itself are not allowed; rename it"
		}
	}
	return ""
}
