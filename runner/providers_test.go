package runner

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"
)

const (
	fakeSource  = "registry.example.org/acme/fake"
	fakeVersion = "1.2.3"
	needsFake   = `
terraform {
  required_providers {
    fake = {
      source  = "registry.example.org/acme/fake"
      version = "1.2.3"
    }
  }
}
resource "terraform_data" "a" {}
`
)

var platform = runtime.GOOS + "_" + runtime.GOARCH

// zipMirror is a place to download the fake provider from: a mirror of zip
// files, which terraform unpacks as it does with those of a registry.
func zipMirror(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), fakeSource)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("terraform-provider-fake_%s_%s.zip", fakeVersion, platform)))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	header := &zip.FileHeader{Name: "terraform-provider-fake_v" + fakeVersion, Method: zip.Deflate}
	header.SetMode(0o755)
	w, err := z.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(strings.Repeat("#!/bin/sh\n", 100_000)))
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(dir, fakeSource)
}

// initJob is a job up to its init, in this process.
func initJob(t *testing.T, id, providers, mirror, lock string) (*job, error) {
	t.Helper()
	return initJobOf(t, id, providers, mirror, lock, func(string) {})
}

// initJobOf is initJob with what a program does to the package at the end of init.
func initJobOf(t *testing.T, id, providers, mirror, lock string, does func(installed string)) (*job, error) {
	t.Helper()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	j := &job{options: Options{Dir: t.TempDir(), Terraform: terraform, Providers: providers, Read: []string{mirror}}, secrets: newRedactor(nil), wrote: map[string][2]part{}}
	t.Cleanup(j.leave)
	j.doc.JobID = id
	dir := j.path("source")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Mkdir(j.path("home"), 0o700),
		os.WriteFile(filepath.Join(dir, "main.tf"), []byte(needsFake), 0o600)); err != nil {
		t.Fatal(err)
	}
	if lock != "" {
		if err := os.WriteFile(filepath.Join(dir, ".terraform.lock.hcl"), []byte(lock), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j.dir = dir
	if err := j.installation(); err != nil {
		return j, err
	}
	// No network here: the registry is a directory.
	config, err := os.ReadFile(j.cliConfig)
	if err != nil {
		t.Fatal(err)
	}
	registry := fmt.Sprintf("filesystem_mirror {\n    path = %q", mirror)
	if err := os.WriteFile(j.cliConfig, []byte(strings.Replace(string(config), "direct {", registry, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	j.env = j.environment(os.LookupEnv)
	if p := j.terraform(t.Context(), "init", "init", "-input=false", "-no-color"); p != nil {
		return j, fmt.Errorf("%w: %s", p, p.Detail)
	}
	does(j.installed())
	j.shareProviders(t.Context())
	return j, nil
}

func (j *job) installed() string {
	return filepath.Join(j.dir, providersDir, fakeSource, fakeVersion, platform)
}

func isLink(t *testing.T, name string) bool {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()&os.ModeSymlink != 0
}

func TestParallelInitsShareProviders(t *testing.T) {
	t.Parallel()
	mirror, providers := zipMirror(t), t.TempDir()
	jobs := make([]*job, 6)
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	for i := range jobs {
		all.Go(func() { jobs[i], errs[i] = initJob(t, fmt.Sprintf("run-%d", i), providers, mirror, "") })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(providers, packagesDir, fakeSource, fakeVersion, platform)
	hash, err := dirhash.HashDir(shared, "", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		dir, err := filepath.EvalSymlinks(j.installed())
		if err != nil {
			t.Fatal(err)
		}
		own, err := dirhash.HashDir(dir, "", dirhash.Hash1)
		if err != nil || own != hash {
			t.Errorf("%s has %s, %v", j.doc.JobID, own, err)
		}
	}
	later, err := initJob(t, "run-6", providers, t.TempDir(), "")
	if err != nil || !isLink(t, later.installed()) {
		t.Errorf("a later job does not share the package: %v", err)
	}
	noted, err := os.ReadFile(filepath.Join(providers, hashesDir, fakeSource, fakeVersion, platform))
	if err != nil || string(noted) != hash {
		t.Errorf("noted hash %q, want %q: %v", noted, hash, err)
	}
}

func TestLockedProvidersComeFromWhereTheirHashIs(t *testing.T) {
	t.Parallel()
	mirror, providers := zipMirror(t), t.TempDir()
	first, err := initJob(t, "run-0", providers, mirror, "")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(first.path("source/.terraform.lock.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(lock), "h1:") {
		t.Fatalf("terraform wrote another kind of lock file:\n%s", lock)
	}

	// The package is here and is the one that is locked: nowhere else is needed.
	j, err := initJob(t, "run-1", providers, t.TempDir(), string(lock))
	if err != nil {
		t.Fatal(err)
	}
	if !isLink(t, j.installed()) {
		t.Error("the shared package was not used")
	}

	// The lock file knows the zip file alone, as one written on another system.
	i := strings.Index(string(lock), `"h1:`)
	end := i + strings.Index(string(lock)[i:], "\n")
	zipOnly := string(lock)[:i] + `"` + zipHash(t, mirror) + `",` + string(lock)[end:]
	if j, err = initJob(t, "run-2", providers, mirror, zipOnly); err != nil {
		t.Fatal(err)
	}
	if isLink(t, j.installed()) {
		t.Error("a package was used that the lock file does not know")
	}

	// T01: the lock file knows something else.
	other := string(lock)[:i] + `"h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",` + string(lock)[end:]
	if _, err = initJob(t, "run-3", providers, mirror, other); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a package with another hash was accepted: %v", err)
	}
}

// poisoned is the content of a package that a job made.
const poisoned = "#!/bin/sh\n: evil\n"

// t_poison: a plan of one repository cannot change what another one runs, also
// where no lock file is committed.
func TestPoisonAPackageThatAJobWroteIsNotShared(t *testing.T) {
	t.Parallel()
	mirror, providers := zipMirror(t), t.TempDir()
	registry, err := dirhash.HashZip(onlyFile(t, filepath.Join(mirror, fakeSource)), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	first, err := initJobOf(t, "evil-0", providers, mirror, "", func(installed string) {
		program := onlyFile(t, installed)
		if err := os.WriteFile(program, []byte(poisoned), 0o700); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.EvalSymlinks(first.installed())
	if err != nil {
		t.Fatal(err)
	}
	if own, err := dirhash.HashDir(own, "", dirhash.Hash1); err != nil || own == registry {
		t.Fatalf("the job did not write to its package: %s, %v", own, err)
	}
	second, err := initJob(t, "run-1", providers, mirror, "")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(second.installed())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := dirhash.HashDir(dir, "", dirhash.Hash1); err != nil || got != registry {
		t.Errorf("the second job runs %s, the registry has %s: %v", got, registry, err)
	}
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", dir, found, err)
	}
	return found[0]
}

// T06: whatever becomes of a shared package, no job runs anything but what was
// fetched.
func TestASharedPackageIsCheckedWhenItsFilesChanged(t *testing.T) {
	t.Parallel()
	mirror := zipMirror(t)
	for name, c := range map[string]struct {
		change func(t *testing.T, providers, program string)
		stays  bool
	}{
		"touched":     {func(t *testing.T, _, program string) { check(t, os.Chtimes(program, time.Unix(1, 0), time.Unix(1, 0))) }, true},
		"other bytes": {func(t *testing.T, _, program string) { check(t, os.WriteFile(program, []byte(poisoned), 0o755)) }, false},
		"other bytes of the same time and size": {func(t *testing.T, _, program string) {
			info, err := os.Stat(program)
			check(t, err)
			content, err := os.ReadFile(program)
			check(t, err)
			content[0] = '!'
			check(t, os.WriteFile(program, content, 0o755))
			check(t, os.Chtimes(program, info.ModTime(), info.ModTime()))
		}, false},
		"a file more": {func(t *testing.T, _, program string) {
			check(t, os.WriteFile(program+"-more", []byte(poisoned), 0o755))
		}, false},
		"a link": {func(t *testing.T, _, program string) {
			check(t, errors.Join(os.Rename(program, program+"-"), os.Symlink(program+"-", program)))
		}, false},
		"no stamp": {func(t *testing.T, providers, _ string) {
			check(t, os.Remove(filepath.Join(providers, stampsDir, fakeSource, fakeVersion, platform)))
		}, false},
		"another hash": {func(t *testing.T, providers, program string) {
			check(t, os.WriteFile(filepath.Join(providers, hashesDir, fakeSource, fakeVersion, platform), []byte("h1:evil="), 0o600))
			check(t, os.Chtimes(program, time.Unix(1, 0), time.Unix(1, 0)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := t.TempDir()
			first, err := initJob(t, "run-0", providers, mirror, "")
			check(t, err)
			shared := filepath.Join(providers, packagesDir, fakeSource, fakeVersion, platform)
			program := onlyFile(t, shared)
			if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("others cannot run the program: %v, %v", info.Mode(), err)
			}
			before, err := dirhash.HashDir(shared, "", dirhash.Hash1)
			check(t, err)
			c.change(t, providers, program)
			if _, err := first.sharedPackages().hash(filepath.Join(fakeSource, fakeVersion, platform)); (err == nil) != c.stays {
				t.Errorf("offered to a job that needs no init: %v", err)
			}
			next, err := initJob(t, "run-1", providers, mirror, "")
			check(t, err)
			if isLink(t, next.installed()) != c.stays {
				t.Errorf("offered to a job with an init: %t", isLink(t, next.installed()))
			}
			if after, err := dirhash.HashDir(shared, "", dirhash.Hash1); err != nil || after != before {
				t.Errorf("shared afterwards: %s, want %s: %v", after, before, err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func zipHash(t *testing.T, mirror string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(mirror, fakeSource, "*.zip"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return "zh:" + sha256Hex(content)
}

// A job sees the packages that it may use, of a locked provider that one, and others
// of the machine list none.
func TestAJobSeesNoPackagesOfOthers(t *testing.T) {
	t.Parallel()
	mirror, providers := zipMirror(t), t.TempDir()
	first, err := initJob(t, "run-0", providers, mirror, "")
	check(t, err)
	lock, err := os.ReadFile(filepath.Join(first.dir, lockFile))
	check(t, err)
	fake, other := filepath.Join(fakeSource, fakeVersion, platform), filepath.Join(fakeSource, "1.0.0", platform)
	from := filepath.Join(t.TempDir(), "package")
	check(t, errors.Join(os.Mkdir(from, 0o755), os.WriteFile(filepath.Join(from, "terraform-provider-fake_v1.0.0"), []byte("#!/bin/sh\n"), 0o755)))
	check(t, first.sharedPackages().add(from, other))
	for name, row := range map[string]struct {
		lock string
		want []string
	}{"locked": {string(lock), []string{fake}}, "not locked": {"", []string{fake, other}}} {
		j, err := initJob(t, "run-1", providers, t.TempDir(), row.lock)
		check(t, err)
		seen, err := filepath.Glob(j.path(mirrorDir) + "/*/*/*/*/*")
		check(t, err)
		box, err := j.box()
		check(t, err)
		for _, rel := range []string{fake, other} {
			wants := slices.Contains(row.want, rel)
			if slices.Contains(seen, filepath.Join(j.path(mirrorDir), rel)) != wants || slices.Contains(box.Read, filepath.Join(providers, packagesDir, rel)) != wants {
				t.Errorf("%s: %s is seen: %v, %v", name, rel, seen, box.Read)
			}
		}
		if slices.Contains(box.Read, filepath.Join(providers, packagesDir)) {
			t.Errorf("%s: all packages can be read", name)
		}
	}
	for dir := filepath.Dir(filepath.Join(providers, packagesDir, fake)); len(dir) >= len(providers); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		check(t, err)
		if info.Mode().Perm() != passable {
			t.Errorf("%s has the mode %v", dir, info.Mode().Perm())
		}
	}
}

// What one jail is given another one takes away: a job that fetched packages still
// has its own configuration.
func TestAJobThatFetchedPackagesKeepsItsConfiguration(t *testing.T) {
	t.Parallel()
	j, err := initJob(t, "run-0", t.TempDir(), zipMirror(t), "")
	check(t, err)
	if p := j.terraform(t.Context(), "plan", "version"); p != nil {
		t.Fatal(p, p.Detail)
	}
	if said := j.beginningOf(j.wrote["plan"][1]); said != "" {
		t.Errorf("the next command says:\n%s", said)
	}
}

// T01: a provider program inside the repository.
func TestProvidersOfTheRepositoryAreNotUsed(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{
		"app/main.tf": needsFake,
		"app/terraform.d/plugins/" + fakeSource + "/" + fakeVersion + "/" + platform + "/terraform-provider-fake_v" + fakeVersion: "#!/bin/sh\n",
	})
	wantProblem(t, s.run(t), "init_failed", fakeSource)
}

func TestLockFile(t *testing.T) {
	got := providersIn([]byte(`# This file is maintained automatically by "terraform init".
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.1.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:abc+/=",
    "zh:00",
  ]
}
provider "registry.terraform.io/../../x" {
  version = "1.0.0"
}
provider "registry.terraform.io/a/b" {
  version = "../../x"
}
`))
	want := []lockedProvider{{source: "registry.terraform.io/hashicorp/aws", version: "5.1.0", hashes: []string{"h1:abc+/=", "zh:00"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(lockedProvider{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func sha256Hex(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }
