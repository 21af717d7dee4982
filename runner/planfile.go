package runner

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// lockFile is terraform's dependency lock file, in a project's directory.
const lockFile = ".terraform.lock.hcl"

// modulesDir is where terraform installs modules that are not in the
// repository, in a project's directory.
const modulesDir = ".terraform/modules"

// Bounds of what is read of the configuration inside of a plan file. Each entry
// of a zip archive takes memory before anything of it is read.
const (
	maxPlanConfiguration = 64 << 20 // bytes, unpacked
	maxPlanEntries       = 50_000
)

// planFile is what a plan file holds that terraform show tells nothing of: the
// backend of the plan, a copy of the configuration and of the lock file (a zip
// archive; Terraform's package internal/plans/planfile). An apply runs that copy,
// not the files of the commit, and changes the state in that backend.
type planFile struct {
	backend plannedBackend
	lock    []byte // nil when there is none
	modules []savedModule
	given   map[string][]byte // values of variables, as they lie there (msgpack with the type)
	moves   map[string]string // where objects that moved were before, by address
	imports map[string]bool   // addresses of objects that are imported
	before  savedState        // that the plan began with
	after   savedState        // that its apply goes on with
	version savedVersion      // of both
}

// savedModule is one module of the configuration that was planned.
type savedModule struct {
	Key    string `json:"Key"` // path of module calls, such as "network.subnets"; empty for the root module
	Source string `json:"Source,omitempty"`
	Dir    string `json:"Dir"` // relative to the project's directory

	files moduleFiles
}

// moduleFiles is the configuration of one module: the digest of each file by
// its name.
type moduleFiles map[string][sha256.Size]byte

// The entries of a plan file.
const (
	savedManifest = "tfconfig/modules.json"
	savedModules  = "tfconfig/m-" // followed by key/file
)

// errNoPlanFile means that a file is no archive at all, such as a plan that
// OpenTofu encrypted.
var errNoPlanFile = errors.New("it is no plan file that can be read")

// readPlanFile reads a plan file as Terraform and OpenTofu write it, and takes
// nothing else: what this did not understand, they might.
func readPlanFile(name string) (planFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return planFile{}, fmt.Errorf("opening the plan file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return planFile{}, fmt.Errorf("opening the plan file: %w", err)
	}
	return readPlan(f, info.Size())
}

// readPlan is readPlanFile for any reader of size bytes.
func readPlan(from io.ReaderAt, size int64) (planFile, error) {
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return planFile{}, fmt.Errorf("%w: %w", errNoPlanFile, err)
	}
	if len(archive.File) > maxPlanEntries {
		return planFile{}, fmt.Errorf("the plan file has %d entries, the limit is %d", len(archive.File), maxPlanEntries)
	}
	r := planReader{left: maxPlanConfiguration, seen: map[string]bool{}, files: map[string]moduleFiles{}}
	for _, entry := range archive.File {
		if err := r.entry(entry); err != nil {
			return planFile{}, fmt.Errorf("reading %.200q of the plan file: %w", entry.Name, err)
		}
	}
	modules, err := r.modules()
	if r.plan == nil {
		return planFile{}, notAPlan(errors.New("it has no plan"))
	}
	out := *r.plan
	out.lock, out.modules, out.before, out.after, out.version = r.lock, modules, r.before, r.after, r.version
	return out, err
}

// planReader gathers what the entries hold.
type planReader struct {
	left           int64 // bytes that may still be read, of all entries together
	seen           map[string]bool
	plan           *planFile
	lock, manifest []byte
	before, after  savedState
	version        savedVersion
	files          map[string]moduleFiles // by the module's key
}

func (r *planReader) entry(entry *zip.File) (err error) {
	if r.seen[entry.Name] {
		return errors.New("it is there twice")
	}
	r.seen[entry.Name] = true
	switch rest, ofModule := strings.CutPrefix(entry.Name, savedModules); {
	case entry.Name == "tfplan":
		return r.readPlan(entry)
	case entry.Name == "tfstate":
		r.after, r.version, err = r.state(entry)
		return err
	case entry.Name == "tfstate-prev":
		r.before, _, err = r.state(entry)
		return err
	case entry.Name == lockFile:
		r.lock, err = r.content(entry)
		return err
	case entry.Name == savedManifest:
		r.manifest, err = r.content(entry)
		return err
	case ofModule:
		key, file, ok := cutLast(rest, "/")
		if !ok || file == "" {
			return errors.New("it belongs to no module")
		}
		content, err := r.content(entry)
		if err != nil {
			return err
		}
		if r.files[key] == nil {
			r.files[key] = moduleFiles{}
		}
		r.files[key][file] = sha256.Sum256(content)
		return nil
	}
	return errors.New("plan files have no such entry")
}

// readPlan reads where the plan has its state and what its variables are. What it does,
// terraform show tells.
func (r *planReader) readPlan(entry *zip.File) error {
	f, err := entry.Open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	plan, err := readPlanMessage(f)
	r.plan = &plan
	return err
}

func (r *planReader) state(entry *zip.File) (savedState, savedVersion, error) {
	f, err := entry.Open()
	if err != nil {
		return nil, savedVersion{}, err
	}
	defer func() { _ = f.Close() }()
	return readState(f, maxPlanStates)
}

