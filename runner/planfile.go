package runner

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lockFile is terraform's dependency lock file, in a project's directory.
const lockFile = ".terraform.lock.hcl"

// modulesDir is where terraform installs modules that are not in the
// repository, in a project's directory.
const modulesDir = ".terraform/modules"

// maxPlanFile bounds what is read of the files inside of a plan file, in bytes.
const maxPlanFile = 64 << 20

// planFile is what a plan file holds besides the plan: a copy of the
// configuration and of the lock file (a zip archive; Terraform's package
// internal/plans/planfile).
type planFile struct {
	lock      []byte        // nil when there is none
	installed []savedModule // modules that terraform had to install
}

// savedModule is one module of the configuration that was planned.
type savedModule struct {
	Key   string            `json:"Key"` // path of module calls, such as "network.subnets"
	Dir   string            `json:"Dir"` // relative to the project's directory
	files map[string][]byte // its configuration, by name
}

// readPlanFile reads a plan file as Terraform writes it.
func readPlanFile(name string) (planFile, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return planFile{}, fmt.Errorf("opening the plan file: %w", err)
	}
	defer func() { _ = archive.Close() }()
	r := planReader{left: maxPlanFile}
	lock, err := r.files(archive.File, lockFile)
	if err != nil {
		return planFile{}, err
	}
	list, err := r.files(archive.File, "tfconfig/modules.json")
	if err != nil {
		return planFile{}, err
	}
	var modules []savedModule
	if err := json.Unmarshal(list[""], &modules); err != nil {
		return planFile{}, fmt.Errorf("reading the modules of the plan file: %w", err)
	}
	out := planFile{lock: lock[""]}
	for _, m := range modules {
		if m.inRepository() {
			continue
		}
		if m.files, err = r.files(archive.File, "tfconfig/m-"+m.Key+"/"); err != nil {
			return planFile{}, err
		}
		out.installed = append(out.installed, m)
	}
	return out, nil
}

// planReader bounds what is read of all files together.
type planReader struct{ left int64 }

// files reads those whose names begin with prefix, by the rest of the name.
func (r *planReader) files(entries []*zip.File, prefix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name, prefix)
		if !ok {
			continue
		}
		content, err := r.file(entry)
		if err != nil {
			return nil, fmt.Errorf("reading %.200q of the plan file: %w", entry.Name, err)
		}
		out[name] = content
	}
	return out, nil
}

func (r *planReader) file(entry *zip.File) ([]byte, error) {
	f, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, r.left))
	r.left -= int64(len(content))
	if err == nil && r.left <= 0 {
		err = fmt.Errorf("the configuration is larger than %s", megabytes(maxPlanFile))
	}
	return content, err
}

// inRepository reports whether a module came with the source.
func (m savedModule) inRepository() bool {
	return !filepath.IsAbs(m.Dir) && !strings.HasPrefix(filepath.ToSlash(filepath.Clean(m.Dir)), modulesDir+"/")
}

// same reports whether the module is in the project's directory as it was when
// it was planned.
func (m savedModule) same(dir string) (bool, error) {
	if !filepath.IsLocal(m.Dir) {
		return false, nil
	}
	for name, planned := range m.files {
		if !filepath.IsLocal(name) {
			return false, nil
		}
		now, err := os.ReadFile(filepath.Join(dir, m.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("comparing a module with the plan: %w", err)
		}
		if !bytes.Equal(now, planned) {
			return false, nil
		}
	}
	return true, nil
}
