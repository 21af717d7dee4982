package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Jobs share provider packages through a directory that terraform only reads.
//
// Terraform's own plugin cache cannot be shared: "The provider installer's
// behavior in environments with multiple terraform init calls is undefined"
// (developer.hashicorp.com/terraform/cli/config/config-file, provider plugin
// cache), and it writes packages again over those that another plan executes.
// Here terraform gets a filesystem mirror: a directory of the job's own with links
// to the packages that it may use. The shared directory can be passed through and
// not be listed, so a job does not see what others use.
//
// What a job's own init downloaded stays that job's: the configuration of a
// project makes init run programs (credential_process of a backend's AWS profile,
// exec of the kubernetes backend, key providers of OpenTofu), and those can write
// to the package before anybody hashed it. What is shared is fetched once more, by
// an init of nothing but that provider, in a directory where no line of a project
// ever was (fetch.go). So no job's code changes what another one runs.
//
// A package moves to the shared directory by one rename: it is there whole or not
// at all, and never changes. The hash of its content (h1) and a stamp of its files
// are kept beside it. Before a package is offered its files are compared with the
// stamp, and hashed again when one differs; a package that is not what was fetched
// is removed (stamp.go).
//
// The mirror is offered only for what it can serve: a dependency lock file may
// hold hashes of the zip file alone, against which an unpacked package cannot be
// checked. A provider that the lock file names with another hash is downloaded.
const (
	packagesDir = "packages" // HOST/NAMESPACE/TYPE/VERSION/OS_ARCH, as in a filesystem mirror
	hashesDir   = "hashes"   // the same path: a file with the package's h1 hash
	stampsDir   = "stamps"   // the same path: what its files looked like when they were hashed
)

// providersDir is where terraform has the packages that it uses, in a project's
// directory; below it is as packagesDir.
const providersDir = ".terraform/providers"

// installation writes terraform's CLI configuration for this job. It names the
// ways of installation explicitly, which also takes away the implied mirror
// terraform.d/plugins of the working directory: provider programs inside the
// pull request.
func (j *job) installation() error {
	j.cliConfig = j.path("terraform.rc")
	config := "provider_installation {\n  direct {}\n}\n"
	switch {
	case j.options.CLIConfig != "": // a copy, which the jail may read
		content, err := os.ReadFile(j.options.CLIConfig)
		if err != nil {
			return fmt.Errorf("reading terraform's CLI configuration: %w", err)
		}
		config = string(content)
	case j.options.Providers != "":
		locked, err := j.lockedProviders()
		if err != nil {
			return err
		}
		there, err := j.sharedPackages().sift()
		if err != nil {
			return fmt.Errorf("looking at the packages of providers: %w", err)
		}
		here, elsewhere := j.whereLocked(locked)
		j.offered = offered(there, here, elsewhere)
		if err := j.layMirror(); err != nil {
			return fmt.Errorf("making the mirror of providers: %w", err)
		}
		config = mirrorConfig(j.path(mirrorDir), here, elsewhere)
	}
	if err := os.WriteFile(j.cliConfig, []byte(config), 0o600); err != nil {
		return fmt.Errorf("writing terraform's CLI configuration: %w", err)
	}
	return nil
}

// mirrorDir is the mirror of a job, in its directory.
const mirrorDir = "mirror"

// whereLocked says for each locked provider where it comes from: here when the
// shared directory has exactly that package, else from the registry.
func (j *job) whereLocked(locked []lockedProvider) (here, elsewhere []lockedProvider) {
	for _, p := range locked {
		hash, err := j.sharedPackages().hash(p.path())
		if err == nil && slices.Contains(p.hashes, hash) {
			j.sharedPackages().used(p.path())
			here = append(here, p)
		} else {
			elsewhere = append(elsewhere, p)
		}
	}
	return here, elsewhere
}

