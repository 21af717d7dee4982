package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/project"
)

// WorkTree is the files below a directory that git tracks or would add: what a
// person is about to push. It reads the disk at each call.
type WorkTree struct{ Dir string }

var _ project.Tree = WorkTree{}

// Files lists the files, those of submodules that are checked out included; their
// Blob is a digest of the content, which serves the same purpose as git's.
func (t WorkTree) Files(ctx context.Context) ([]project.File, error) {
	names, err := t.list(ctx, "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return nil, err
	}
	var files []project.File
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(t.Dir, name))
		if err != nil || info.IsDir() {
			continue // deleted in the work tree, or a submodule
		}
		f := project.File{Path: name, Mode: 0o100644, Size: info.Size()}
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
	here, _, err := t.submodules(ctx)
	if err != nil {
		return nil, err
	}
	for _, at := range here {
		inner, err := WorkTree{Dir: filepath.Join(t.Dir, at)}.Files(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range inner {
			f.Path, f.Submodule = path.Join(at, f.Path), path.Join(at, f.Submodule)
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b project.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// Submodules lists the submodules that are not checked out.
func (t WorkTree) Submodules(ctx context.Context) ([]string, error) {
	here, out, err := t.submodules(ctx)
	if err != nil {
		return nil, err
	}
	for _, at := range here {
		inner, err := WorkTree{Dir: filepath.Join(t.Dir, at)}.Submodules(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range inner {
			out = append(out, path.Join(at, name))
		}
	}
	slices.Sort(out)
	return out, nil
}

// submodules lists those that are checked out, and those that are not.
func (t WorkTree) submodules(ctx context.Context) (here, missing []string, err error) {
	entries, err := t.list(ctx, "--stage")
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries { // "<mode> <id> <stage>\t<path>"
		meta, name, _ := strings.Cut(entry, "\t")
		if !strings.HasPrefix(meta, "160000 ") {
			continue
		}
		if _, err := os.Lstat(filepath.Join(t.Dir, name, ".git")); err == nil {
			here = append(here, name)
		} else {
			missing = append(missing, name)
		}
	}
	return here, missing, nil
}

func (t WorkTree) list(ctx context.Context, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"ls-files", "-z"}, args...)...)
	cmd.Dir = t.Dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files of %q (is it a git repository?): %w", t.Dir, err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
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
