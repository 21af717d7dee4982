package local

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Terraform sees a job at the same place in each of its jobs: absolute paths
// (path.cwd, abspath) are in plans and in states, and would change with every job.
//
// In a mount namespace that is a name below seenAt, which exists nowhere else. Where
// there is none it is a link in viewsDir, named after the repository and the
// project, and jobs of one project run one at a time.
const (
	seenAt   = "/lockkeeper"
	viewsDir = ".views"
)

// view makes the name under which terraform sees a job.
func (e *Engine) view(j *job) (string, error) {
	if name := seenName(j.doc.Repository); e.offer.Names && name != "" {
		return name, nil
	}
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

// seenName is where the jobs of a repository (owner/name) are seen; empty when it
// has no name of GitHub's kind.
func seenName(repository string) string {
	owner, name, _ := strings.Cut(repository, "/")
	for _, part := range []string{owner, name} {
		if strings.Trim(part, ".") == "" || strings.ContainsFunc(part, func(c rune) bool {
			return c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
		}) {
			return ""
		}
	}
	return seenAt + "/" + owner + "/" + name
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

// viewOf is the name of a link: equal for the jobs of one project.
func (j *job) viewOf() string {
	project := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", j.doc.Project.Name, j.doc.Project.Workspace))
	return fmt.Sprintf("%d-%x", j.doc.RepositoryID, project[:8])
}

// link is a job's view and what it points to.
func (e *Engine) link(j *job) (link, target string) {
	return filepath.Join(e.o.Dir, viewsDir, j.viewOf()), filepath.Join("..", j.id)
}

// viewTaken reports whether another job of the project may have a terraform process
// that sees it at the place where this one would be. e.mu is held.
func (e *Engine) viewTaken(j *job) bool {
	if e.offer.Names && seenName(j.doc.Repository) != "" {
		return false
	}
	for _, other := range e.jobs {
		if other != j && other.stage == stageTurn && other.viewOf() == j.viewOf() {
			return true
		}
	}
	return false
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