// offered are those of the packages that a job may use: of a locked provider the
// one that is locked, and of the others all.
func offered(there []string, here, elsewhere []lockedProvider) (out []string) {
	for _, rel := range there {
		of := func(p lockedProvider) bool { return strings.HasPrefix(rel, filepath.FromSlash(p.source)+"/") }
		exactly := func(p lockedProvider) bool { return rel == p.path() }
		if slices.ContainsFunc(here, exactly) || !slices.ContainsFunc(here, of) && !slices.ContainsFunc(elsewhere, of) {
			out = append(out, rel)
		}
	}
	return out
}

// layMirror makes the job's mirror. The links in it are for everybody whom the
// jail lets into the directory.
func (j *job) layMirror() error {
	if err := os.MkdirAll(j.path(mirrorDir), 0o700); err != nil {
		return err
	}
	for _, rel := range j.offered {
		link := filepath.Join(j.path(mirrorDir), rel)
		if err := makePassable(j.path(mirrorDir), filepath.Dir(rel), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(j.sharedPackages().path(packagesDir, rel), link); err != nil {
			return err
		}
	}
	return nil
}

// mirrorConfig says where terraform gets providers. Those that are not locked may
// come from either place.
func mirrorConfig(mirror string, here, elsewhere []lockedProvider) string {
	quoted := func(list []lockedProvider) string {
		var out []string
		for _, p := range list {
			out = append(out, fmt.Sprintf("%q", p.source))
		}
		return strings.Join(out, ", ")
	}
	return fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path    = %q\n    exclude = [%s]\n  }\n  direct {\n    exclude = [%s]\n  }\n}\n",
		mirror, quoted(elsewhere), quoted(here))
}

// lockedProvider is one entry of .terraform.lock.hcl.
type lockedProvider struct {
	source, version string
	hashes          []string
}

func (p lockedProvider) path() string {
	return filepath.Join(filepath.FromSlash(p.source), p.version, runtime.GOOS+"_"+runtime.GOARCH)
}

// lockedProviders reads the project's lock file as terraform writes it. One that
// is written otherwise only costs downloads: terraform checks hashes itself.
func (j *job) lockedProviders() ([]lockedProvider, error) {
	content, err := j.lock()
	return providersIn(content), err
}

// providersIn are the entries of a lock file.
func providersIn(content []byte) []lockedProvider {
	block := regexp.MustCompile(`^provider "([A-Za-z0-9][A-Za-z0-9.:-]*/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+)" \{$`)
	version := regexp.MustCompile(`^version\s*=\s*"([0-9][0-9A-Za-z.+-]*)"$`)
	hash := regexp.MustCompile(`"((?:h1|zh):[A-Za-z0-9+/=]+)"`)
	var out []lockedProvider
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "provider ") {
			var p lockedProvider
			if m := block.FindStringSubmatch(line); m != nil {
				p.source = m[1]
			}
			out = append(out, p)
			continue
		}
		if len(out) == 0 {
			continue
		}
		p := &out[len(out)-1]
		if m := version.FindStringSubmatch(line); m != nil {
			p.version = m[1]
		}
		for _, m := range hash.FindAllStringSubmatch(line, -1) {
			p.hashes = append(p.hashes, m[1])
		}
	}
	return slices.DeleteFunc(out, func(p lockedProvider) bool { return p.source == "" || p.version == "" })
}

// linkProviders puts the locked packages into the project's directory as init
// does, and reports whether all of them are there. Terraform compares them with
// the lock file before it starts one.
func (j *job) linkProviders(lock []byte) bool {
	named := strings.Count("\n"+string(lock), "\nprovider ")
	if named == 0 {
		return true
	}
	locked := providersIn(lock)
	if len(locked) != named || j.options.Providers == "" {
		return false
	}
	for _, p := range locked {
		hash, err := j.sharedPackages().hash(p.path())
		if err != nil || !slices.Contains(p.hashes, hash) {
			return false
		}
		link := filepath.Join(j.dir, providersDir, p.path())
		err = errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(filepath.Join(j.options.Providers, packagesDir, p.path()), link))
		if err != nil {
			return false
		}
	}
	return true
}
