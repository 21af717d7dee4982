package runner

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/links"
	"github.com/lockkeeper/lockkeeper/run"
)

// commit is what the source archive holds of Terraform: the configuration of
// every directory, and the project's lock file. It is noted while the archive is
// unpacked, or read from a tree that no job can change. What lies in the job's
// directory afterwards, terraform and what it starts may have changed.
type commit struct {
	dirs  map[string]moduleFiles // by directory from the repository's root
	links links.Set
	lock  bounded
	plain *plainFiles // of a plan whose tree is its own; nil for others

	shared *os.Root // the tree that jobs share; nil when the job has one of its own
}

// bounded takes at most maxLockFile bytes of a lock file.
type bounded struct{ content []byte }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if len(b.content)+len(p) > maxLockFile {
		return 0, fmt.Errorf("%w: the lock file is larger than %s", artifact.ErrUnsafe, megabytes(maxLockFile))
	}
	b.content = append(b.content, p...)
	return len(p), nil
}

// Bytes is what was taken.
func (b *bounded) Bytes() []byte { return b.content }

// noting notes an archive while it is unpacked.
type noting struct {
	commit  *commit
	lock    string // name of the project's lock file
	digests map[string]hash.Hash
}

// note is artifact.Limits.Note.
func (n *noting) note(name string, mode fs.FileMode) io.Writer {
	var to []io.Writer
	if n.commit.plain != nil {
		to = append(to, n.commit.plain.begin(name, mode))
	}
	switch {
	case name == n.lock:
		to = append(to, &n.commit.lock)
	case isConfiguration(path.Base(name), true):
		n.digests[name] = sha256.New()
		to = append(to, n.digests[name])
	}
	switch len(to) {
	case 0:
		return nil
	case 1:
		return to[0]
	}
	return io.MultiWriter(to...)
}

// noteLink is artifact.Limits.NoteLink.
func (n *noting) noteLink(name, to string) { n.commit.links[name] = to }

// done takes over what was noted. source is the tree as it was unpacked, in which
// nothing has run yet: a link may give a file of another name one of Terraform's.
func (n *noting) done(source *os.Root) error {
	c := n.commit
	if c.plain != nil {
		c.plain.end()
	}
	c.dirs = map[string]moduleFiles{}
	add := func(name string, digest [sha256.Size]byte) {
		dir, base := path.Split(name)
		dir = path.Clean(dir)
		if c.dirs[dir] == nil {
			c.dirs[dir] = moduleFiles{}
		}
		c.dirs[dir][base] = digest
	}
	for name, digest := range n.digests {
		add(name, [sha256.Size]byte(digest.Sum(nil)))
	}
	for name := range c.links {
		if name != n.lock && !isConfiguration(path.Base(name), true) {
			continue
		}
		if name == n.lock {
			if err := c.readLock(source, name); err != nil {
				return err
			}
			continue
		}
		if content, err := readLinked(source, name, maxPlanConfiguration); err == nil { // else it leads to no file, so terraform reads none
			add(name, sha256.Sum256(content))
		}
	}
	return nil
}

// readLock takes the lock file from a tree that no job can change. Without one a plan
// may have any providers, so one that cannot be read is not taken for none.
func (c *commit) readLock(tree *os.Root, name string) error {
	content, err := readLinked(tree, name, maxLockFile+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: the lock file: %w", artifact.ErrUnsafe, err)
	}
	_, err = c.lock.Write(content)
	return err
}

