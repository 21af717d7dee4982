package runner

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

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
