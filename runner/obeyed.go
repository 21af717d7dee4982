package runner

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// isTerraforms reports names that terraform itself makes and that are no part of
// what is planned, and caches of Python, which makes them again. What programs make
// beside the code of a module from elsewhere lies in terraform's directory, too.
func (j *job) isTerraforms(name string) bool {
	modules := j.modulesAt()
	if j.brought != nil && (name == path.Dir(modules) || name == modules) {
		return false
	}
	if rest, in := strings.CutPrefix(name, modules+"/"); in && j.brought != nil {
		if name = rest; name == path.Base(moduleList) {
			return true
		}
	}
	for part := range strings.SplitSeq(strings.ToLower(name), "/") {
		switch part {
		case ".terraform", lockFile, "crash.log", "errored.tfstate", "__pycache__":
			return true
		}
		if strings.HasPrefix(part, "terraform.tfstate") || strings.HasPrefix(part, ".terraform.tfstate") {
			return true
		}
	}
	return false
}

// modulesAt is where terraform installs modules, from the root of the commit.
func (j *job) modulesAt() string { return path.Join(path.Clean(j.doc.Project.Dir), modulesDir) }

// noteBrought notes what init brought from elsewhere, when it may have: that comes
// with the init of the apply.
func (j *job) noteBrought(modules []byte) error {
	top := j.modulesAt()
	switch {
	case j.doc.Project.FromModule != "":
		top = path.Clean(j.doc.Project.Dir)
	case onlyLocal(modules):
		return nil
	}
	source, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	j.brought = map[string]bool{}
	err = fs.WalkDir(source.FS(), top, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && len(j.brought) <= maxFiles {
			j.brought[name] = true
		}
		return err
	})
	if err == nil {
		j.broughtAt, err = j.clock()
	}
	if err != nil {
		return fmt.Errorf("noting what init brought: %w", err)
	}
	return nil
}

// obeyed reports names from which terraform, its command line or git take
// what they do. None of them comes with a plan: who approved read the commit's.
func (j *job) obeyed(name string) bool {
	if rest, in := strings.CutPrefix(name, j.modulesAt()+"/"); in {
		if !strings.Contains(rest, "/") {
			return true // beside the modules, where terraform has its list of them
		}
		name = rest
	}
	name = strings.ToLower(name)
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case ".git", "terraform.d", "terraform.rc", "tofu.rc", ".tofurc":
			return true
		}
		if strings.HasPrefix(part, ".terraform") || strings.HasPrefix(part, "terraform.tfstate") {
			return true
		}
	}
	name = strings.TrimSuffix(name, ".json")
	return slices.ContainsFunc([]string{".tf", ".tofu", ".tfvars", ".tftest.hcl", ".tofutest.hcl", ".tfmock.hcl", ".tfquery.hcl", ".tftest", ".tofutest", ".tfstate"},
		func(end string) bool { return strings.HasSuffix(name, end) })
}