// readLinked reads the plain file behind a name, in a tree out of which no link
// leads it.
func readLinked(tree *os.Root, name string, limit int64) ([]byte, error) {
	f, err := tree.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotPlain
	case info.Size() > limit:
		return nil, &tooLongError{info.Size(), limit}
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// resolve follows the links in a path from the root of the commit.
func (c *commit) resolve(name string) (string, error) {
	if c.shared == nil {
		return c.links.Resolve(name)
	}
	return links.Resolve(name, func(at string) (string, bool) {
		to, err := c.shared.Readlink(at)
		return to, err == nil
	})
}

// files is the configuration of one directory, and whether there is one. Links on
// the way are followed.
func (c *commit) files(dir string) (moduleFiles, bool) {
	dir, err := c.resolve(dir)
	if err != nil {
		return nil, false
	}
	if c.shared != nil {
		return configurationIn(c.shared, dir)
	}
	files, there := c.dirs[dir]
	return files, there
}

// configurationIn reads the configuration in a directory of a tree that no job can
// change.
func configurationIn(tree *os.Root, dir string) (moduleFiles, bool) {
	d, err := tree.Open(dir)
	if err != nil {
		return nil, false
	}
	entries, err := d.ReadDir(-1)
	if errors.Join(err, d.Close()) != nil {
		return nil, false
	}
	files := moduleFiles{}
	for _, entry := range entries {
		if !isConfiguration(entry.Name(), true) {
			continue
		}
		if content, err := readLinked(tree, path.Join(dir, entry.Name()), maxPlanConfiguration); err == nil {
			files[entry.Name()] = sha256.Sum256(content)
		}
	}
	return files, len(files) > 0
}

// initialModules is what init made of the configuration: which module lies
// where, and the files of those that did not come with the commit.
type initialModules struct {
	byKey map[string]savedModule
	files map[string]moduleFiles // by savedModule.Dir
}

// differsInState says in which way a plan file is of another state than init
// prepared; empty when it is not.
func (j *job) differsInState(plan planFile) (string, error) {
	is, err := backendIn(j.backend)
	if err != nil {
		return "", err
	}
	return is.differs(plan.backend, j.doc.Project.Workspace), nil
}

// takeInit notes what init left, before a plan or an apply can change it: the
// backendRecord and the moduleList, nil when there is none.
func (j *job) takeInit(backend, list []byte) error {
	j.backend = backend
	modules, err := modulesOf(list)
	if err != nil {
		return fmt.Errorf("reading the list of modules: %w", err)
	}
	j.initial = initialModules{byKey: map[string]savedModule{}, files: map[string]moduleFiles{}}
	found := &foundFiles{left: maxPlanConfiguration, most: maxPlanEntries}
	for _, m := range modules {
		j.initial.byKey[m.Key] = m
		if m.inRepository() && j.doc.Project.FromModule == "" || j.initial.files[m.Dir] != nil {
			continue
		}
		if j.initial.files[m.Dir], err = found.in(j, m.Dir); err != nil {
			return fmt.Errorf("reading the module %.200q: %w", m.Key, err)
		}
	}
	return nil
}

// foundFiles reads the configuration of modules from the disk, bounded over all
// of them.
type foundFiles struct {
	left int64
	most int
}

func (b *foundFiles) in(j *job, dir string) (moduleFiles, error) {
	root, rel, err := j.below(filepath.Join(j.dir, dir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), filepath.ToSlash(rel))
	if err != nil {
		return nil, err
	}
	out := moduleFiles{}
	for _, entry := range entries {
		if !isConfiguration(entry.Name(), true) || entry.IsDir() {
			continue
		}
		if b.most--; b.most < 0 {
			return nil, fmt.Errorf("there are more than %d files", maxPlanEntries)
		}
		digest, err := b.digest(root, filepath.Join(rel, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("%.200q: %w", entry.Name(), err)
		}
		out[entry.Name()] = digest
	}
	return out, nil
}

func (b *foundFiles) digest(root *os.Root, name string) (sum [sha256.Size]byte, err error) {
	f, err := openPlain(root, name, b.left)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }()
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(f, b.left))
	b.left -= n
	return [sha256.Size]byte(digest.Sum(nil)), err
}

// tofu reports whether the job's program loads .tofu files.
func (j *job) tofu() bool { return readsTofu(j.options.TerraformName) }

// fromCommit reports whether the files of a module of the plan file are those of
// the commit, and not something that init brought.
func (j *job) fromCommit(m savedModule) bool {
	return m.inRepository() && j.doc.Project.FromModule == ""
}

// differs says in which way a plan file holds another configuration than it may;
// empty when it does not. which picks the modules that are looked at. Their
// place counts, too: a plan that takes a call to another directory of the same
// commit runs what nobody called.
func (j *job) differs(plan planFile, which func(savedModule) bool) string {
	if wrong := lockDiffers(j.commit.lock.Bytes(), plan.lock); wrong != "" {
		return wrong
	}
	byKey := map[string]savedModule{}
	for _, m := range plan.modules {
		byKey[m.Key] = m
	}
	for _, m := range plan.modules {
		if !which(m) {
			continue
		}
		wrong := j.misplaced(m, byKey)
		if wrong == "" {
			wrong = filesDiffer(loaded(j.filesOf(m), j.tofu()), m.files)
		}
		if wrong != "" && m.Key == "" {
			return wrong
		}
		if wrong != "" {
			return fmt.Sprintf("module %.200q: %s", m.Key, wrong)
		}
	}
	return ""
}

