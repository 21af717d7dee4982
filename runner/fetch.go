package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// packageName is the name of a package as terraform lays it out:
// HOST/NAMESPACE/TYPE/VERSION/OS_ARCH. Anything else is not requested.
var packageName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?)/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)/([0-9][0-9A-Za-z.+-]*)/[a-z0-9]+_[a-z0-9]+$`)

// maxFetched bounds how many packages one job adds to the shared directory.
const maxFetched = 50

// shareProviders fetches the packages that init had to download into the shared
// directory, for later jobs. This job uses its own. What fails costs downloads.
func (j *job) shareProviders(ctx context.Context) {
	if j.options.Providers == "" || j.options.CLIConfig != "" {
		return
	}
	missing, err := j.downloaded()
	if err == nil && len(missing) > 0 {
		err = j.fetch(ctx, missing)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sharing providers: %v\n", err)
	}
}

// downloaded are the names of packages in the project's directory that are not
// shared. They are names and nothing more: programs of the project may have
// written what is there.
func (j *job) downloaded() ([]string, error) {
	root, base, err := j.below(filepath.Join(j.dir, providersDir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	found, err := fs.Glob(root.FS(), filepath.ToSlash(base)+"/*/*/*/*/*")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range found {
		rel, err := filepath.Rel(base, name)
		if err != nil || !packageName.MatchString(filepath.ToSlash(rel)) || len(out) == maxFetched {
			continue
		}
		info, err := root.Lstat(name)
		if err != nil || !info.IsDir() {
			continue // a link to the mirror: it came from there
		}
		if _, err := os.Lstat(j.sharedPackages().path(packagesDir, rel)); err != nil {
			out = append(out, rel)
		}
	}
	return out, nil
}

// fetch downloads packages by an init of nothing else. One job at a time does
// that; others go on without.
func (j *job) fetch(ctx context.Context, names []string) error {
	lock, err := os.OpenFile(filepath.Join(j.options.Providers, ".fetching"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil
	}
	syscall.CloseOnExec(int(lock.Fd()))
	if err := j.sharedPackages().makeRoom(time.Now()); err != nil {
		return err
	}
	f, err := j.fetcher(names)
	if err != nil {
		return err
	}
	if p := f.terraform(ctx, "init", "init", "-backend=false", "-input=false", "-no-color"); p != nil {
		return fmt.Errorf("%w: %s", p, p.Detail)
	}
	for _, rel := range names {
		if err := j.sharedPackages().add(filepath.Join(f.dir, providersDir, rel), rel); err != nil {
			return fmt.Errorf("taking over %s: %w", rel, err)
		}
	}
	return os.RemoveAll(f.options.Dir)
}

// fetcher is a job that needs the packages.
func (j *job) fetcher(names []string) (*job, error) {
	config, err := os.ReadFile(j.cliConfig)
	if err != nil {
		return nil, err
	}
	// Files that are given to a jail are those of its user alone.
	return j.apart(names, j.offered, func(mirror string) string {
		return strings.ReplaceAll(string(config), j.path(mirrorDir), mirror)
	})
}

// apart is a job of its own, below this one, of a configuration that needs the
// packages and has nothing else: no backend, no module, no file of the project,
// no secret, another home. config is terraform's CLI configuration for a mirror of the
// packages that are offered.
func (j *job) apart(names, offered []string, config func(mirror string) string) (*job, error) {
	f := newJob(j.options, j.store)
	f.options.Dir, f.options.View, f.options.Given = j.path("fetch"), "", nil
	f.doc.JobID, f.alive, f.live, f.offered = j.doc.JobID, j.alive, nil, offered
	f.doc.Limits, f.cliConfig = j.doc.Limits, f.path("terraform.rc")
	if err := errors.Join(os.RemoveAll(f.options.Dir), os.Mkdir(f.options.Dir, 0o700)); err != nil {
		return nil, err
	}
	if err := f.lay(); err != nil {
		return nil, err
	}
	if err := errors.Join(f.layMirror(), os.WriteFile(f.cliConfig, []byte(config(f.path(mirrorDir))), 0o600)); err != nil {
		return nil, err
	}
	f.dir = f.path("source")
	f.env = f.environment(os.LookupEnv)
	return f, os.WriteFile(filepath.Join(f.dir, "main.tf"), []byte(requiring(names)), 0o644)
}

// requiring is a configuration that needs exactly these packages. Two versions of
// one provider cannot be: a project has one.
func requiring(names []string) string {
	var b strings.Builder
	b.WriteString("terraform {\n  required_providers {\n")
	for i, name := range names {
		m := packageName.FindStringSubmatch(filepath.ToSlash(name))
		fmt.Fprintf(&b, "    p%d = {\n      source  = %q\n      version = %q\n    }\n", i, strings.Join(m[1:4], "/"), "= "+m[4])
	}
	b.WriteString("  }\n}\n")
	return b.String()
}
