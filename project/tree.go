package project

import "context"

// File modes as git stores them in a tree
// (gitformat-index(5), "32-bit mode"). Only these matter here.
const (
	ModeSymlink uint32 = 0o120000
	ModeGitlink uint32 = 0o160000
	modeTypes   uint32 = 0o170000
)

// File is one blob of a commit.
type File struct {
	Path string // slash-separated, relative to the repository's root, clean
	Blob string // git object id; equal ids mean equal contents
	Mode uint32 // git file mode, such as 0o100644
	Size int64  // bytes; 0 when the tree does not know

	// Submodule is the path of the submodule that the file comes from, the innermost
	// one; empty: it is the repository's own.
	Submodule string
}

// Regular tells whether f is a plain file: no symlink, no submodule.
// Symlinks are never followed: their target is chosen by the pull request.
func (f File) Regular() bool {
	t := f.Mode & modeTypes
	return t != ModeSymlink && t != ModeGitlink
}

// Tree is one commit of a repository. It never changes, so every method may be
// called again, and at the same time, with the same answer.
type Tree interface {
	// Files returns every blob of the commit, and of the submodules that are here, sorted by Path in byte order.
	// The caller must not change the slice.
	Files(ctx context.Context) ([]File, error)
	// Submodules returns the paths of the submodules whose files are not among Files, sorted.
	Submodules(ctx context.Context) ([]string, error)
	// Read calls each once per file with its contents, in the order given. The bytes
	// are only valid during the call. An error from each ends the reading and is returned.
	// All files come in one call so that git answers from one process.
	Read(ctx context.Context, files []File, each func(File, []byte) error) error
}
