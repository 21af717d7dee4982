package runner

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// putMade stores the files that planning made, as one archive. Equal files make an
// equal one.
func (j *job) putMade(ctx context.Context, key string) (run.Artifact, error) {
	from, to := io.Pipe()
	go func() { to.CloseWithError(j.packMade(to)) }()
	defer func() { _ = from.Close() }()
	return j.store.Put(ctx, key, from)
}

func (j *job) packMade(to io.Writer) error {
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, f := range j.made.files {
		if err := f.pack(root, archive); err != nil {
			return fmt.Errorf("packing %.200q: %w", f.name, err)
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

func (f madeFile) pack(root *os.Root, to *tar.Writer) error {
	switch {
	case f.to != "":
		return to.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: f.name, Mode: 0o777, Linkname: f.to})
	case f.directory:
		return to.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: f.name, Mode: 0o755})
	case f.committed: // the commit has its content
		return to.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: f.name, Linkname: f.name, Mode: 0o755})
	}
	from, err := openPlain(root, f.name, f.size)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	mode := int64(0o644)
	if f.executable {
		mode = 0o755
	}
	if err := to.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: mode, Size: f.size}); err != nil {
		return err
	}
	_, err = io.CopyN(to, from, f.size)
	return err
}

// bring lays the files that planning made beside those of the commit, where no program
// has run yet.
func (j *job) bring(ctx context.Context) *run.Problem {
	return j.bringThose(ctx, func(name string) bool { return !j.inModule(name) })
}

// bringIntoModules does that for files that lie in modules from elsewhere, which init
// installs again.
func (j *job) bringIntoModules(ctx context.Context) *run.Problem {
	return j.bringThose(ctx, j.inModule)
}

// inModule reports whether a file lies in a module that init installs.
func (j *job) inModule(name string) bool { return strings.HasPrefix(name, j.modulesAt()+"/") }

func (j *job) bringThose(ctx context.Context, which func(name string) bool) *run.Problem {
	if j.doc.Plan.Made == nil {
		return nil
	}
	err := j.unpackMade(ctx, which)
	if errors.Is(err, artifact.ErrUnsafe) {
		return planMismatch(plain(err.Error()))
	}
	return storedProblem(ctx, err)
}

func (j *job) unpackMade(ctx context.Context, which func(name string) bool) error {
	archive, err := j.store.Open(ctx, *j.doc.Plan.Made)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	source, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	var brought []string
	marked := int64(0)
	err = artifact.Unpack(archive, source, artifact.Limits{
		Files: run.MaxMadeFiles, FileBytes: run.MaxMadeBytes, Bytes: run.MaxMadeBytes,
		Accept: func(name string) (bool, error) {
			if !which(name) {
				return false, nil
			}
			brought = append(brought, name)
			return true, j.mayBring(source, name)
		},
		Directories: true,
		Executable: func(name string) error {
			if !which(name) {
				return nil
			}
			size, err := j.makeExecutable(source, name, run.MaxMadeBytes-marked)
			marked += size
			return err
		},
	})
	if err != nil {
		if _, changed := io.Copy(io.Discard, archive); errors.Is(changed, artifact.ErrChanged) {
			return changed
		}
		return fmt.Errorf("files that planning made: %w", err)
	}
	return j.give(source, brought)
}

// mayBring says why a file may not be laid out: its name is one that does not travel,
// or is there already, or a link leads its way elsewhere.
func (j *job) mayBring(source *os.Root, name string) error {
	if j.obeyed(name) {
		return fmt.Errorf("%w: Terraform or Git obeys files of that name", artifact.ErrUnsafe)
	}
	for at := name; at != "."; at = path.Dir(at) {
		for _, tree := range []*os.Root{j.tree, source} {
			info, err := tree.Lstat(at)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // what is no directory comes next
			case err != nil:
				return err
			case at == name || !info.IsDir():
				return fmt.Errorf("%w: %.200q is there already", artifact.ErrUnsafe, at)
			}
		}
	}
	return nil
}

// makeExecutable sets the mode of a plain file of the commit of at most so many bytes,
// and returns how many it has. It is the commit's, whatever the archive says.
func (j *job) makeExecutable(source *os.Root, name string, most int64) (int64, error) {
	dir := path.Dir(name)
	info, err := j.tree.Lstat(name)
	switch {
	case err != nil || !plainDirectory(j.tree, dir) || !info.Mode().IsRegular() || info.Mode().Perm() == 0:
		return 0, fmt.Errorf("%w: %.200q is no plain file of the commit", artifact.ErrUnsafe, name)
	case info.Size() > most:
		return 0, fmt.Errorf("%w: files with more than %d bytes were made executable", artifact.ErrUnsafe, int64(run.MaxMadeBytes))
	}
	if _, err := source.Lstat(name); errors.Is(err, fs.ErrNotExist) { // it lies in the shared tree alone
		if err := errors.Join(source.MkdirAll(dir, 0o755), copyFile(j.tree, source, name, 0o755)); err != nil {
			return 0, err
		}
	}
	return info.Size(), source.Chmod(name, 0o755)
}

// give makes files those of the user that terraform runs as, who has the rest of the
// tree: an apply that makes a file again writes over it.
func (j *job) give(source *os.Root, names []string) error {
	if os.Geteuid() != 0 || j.jail == nil { // a jail that begins is given all
		return nil
	}
	info, err := os.Stat(j.path("source"))
	if err != nil {
		return err
	}
	at, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the source has no owner")
	}
	for _, name := range names {
		for part := name; j.inModule(part); part = path.Dir(part) {
			if err := source.Lchown(part, int(at.Uid), int(at.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}
