package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// viewsDir holds a link to a job's directory for each plan, named after the
// plan's job. Terraform sees a job through it: absolute paths (path.cwd,
// abspath) are in a plan, and its apply is another job in another directory.
const viewsDir = ".views"

// view makes the name under which terraform sees a job.
func (e *Engine) view(j *job) (string, error) {
	e.views.Lock()
	defer e.views.Unlock()
	link, target := e.link(j)
	err := os.Symlink(target, link)
	if errors.Is(err, fs.ErrExist) {
		err = relink(target, link)
	}
	if err != nil {
		return "", fmt.Errorf("linking the directory of job %s: %w", j.id, err)
	}
	return link, nil
}

func relink(target, link string) error {
	if have, err := os.Readlink(link); err == nil && have == target {
		return nil
	}
	temp := link + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.Symlink(target, temp), os.Rename(temp, link))
}

// link is a job's view and what it points to.
func (e *Engine) link(j *job) (link, target string) {
	name := j.id
	if p := j.doc.Plan; p != nil && isJobID(p.JobID) {
		name = p.JobID
	}
	return filepath.Join(e.o.Dir, viewsDir, name), filepath.Join("..", j.id)
}

// unview removes the view of a job that has ended, unless another job has it.
func (e *Engine) unview(j *job) error {
	e.views.Lock()
	defer e.views.Unlock()
	link, target := e.link(j)
	if have, err := os.Readlink(link); err != nil || have != target {
		return nil
	}
	return os.Remove(link)
}

// sweepViews removes links to jobs that are removed, which a crash left.
func (e *Engine) sweepViews() error {
	e.views.Lock()
	defer e.views.Unlock()
	dir := filepath.Join(e.o.Dir, viewsDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		link := filepath.Join(dir, entry.Name())
		if _, err := os.Stat(link); errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, os.Remove(link))
		}
	}
	return errors.Join(errs...)
}
