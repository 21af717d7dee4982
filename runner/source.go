package runner

import (
	"context"
	"errors"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/links"
	"github.com/lockkeeper/lockkeeper/project/forbidden"
	"github.com/lockkeeper/lockkeeper/run"
)

// unpack lays out the source and finds the project's directory in it.
func (j *job) unpack(ctx context.Context) *run.Problem {
	dir := path.Clean(j.doc.Project.Dir)
	if !filepath.IsLocal(dir) {
		return refusedValue("dir", dir)
	}
	if err := j.layOut(ctx, dir); err != nil {
		return sourceProblem(ctx, err)
	}
	if p := j.refuseForbidden(dir); p != nil {
		return p
	}
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return unexpected(err)
	}
	defer func() { _ = root.Close() }()
	if j.doc.Project.FromModule != "" {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return unexpected(err)
		}
	}
	info, err := root.Stat(dir)
	if err != nil || !info.IsDir() {
		return directoryMissing(dir)
	}
	j.dir = filepath.Join(j.path("source"), dir)
	return nil
}

// layOut lays out the tree of the commit: over the one that jobs share, or unpacked
// for this job alone.
func (j *job) layOut(ctx context.Context, dir string) error {
	if shared, err := j.share(ctx, dir); shared || err != nil {
		return err
	}
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err
	}
	j.tree = root
	n := noting{commit: &j.commit, lock: path.Join(dir, lockFile), digests: map[string]hash.Hash{}}
	if j.doc.Command == run.KindPlan {
		j.commit.plain = newPlainFiles()
	}
	j.commit.links = links.Set{}
	if err := j.unpackInto(ctx, root, artifact.Limits{Note: n.note, NoteLink: n.noteLink}); err != nil {
		return err
	}
	return n.done(root)
}

func (j *job) unpackInto(ctx context.Context, root *os.Root, limits artifact.Limits) error {
	archive, err := j.store.Open(ctx, j.doc.Source)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	err = artifact.Unpack(archive, root, limits)
	if err != nil {
		// Bytes that were changed may look like anything; their digest tells.
		if _, changed := io.Copy(io.Discard, archive); errors.Is(changed, artifact.ErrChanged) {
			err = changed
		}
	}
	return err
}

// sourceProblem says why the source cannot be had. A job that has to end reads
// none to its end, whatever the store says of that.
func sourceProblem(ctx context.Context, err error) *run.Problem {
	if p := ended(ctx); p != nil {
		return p
	}
	switch {
	case errors.Is(err, artifact.ErrUnsafe):
		return sourceRefused(plain(err.Error()))
	case errors.Is(err, artifact.ErrChanged), errors.Is(err, artifact.ErrNotFound):
		return sourceChanged(plain(err.Error()))
	}
	return problemOf(err)
}

// refuseForbidden refuses a project with files that make terraform run something
// else than what a reviewer reads. Terraform obeys those in the directory that it
// runs in, and no others; the source holds other projects' directories, too.
func (j *job) refuseForbidden(dir string) *run.Problem {
	if forbidden.Name(dir) {
		return sourceRefused(plain(dir))
	}
	d, err := j.tree.Open(dir)
	if err != nil {
		return nil // it is missing, which is reported elsewhere
	}
	names, err := d.Readdirnames(-1)
	if errors.Join(err, d.Close()) != nil {
		return nil // it is no directory, which is reported elsewhere
	}
	for _, name := range names {
		if forbidden.Name(name) {
			return sourceRefused(plain(path.Join(dir, name)))
		}
	}
	return nil
}
