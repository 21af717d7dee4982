package pull

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/links"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/project/forbidden"
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
	Files  int    // in it, links and what is left out included
	Bytes  int64  // of the files, before compression

	// Refused are what Terraform must not be given, or is given in another way than
	// a checkout shows it, sorted by path: projects that read one of them are not
	// run. A submodule stands for everything below it.
	Refused []RefusedError
}

// RefusedError means that a snapshot cannot be made of these files, no matter who
// asks and however often. Its text is for the pull request.
type RefusedError struct {
	Path   string // the file; empty when it is about all of them
	Reason string
	Held   bool // the archive has it all the same, as a checkout does
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
// of it, and what Submodules.Fill brought. Equal files give an equal archive. A path that is not in the commit is
// an fs.ErrNotExist.
//
// Symbolic links are links; attributes and filters of the repository have no
// effect, except that the content of Git's large files (LFS), where FetchLarge
// brought it, is in the place of their pointers. What cannot be had as in a checkout is
// a file without mode and content, which nobody can read: a link that leaves the
// commit, a pointer whose content is not here, a submodule, a file over
// Limits.FileBytes. Those, and names that terraform obeys or no archive can hold,
// are in Snapshot.Refused.
//
// A commit over the limits is a *RefusedError; w then holds an unusable part.
func (m *Mirror) Snapshot(ctx context.Context, tree *Tree, paths []string, w io.Writer) (Snapshot, error) {
	s, err := m.snapshot(ctx, tree, paths, w)
	if err != nil {
		return Snapshot{}, fmt.Errorf("archiving source of %s: %w", tree.sha, err)
	}
	return s, nil
}

func (m *Mirror) snapshot(ctx context.Context, tree *Tree, paths []string, w io.Writer) (Snapshot, error) {
	all, err := tree.list(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	files, err := selectFiles(all, paths)
	if err != nil {
		return Snapshot{}, err
	}
	if len(files) > m.limits.Files {
		return Snapshot{}, &RefusedError{Reason: fmt.Sprintf("The commit has %d files, and a source may have %d. %s", len(files), m.limits.Files, narrow)}
	}
	set, err := tree.links(ctx, all.files)
	if err != nil {
		return Snapshot{}, err
	}
	digest := sha256.New()
	counted := &counter{w: io.MultiWriter(w, digest)}
	// One goroutine: how the input is cut into blocks then depends on it alone.
	compressed, err := zstd.NewWriter(counted, zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return Snapshot{}, err
	}
	a := archiver{tar: tar.NewWriter(compressed), limits: m.limits, links: set, tree: tree}
	if err := a.addAll(ctx, files); err != nil {
		return Snapshot{}, err
	}
	if err := errors.Join(a.tar.Close(), compressed.Close()); err != nil {
		return Snapshot{}, err
	}
	a.done.SHA256, a.done.Size = hex.EncodeToString(digest.Sum(nil)), counted.n
	return a.done, nil
}

// narrow is what helps where a commit is too large.
const narrow = "Your Lockkeeper administrator can set `source: reach` for this repository, so that a job gets only what its project reaches."

// selectFiles returns the files and submodules that are one of the paths or below
// one, sorted. It returns an error when a path selects nothing.
func selectFiles(all listing, paths []string) ([]project.File, error) {
	wanted := make(map[string]bool, len(paths)) // path -> found something
	for _, path := range paths {
		if path == "" {
			path = "."
		}
		if !utf8.ValidString(path) {
			return nil, &RefusedError{Path: path, Reason: nameRefused(path)}
		}
		if !fs.ValidPath(path) {
			return nil, fmt.Errorf("%q is not a clean path inside the repository", path)
		}
		wanted[path] = false
	}
	var files []project.File
	for _, list := range [][]project.File{all.files, all.submodules} {
		for _, file := range list {
			if markWanted(wanted, file.Path) {
				files = append(files, file)
			}
		}
	}
	for path, found := range wanted {
		if !found {
			return nil, fmt.Errorf("%q: %w", path, fs.ErrNotExist)
		}
	}
	if len(all.submodules) > 0 {
		slices.SortFunc(files, func(a, b project.File) int { return strings.Compare(a.Path, b.Path) })
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

// links reads every symbolic link of the commit.
func (t *Tree) links(ctx context.Context, files []project.File) (links.Set, error) {
	files = slices.DeleteFunc(slices.Clone(files), func(f project.File) bool { return !isLink(f) })
	set := make(links.Set, len(files))
	err := t.stream(ctx, files, func(file project.File, _ int64, content io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(content, links.MaxTarget+1))
		set[file.Path] = string(text)
		return err
	})
	return set, err
}

func isLink(f project.File) bool      { return f.Mode == project.ModeSymlink }
func isSubmodule(f project.File) bool { return f.Mode == project.ModeGitlink }

// archiver writes one archive.
type archiver struct {
	tar    *tar.Writer
	limits Limits
	links  links.Set // of the whole commit
	tree   *Tree
	done   Snapshot
}

// addAll adds files, sorted.
func (a *archiver) addAll(ctx context.Context, files []project.File) error {
	hasContent := func(f project.File) bool { return f.Regular() && nameRefused(f.Path) == "" }
	next := 0
	until := func(path string) error { // those without content that come first
		for ; next < len(files) && files[next].Path != path; next++ {
			if err := a.addOther(files[next]); err != nil {
				return err
			}
		}
		next++
		return nil
	}
	content := slices.DeleteFunc(slices.Clone(files), func(f project.File) bool { return !hasContent(f) })
	err := a.tree.stream(ctx, content, func(file project.File, size int64, content io.Reader) error {
		if err := until(file.Path); err != nil {
			return err
		}
		return a.add(file, size, content)
	})
	if err != nil {
		return err
	}
	return until("")
}

// addOther adds what is no plain file.
func (a *archiver) addOther(file project.File) error {
	if reason := nameRefused(file.Path); reason != "" {
		a.refuse(file.Path, reason)
		return nil // there is no way to hold it
	}
	a.refuseForbidden(file.Path)
	if isSubmodule(file) {
		return a.leaveOut(file.Path, a.tree.notFilled(file.Path))
	}
	err := a.links.Check(file.Path)
	if err == nil {
		return a.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: file.Path, Mode: 0o777, Linkname: a.links[file.Path]})
	}
	if errors.Is(err, links.ErrLeaves) {
		return a.leaveOut(file.Path, "it is a symbolic link that leaves the repository, where a job has nothing; let it lead to a file of this repository")
	}
	return a.leaveOut(file.Path, "it is a symbolic link whose text is no path; remove it, or create it again")
}

// add adds a plain file.
func (a *archiver) add(file project.File, size int64, content io.Reader) error {
	a.refuseForbidden(file.Path)
	if size > a.limits.FileBytes {
		return a.leaveOut(file.Path, fmt.Sprintf("the file has %d bytes, the limit is %d", size, a.limits.FileBytes))
	}
	if size <= maxPointer {
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
		if p, isPointer := parsePointer(text); isPointer {
			return a.addLarge(file, p)
		}
	}
	return a.write(file, size, content)
}

// addLarge adds the content that a pointer stands for.
func (a *archiver) addLarge(file project.File, p pointer) error {
	large := a.tree.mirrorOf(file).large()
	stored, err := large.open(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.leaveOut(file.Path, large.missing(p))
	case err != nil:
		return fmt.Errorf("%q: %w", file.Path, err)
	}
	defer func() { _ = stored.Close() }()
	return a.write(file, p.size, stored)
}

func (a *archiver) write(file project.File, size int64, content io.Reader) error {
	if a.done.Bytes += size; a.done.Bytes > a.limits.Bytes {
		return &RefusedError{Reason: fmt.Sprintf("The commit has more than %d bytes, which is what a source may have. %s", a.limits.Bytes, narrow)}
	}
	mode := int64(0o644)
	if file.Mode&0o100 != 0 {
		mode = 0o755
	}
	if err := a.header(&tar.Header{Typeflag: tar.TypeReg, Name: file.Path, Mode: mode, Size: size}); err != nil {
		return err
	}
	if _, err := io.CopyN(a.tar, content, size); err != nil {
		return fmt.Errorf("%q: %w", file.Path, endedEarly(err))
	}
	return nil
}

func (a *archiver) header(h *tar.Header) error {
	a.done.Files++
	if err := a.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("%q: %w", h.Name, err)
	}
	return nil
}

// leaveOut puts a file that nobody can read where something cannot be had.
func (a *archiver) leaveOut(path, reason string) error {
	a.refuse(path, reason)
	return a.header(&tar.Header{Typeflag: tar.TypeReg, Name: path})
}

func (a *archiver) refuse(path, reason string) {
	a.done.Refused = append(a.done.Refused, RefusedError{Path: path, Reason: reason})
}

func (a *archiver) refuseForbidden(path string) {
	if forbidden.Name(path) {
		a.refuse(path, "terraform writes or obeys files of this name, so they may not be committed; remove it")
		a.done.Refused[len(a.done.Refused)-1].Held = true
	}
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

// nameRefused says why no archive can hold a name; empty means that it can.
func nameRefused(path string) string {
	if !fs.ValidPath(path) {
		return "the name is not a clean path in UTF-8; rename it"
	}
	for part := range strings.SplitSeq(strings.ToLower(path), "/") {
		if part == ".git" || part == "git~1" {
			return "names that git uses itself are not allowed; rename it"
		}
	}
	return ""
}
