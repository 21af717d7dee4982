package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/project"
)

// WorkTree is the files below a directory that git tracks or would add: what a
// person is about to push. It reads the disk at each call.
type WorkTree struct{ Dir string }

var _ project.Tree = WorkTree{}

// Files lists the files; their Blob is a digest of the content, which serves
// the same purpose as git's.
func (t WorkTree) Files(ctx context.Context) ([]project.File, error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	cmd.Dir = t.Dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files of %q (is it a git repository?): %w", t.Dir, err)
	}
	var files []project.File
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(t.Dir, path))
		if err != nil || info.IsDir() {
			continue // deleted in the work tree, or a submodule
		}
		f := project.File{Path: path, Mode: 0o100644, Size: info.Size()}
		if info.Mode()&os.ModeSymlink != 0 {
			f.Mode = project.ModeSymlink
		}
		content, err := t.content(f)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		f.Blob = hex.EncodeToString(sum[:])
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b project.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// Read gives the content of files.
func (t WorkTree) Read(_ context.Context, files []project.File, each func(project.File, []byte) error) error {
	for _, f := range files {
		content, err := t.content(f)
		if err != nil {
			return err
		}
		if err := each(f, content); err != nil {
			return err
		}
	}
	return nil
}

// content is what git stores: of a symbolic link, where it leads.
func (t WorkTree) content(f project.File) ([]byte, error) {
	name := filepath.Join(t.Dir, f.Path)
	if f.Mode == project.ModeSymlink {
		target, err := os.Readlink(name)
		if err != nil {
			return nil, fmt.Errorf("reading the link %q: %w", f.Path, err)
		}
		return []byte(target), nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", f.Path, err)
	}
	return content, nil
}
