package config

import (
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Values of isolation: what happens when the machine cannot keep jobs apart from
// everything else.
const (
	IsolationRequired   = "required"    // the server does not start
	IsolationBestEffort = "best_effort" // jobs run in what there is
	IsolationOff        = "off"         // jobs run as the server's user, with all that it may do
)

// Directories of this machine that jobs of an environment may reach, besides
// their own files: absolute, without links, and there.
type Directories struct {
	Read  []string `yaml:"read"`
	Write []string `yaml:"write"`
}

// jobMemory is what a job may have where nothing is configured: Terraform with a
// large provider takes 1.3 GiB for 20,000 resources, and the rest of the machine
// has to live.
func jobMemory(machine int64) Size { return Size(min(4<<30, max(1<<30, machine/2))) }

// machineMemory is in bytes, 0 when it is not known.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// isolation checks what jobs on this machine may reach. Jobs of the aws engine
// run in containers, whose size is the stack's.
func (v *validator) isolation(c *Config) {
	v.check(slices.Contains([]string{IsolationRequired, IsolationBestEffort, IsolationOff}, c.Isolation), "isolation", "must be required, best_effort or off")
	v.between("limits.job_memory", int64(c.Limits.JobMemory), 256<<20, 1<<40, "256MiB", "1024GiB")
	v.between("limits.job_processes", int64(c.Limits.JobProcesses), 64, 65536, "64", "65536")
	v.between("limits.job_open_files", int64(c.Limits.JobOpenFiles), 256, 1<<20, "256", "1048576")
	v.between("limits.job_disk", int64(c.Limits.JobDisk), 100<<20, 1<<40, "100MiB", "1024GiB")
	if c.Engine == "aws" {
		for _, key := range []string{"isolation", "limits.job_memory", "limits.job_processes", "limits.job_open_files", "limits.job_disk"} {
			_, is := v.Lines[key]
			v.check(!is, key, "is for engine: local; remove it")
		}
	}
	v.directories(c)
	v.outOfSight(c)
}

// outOfSight refuses secrets in a place that every job sees. Where the server is not root
// its jobs have its user, and no mode of a file keeps them off.
func (v *validator) outOfSight(c *Config) {
	if c.Engine == "aws" {
		return
	}
	for _, t := range c.private() {
		for _, seen := range jail.SystemPaths() {
			if t.path == "" || v.Noted(t.name) {
				continue
			}
			v.check(!inside(resolved(t.path), resolved(seen)), t.name, "is in %s, which every job sees; move it, such as to /etc/lockkeeper or /var/lib/lockkeeper", seen)
		}
	}
}

// directories checks what environments share with their jobs, and follows links:
// what is checked here is what jobs get.
func (v *validator) directories(c *Config) {
	private, programs := c.private(), v.programs(c)
	var writable []string
	for d := range c.shared() {
		v.directory(d.key, d.path, c.Engine)
		v.apart(d.key, *d.path, private)
		if d.write {
			v.apart(d.key, *d.path, programs)
			writable = append(writable, *d.path)
		}
	}
	for d := range c.shared() { // what lies in a directory that jobs write could become a link to anywhere
		for _, w := range writable {
			v.check(*d.path == w || !inside(*d.path, w), d.key, "lies in %s, where jobs may write: name that one alone, or two that are apart", w)
		}
	}
}

// shared is a directory that an environment names.
type shared struct {
	key   string
	path  *string
	write bool
}

func (c *Config) shared() iter.Seq[shared] {
	return func(yield func(shared) bool) {
		for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
			d := c.Environments[name].Directories
			for i := range d.Read {
				if !yield(shared{indexed("environments."+name+".directories.read", i), &d.Read[i], false}) {
					return
				}
			}
			for i := range d.Write {
				if !yield(shared{indexed("environments."+name+".directories.write", i), &d.Write[i], true}) {
					return
				}
			}
		}
	}
}

// directory checks one, and replaces it by where its links lead.
func (v *validator) directory(key string, dir *string, engine string) {
	v.check(engine != "aws", key, "is for engine: local; remove it")
	v.check(filepath.IsAbs(*dir), key, "must be an absolute path")
	if v.Noted(key) {
		return
	}
	real, err := filepath.EvalSymlinks(*dir)
	v.check(err == nil && isDirectory(real), key, "must be a directory on this machine")
	if err != nil {
		return
	}
	*dir = real
	for _, broad := range []string{"/", "/etc", "/home", "/root", "/run", "/tmp", "/var", "/var/lib", "/var/tmp"} {
		v.check(real != broad, key, "must not be all of %s; name the one directory in it that jobs need", broad)
	}
	for _, shows := range []string{"/proc", "/sys", "/dev"} {
		v.check(!inside(real, shows), key, "must not be in %s, which shows the machine and its processes", shows)
	}
}

// thing is a path that a directory must keep away from, and what people call it.
type thing struct{ path, name string }

// private is what no job may even read.
func (c *Config) private() []thing {
	out := []thing{
		{c.DataDir, "data_dir"}, {c.EncryptionKeyFile, "encryption_key_file"}, {c.GitHub.PrivateKeyFile, "github.private_key_file"},
		{c.GitHub.WebhookSecretFile, "github.webhook_secret_file"}, {c.GitHub.PreviousWebhookSecretFile, "github.previous_webhook_secret_file"},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		variables := c.Environments[name].Variables
		for _, variable := range slices.Sorted(maps.Keys(variables)) {
			out = append(out, thing{variables[variable].File, "environments." + name + ".variables." + variable + ".file"})
		}
	}
	return out
}

// programs are what decides what runs and what is allowed: no job may write it.
func (v *validator) programs(c *Config) []thing {
	out := []thing{{c.PlanPolicy.ServerDir, "plan_policy.server_dir"}}
	if file, err := filepath.Abs(v.File); err == nil {
		out = append(out, thing{file, "this file"})
	}
	if own, err := os.Executable(); err == nil {
		out = append(out, thing{own, "lockkeeper itself"})
	}
	for i, binary := range c.Terraform.Binaries {
		out = append(out, thing{binary, indexed("terraform.binaries", i)})
	}
	for _, system := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/etc"} {
		out = append(out, thing{system, system})
	}
	return out
}

// apart complains about a directory that one of the things lies in, or that lies
// in one.
func (v *validator) apart(key, dir string, things []thing) {
	for _, t := range things {
		if t.path == "" || v.Noted(key) {
			continue
		}
		path := resolved(t.path)
		v.check(!inside(path, dir), key, "holds %s, which jobs must not reach", t.name)
		v.check(!inside(dir, path), key, "is in %s, which jobs must not reach", t.name)
	}
}

// inside reports whether a path is dir or below it. Both are absolute and clean.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// resolved follows the links of a path, as far as it exists.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
}