// filesOf is the configuration that a module must have.
func (j *job) filesOf(m savedModule) moduleFiles {
	if m.inRepository() {
		files, there := j.commit.files(path.Join(path.Clean(j.doc.Project.Dir), m.Dir))
		if there || j.fromCommit(m) {
			return files
		}
	}
	return j.initial.files[m.Dir]
}

// misplaced says that a module does not lie where its call puts it. Terraform
// itself compares the source with that of the call.
func (j *job) misplaced(m savedModule, byKey map[string]savedModule) string {
	dir := path.Clean(m.Dir)
	if m.Key == "" {
		if dir != "." {
			return fmt.Sprintf("the root module lies in %.200q", m.Dir)
		}
		return ""
	}
	if !j.fromCommit(m) {
		if was, there := j.initial.byKey[m.Key]; !there || was.Dir != m.Dir || was.Source != m.Source {
			return fmt.Sprintf("init did not put it into %.200q", m.Dir)
		}
		return ""
	}
	parentKey, _, _ := cutLast(m.Key, ".")
	if !strings.Contains(m.Key, ".") {
		parentKey = ""
	}
	parent, there := byKey[parentKey]
	isLocal := strings.HasPrefix(m.Source, "./") || strings.HasPrefix(m.Source, "../")
	if !there || !isLocal || !j.leads(path.Join(parent.Dir, m.Source), dir) {
		return fmt.Sprintf("its source %.200q does not lead to %.200q", m.Source, m.Dir)
	}
	if !filepath.IsLocal(path.Join(path.Clean(j.doc.Project.Dir), dir)) {
		return fmt.Sprintf("%.200q is outside of the repository", m.Dir)
	}
	return ""
}

// leads reports whether a path from the project's directory leads to a directory.
// Terraform notes where a link leads, and takes what is called there from that place.
func (j *job) leads(from, to string) bool {
	if from == to {
		return true
	}
	project, err := j.commit.resolve(path.Clean(j.doc.Project.Dir))
	if err != nil {
		return false
	}
	real, err := j.commit.resolve(path.Join(project, from))
	return err == nil && real == path.Join(project, to)
}

// filesDiffer says in which way what was planned is not what it should be.
func filesDiffer(want, planned moduleFiles) string {
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		digest, there := want[name]
		if !there {
			return fmt.Sprintf("the plan has a file %.200q, which is not in the source", name)
		}
		if digest != planned[name] {
			return fmt.Sprintf("the file %.200q of the plan is another one than in the source", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, there := planned[name]; !there {
			return fmt.Sprintf("the file %.200q is not in the plan", name)
		}
	}
	return ""
}

// takePlan copies what terraform plan wrote out of its reach, notes its digest,
// and makes sure that it plans this commit. From here on nothing looks at the
// original: what people and rules see, and what is stored, are these bytes.
func (j *job) takePlan() *run.Problem {
	from, err := j.open(j.path(madePlan), j.doc.Limits.PlanBytes)
	var long *tooLongError
	switch {
	case errors.As(err, &long):
		return planTooLarge(j.doc.Limits.PlanBytes)
	case errors.Is(err, errNotPlain):
		return planExchanged(plain(err.Error()))
	case err != nil:
		return unexpected(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(j.path(run.ArtifactPlan), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return unexpected(err)
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, digest), io.LimitReader(from, j.doc.Limits.PlanBytes))
	if err := errors.Join(err, to.Close(), j.remove(j.path(madePlan))); err != nil {
		return unexpected(fmt.Errorf("taking the plan: %w", err))
	}
	j.planned = [sha256.Size]byte(digest.Sum(nil))
	plan, err := readPlanFile(j.path(run.ArtifactPlan))
	if errors.Is(err, errNoPlanFile) {
		return planUnreadable(plain(err.Error()))
	}
	wrong := ""
	if err != nil {
		wrong = err.Error()
	} else if wrong, err = j.differsInState(plan); err != nil {
		return unexpected(err)
	} else if wrong == "" {
		wrong = cmp.Or(j.differs(plan, func(savedModule) bool { return true }), j.exchangedValue(plan), j.exchangedProviders())
	}
	if wrong != "" {
		return planExchanged(plain(wrong))
	}
	j.keeps = j.keeping(plan.backend)
	j.drifted, j.gone = plan.before.changed(plan.after)
	return nil
}

// modulesOf reads a moduleList. Without one there is the root module alone.
func modulesOf(list []byte) ([]savedModule, error) {
	if list == nil {
		return []savedModule{{Dir: "."}}, nil
	}
	var installed struct{ Modules []savedModule }
	err := json.Unmarshal(list, &installed)
	return installed.Modules, err
}
