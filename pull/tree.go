package pull

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper/project"
)

// Tree is every file of one commit, and of those of its submodules that
// Submodules.Fill brought.
type Tree struct {
	mirror *Mirror
	sha    string
	filled *filled // nil: it has none, or they were not requested
}

var _ project.Tree = (*Tree)(nil)

// Tree returns the files of a commit that was fetched. It reads nothing yet.
func (m *Mirror) Tree(_ context.Context, sha string) (*Tree, error) {
	if err := checkSHA(sha); err != nil {
		return nil, fmt.Errorf("reading tree: %w", err)
	}
	return &Tree{mirror: m, sha: sha}, nil
}

// Files returns every file of the commit, sorted by path, without sizes (git
// would have to open each). Submodules are not files and not listed. The slice
// is shared: callers do not change it.
func (t *Tree) Files(ctx context.Context) ([]project.File, error) {
	l, err := t.list(ctx)
	return l.files, err
}

// list returns everything that the commit has.
func (t *Tree) list(ctx context.Context) (listing, error) {
	if t.filled != nil {
		return t.filled.listing, nil
	}
	if listed, there := t.mirror.trees.get(*t); there {
		return listed, nil
	}
	l, err := t.read(ctx)
	if err == nil {
		t.mirror.trees.put(l)
	}
	return l, err
}

// read asks git what the commit has, without its submodules.
func (t *Tree) read(ctx context.Context) (listing, error) {
	printed, err := output(ctx, git(ctx, t.mirror.dir, "ls-tree", "-r", "-z", "--full-tree", t.sha))
	if err != nil {
		return listing{}, fmt.Errorf("listing the files of %s: %w", t.sha, err)
	}
	files, submodules, err := parseListing(printed)
	if err != nil {
		return listing{}, fmt.Errorf("listing the files of %s: %w", t.sha, err)
	}
	return listing{*t, files, submodules}, nil
}

// Submodules are the paths of the commit's submodules that are not filled, sorted.
func (t *Tree) Submodules(ctx context.Context) ([]string, error) {
	l, err := t.list(ctx)
	paths := make([]string, len(l.submodules))
	for i, s := range l.submodules {
		paths[i] = s.Path
	}
	return paths, err
}

// ID is equal for commits that have the same files: the object id of the tree, and what
// became of its submodules.
func (t *Tree) ID(ctx context.Context) (string, error) {
	printed, err := t.mirror.fact(ctx, "rev-parse", "--verify", "--end-of-options", t.sha+"^{tree}")
	if err != nil {
		return "", fmt.Errorf("looking up the tree of %s: %w", t.sha, err)
	}
	id := strings.TrimSpace(printed)
	if t.filled != nil {
		id += " " + t.filled.id()
	}
	return id, nil
}

// parseListing reads "<mode> <type> <id>\t<path>\0" repeated. All strings share
// one copy of the listing: thousands of small allocations would cost more than
// git takes to print it.
func parseListing(text string) (files, submodules []project.File, err error) {
	files = make([]project.File, 0, strings.Count(text, "\x00"))
	for len(text) > 0 {
		entry, rest, ended := strings.Cut(text, "\x00")
		meta, path, ok1 := strings.Cut(entry, "\t")
		mode, meta, ok2 := strings.Cut(meta, " ")
		kind, blob, ok3 := strings.Cut(meta, " ")
		if !ended || !ok1 || !ok2 || !ok3 {
			return nil, nil, fmt.Errorf("git printed an entry that is none: %.200q", entry)
		}
		bits, err := strconv.ParseUint(mode, 8, 32)
		if err != nil {
			return nil, nil, fmt.Errorf("git printed the mode %q: %w", mode, err)
		}
		file := project.File{Path: path, Blob: blob, Mode: uint32(bits)}
		if kind == "blob" {
			files = append(files, file)
		} else {
			submodules = append(submodules, file)
		}
		text = rest
	}
	return files, submodules, nil
}

// Read gives the content of each of the files to each, in their order, from one
// git process for each submodule. The content is only valid during the call. An error of each ends
// the reading and is returned. A file over Limits.FileBytes is a RefusedError.
func (t *Tree) Read(ctx context.Context, files []project.File, each func(file project.File, content []byte) error) error {
	limit := t.mirror.limits.FileBytes
	var content []byte
	return t.stream(ctx, files, func(file project.File, size int64, r io.Reader) error {
		if size > limit {
			return &RefusedError{Path: file.Path, Reason: fmt.Sprintf("the file has %d bytes, the limit is %d", size, limit)}
		}
		content = slices.Grow(content[:0], int(size))[:size]
		if _, err := io.ReadFull(r, content); err != nil {
			return endedEarly(err)
		}
		return each(file, content[:size:size])
	})
}

// stream gives the content of each of the files to each, in their order, from one
// git process for each submodule. What each leaves of it is passed over.
func (t *Tree) stream(ctx context.Context, files []project.File, each func(file project.File, size int64, content io.Reader) error) error {
	for t.filled != nil && len(files) > 0 {
		n := slices.IndexFunc(files, func(f project.File) bool { return f.Submodule != files[0].Submodule })
		if n < 0 {
			n = len(files)
		}
		if err := t.filled.of(files[0]).tree.stream(ctx, files[:n], each); err != nil {
			return err
		}
		files = files[n:]
	}
	if len(files) == 0 {
		return nil
	}
	var ask strings.Builder
	for _, file := range files {
		if err := checkSHA(file.Blob); err != nil {
			return fmt.Errorf("reading %s: %w", file.Path, err)
		}
		ask.WriteString(file.Blob + "\n")
	}
	cmd := git(ctx, t.mirror.dir, "cat-file", "--batch", "--buffer")
	cmd.Stdin = strings.NewReader(ask.String())
	err := stream(ctx, cmd, func(r io.Reader) error {
		return readBatch(r, files, each)
	})
	if err != nil {
		return fmt.Errorf("reading files of %s: %w", t.sha, err)
	}
	return nil
}

// readBatch reads "<id> <type> <size>\n<content>\n" for each file.
func readBatch(r io.Reader, files []project.File, each func(project.File, int64, io.Reader) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for _, file := range files {
		size, err := readBatchHeader(in, file)
		if err != nil {
			return err
		}
		content := &io.LimitedReader{R: in, N: size}
		if err := each(file, size, content); err != nil {
			return err
		}
		left := content.N + 1 // with the line feed that follows
		if _, err := io.CopyN(io.Discard, in, left); err != nil {
			return endedEarly(err)
		}
	}
	return nil
}

// readBatchHeader reads "<id> blob <size>\n" and returns the size in bytes.
func readBatchHeader(in *bufio.Reader, file project.File) (int64, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, endedEarly(err)
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != file.Blob || fields[1] != "blob" {
		return 0, fmt.Errorf("%q: git has no such content: %s", file.Path, strings.TrimSpace(line))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", file.Path, err)
	}
	return size, nil
}

// endedEarly names an end that came too soon. stream then asks git why.
func endedEarly(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// listings remembers the last few listings, the newest first: one plan looks
// at the same two commits several times.
type listings struct {
	mu   sync.Mutex
	last []listing // guarded by mu
}

type listing struct {
	of         Tree
	files      []project.File
	submodules []project.File // in files' order; their Blob is a commit
}

const maxListings = 4

func (l *listings) get(of Tree) (listing, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, listed := range l.last {
		if listed.of == of {
			return listed, true
		}
	}
	return listing{}, false
}

func (l *listings) put(of listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append([]listing{of}, l.last[:min(len(l.last), maxListings-1)]...)
}