func (r *planReader) content(entry *zip.File) ([]byte, error) {
	f, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, r.left+1))
	r.left -= int64(len(content))
	if err == nil && r.left < 0 {
		err = fmt.Errorf("the configuration is larger than %s", megabytes(maxPlanConfiguration))
	}
	if content == nil {
		content = []byte{} // there, and empty
	}
	return content, err
}

// modules gives each module of the manifest its files.
func (r *planReader) modules() ([]savedModule, error) {
	if r.manifest == nil {
		return nil, errors.New("the plan file has no list of modules")
	}
	var modules []savedModule
	if err := json.Unmarshal(r.manifest, &modules); err != nil {
		return nil, fmt.Errorf("reading the modules of the plan file: %w", err)
	}
	keys := map[string]bool{}
	for i, m := range modules {
		if keys[m.Key] {
			return nil, fmt.Errorf("the plan file has the module %.200q twice", m.Key)
		}
		keys[m.Key] = true
		modules[i].files = r.files[m.Key]
	}
	for key := range r.files {
		if !keys[key] {
			return nil, fmt.Errorf("the plan file has files of the module %.200q, which it does not list", key)
		}
	}
	if !keys[""] {
		return nil, errors.New("the plan file has no root module")
	}
	return modules, nil
}

// inRepository reports whether a module came with the source.
func (m savedModule) inRepository() bool {
	dir := path.Clean(m.Dir)
	return !path.IsAbs(dir) && dir != modulesDir && !strings.HasPrefix(dir, modulesDir+"/")
}

// installed are the modules that terraform had to install.
func (p planFile) installed() []savedModule {
	return slices.DeleteFunc(slices.Clone(p.modules), savedModule.inRepository)
}

// cutLast is strings.Cut around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// isConfiguration reports whether terraform loads a file of a module's
// directory (internal/configs/parser_config_dir.go of Terraform and OpenTofu).
// tofu says that it is an OpenTofu that knows files of its own.
func isConfiguration(name string, tofu bool) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return false // left by editors
	}
	base := strings.TrimSuffix(name, ".json")
	return strings.HasSuffix(base, ".tf") || tofu && strings.HasSuffix(base, ".tofu")
}

// loaded are those of a directory's configuration files that a plan file holds.
// OpenTofu leaves out a file when there is one of its own with the same name.
func loaded(dir moduleFiles, tofu bool) moduleFiles {
	out := moduleFiles{}
	for name, digest := range dir {
		if !isConfiguration(name, tofu) {
			continue
		}
		if _, there := dir[ownOf(name)]; tofu && there {
			continue
		}
		out[name] = digest
	}
	return out
}

// ownOf is the file of OpenTofu's own that takes the place of one of Terraform's; empty
// for other files.
func ownOf(name string) string {
	base, isJSON := strings.CutSuffix(name, ".json")
	base, isTF := strings.CutSuffix(base, ".tf")
	switch {
	case !isTF:
		return ""
	case isJSON:
		return base + ".tofu.json"
	}
	return base + ".tofu"
}

// readsTofu reports whether a program loads .tofu files: OpenTofu since 1.8.
func readsTofu(program string) bool {
	version, ok := strings.CutPrefix(program, "OpenTofu ")
	if !ok {
		return false
	}
	old := []string{"1.6.", "1.7."}
	return !slices.ContainsFunc(old, func(p string) bool { return strings.HasPrefix(version, p) })
}

// lockDiffers says in which way the locks of a plan contradict those of the
// commit; empty when they do not. A plan may know more hashes of a package, and
// providers that the commit does not lock.
func lockDiffers(committed, planned []byte) string {
	if len(committed) == 0 {
		return ""
	}
	theirs, ok := locksOf(committed)
	if !ok {
		return "the lock file of the commit is not written as terraform writes it; `terraform providers lock` makes one"
	}
	mine, ok := locksOf(planned)
	if !ok {
		return "the lock file inside of the plan is not written as terraform writes it"
	}
	for _, source := range slices.Sorted(maps.Keys(theirs)) {
		want := theirs[source]
		have, there := mine[source]
		if !there {
			continue // not needed any more
		}
		if have.version != want.version {
			return fmt.Sprintf("the lock file has %s %s, the plan has %s", source, want.version, have.version)
		}
		for _, hash := range want.hashes {
			if !slices.Contains(have.hashes, hash) {
				return fmt.Sprintf("the plan lacks a hash of %s that the lock file has", source)
			}
		}
	}
	return ""
}

// locksOf reads a lock file, by provider. ok is false when it has a line that
// terraform does not write: it might mean something that is not seen here.
func locksOf(content []byte) (_ map[string]lockedProvider, ok bool) {
	line := regexp.MustCompile(`^(|#.*|provider "[^"\\$%]+" \{|version\s*=\s*"[^"\\$%]*"|constraints\s*=\s*"[^"\\$%]*"|hashes\s*=\s*\[|"[a-z0-9]+:[A-Za-z0-9+/=]+",|\]|\})$`)
	blocks := 0
	for l := range strings.Lines(string(content)) {
		l = strings.TrimSpace(l)
		if !line.MatchString(l) {
			return nil, false
		}
		if strings.HasPrefix(l, "provider ") {
			blocks++
		}
	}
	out := map[string]lockedProvider{}
	for _, p := range providersIn(content) {
		out[p.source] = p
	}
	return out, len(out) == blocks
}
