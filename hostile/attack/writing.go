//go:build linux

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// writing are attacks that change files of others.
var writing = []Attack{
	{Name: "overwrite", Tries: "opens the database, stored plans, job documents, results and provider packages to write", Holds: "none opens",
		carry: func(r *Report, t Target) {
			for _, name := range t.Files {
				f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
				if err != nil {
					r.Tried("%v", err)
					continue
				}
				_, _ = f.WriteString(t.Mark)
				_ = f.Close()
				r.Broke("wrote to %s", name)
			}
		}},
	{Name: "plant", Tries: "makes files in the data directory, the artifacts, the mirrors, the provider store, other jobs, /etc and /usr", Holds: "none is made",
		carry: func(r *Report, t Target) {
			for _, dir := range append(t.Places, "/etc", "/usr/local/bin", "/var/spool/cron", "/root", "/") {
				name := filepath.Join(dir, t.Mark)
				if err := os.WriteFile(name, []byte(t.Mark), 0o700); err != nil {
					r.Tried("%v", err)
					continue
				}
				r.Broke("made %s", name)
			}
		}},
	{Name: "replace", Tries: "renames its own file over files of the server", Holds: "none is replaced",
		carry: func(r *Report, t Target) {
			for i, name := range t.Files {
				own := fmt.Sprintf("own-%d", i)
				_ = os.WriteFile(own, []byte(t.Mark), 0o600)
				if err := os.Rename(own, name); err != nil {
					r.Tried("%v", err)
					continue
				}
				r.Broke("replaced %s", name)
			}
		}},
	{Name: "remove", Tries: "removes, truncates and unlocks files of the server", Holds: "none is changed",
		carry: func(r *Report, t Target) {
			for _, name := range t.Files {
				// Some of these calls succeed and do nothing.
				if err := os.Chmod(name, 0o777); err == nil && changed(name, func(now os.FileInfo) bool { return now.Mode().Perm() == 0o777 }) {
					r.Broke("changed the mode of %s", name)
				}
				if err := os.Chtimes(name, time.Time{}, time.Unix(1, 0)); err == nil && changed(name, func(now os.FileInfo) bool { return now.ModTime().Unix() == 1 }) {
					r.Broke("changed the time of %s", name)
				}
				if err := unix.Setxattr(name, "user.hostile", []byte(t.Mark), 0); err == nil {
					r.Broke("set an attribute of %s", name)
				}
				if err := os.Truncate(name, 0); err == nil {
					r.Broke("truncated %s", name)
				}
				if err := os.Remove(name); err == nil {
					r.Broke("removed %s", name)
				}
			}
		}},
	{Name: "own-job-files", Tries: "writes result.json, alive, claimed, job.json and cancel of its own job", Holds: "the runner's files cannot be written",
		carry: func(r *Report, t Target) {
			for _, dir := range []string{t.Job, "..", "../..", "../../..", "../../../.."} {
				for _, name := range []string{"result.json", "alive", "claimed", "job.json", "cancel", "delivered", "runner.log"} {
					name = filepath.Join(dir, name)
					if _, err := os.Lstat(filepath.Join(dir, "job.json")); err != nil {
						continue // not the directory of a job
					}
					f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
					if err != nil {
						r.Tried("%v", err)
						continue
					}
					_, _ = f.WriteString(`{"outcome": "succeeded", "mark": "` + t.Mark + `"}`)
					_ = f.Close()
					r.Broke("wrote %s", name)
				}
			}
		}},
	{Name: "poison-providers", Tries: "changes the programs of the provider packages that it runs from", Holds: "none can be changed where another job would run it",
		carry: func(r *Report, t Target) {
			found, _ := filepath.Glob(".terraform/providers/*/*/*/*/*") // the pattern is well-formed
			for _, place := range t.Places {
				shared, _ := filepath.Glob(place + "/packages/*/*/*/*/*") // the same
				found = append(found, shared...)
			}
			for _, dir := range found {
				real, err := filepath.EvalSymlinks(dir)
				if err != nil || !filepath.IsAbs(real) {
					r.Tried("%s: its own copy, %v", dir, err)
					continue
				}
				entries, _ := os.ReadDir(real)
				for _, entry := range entries {
					name := filepath.Join(real, entry.Name())
					f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
					if err == nil {
						_ = f.Close()
					}
					if err == nil || os.Rename(name, name+t.Mark) == nil {
						r.Broke("may change %s", name)
					} else {
						r.Tried("%v", err)
					}
				}
				if err := os.WriteFile(filepath.Join(real, t.Mark), []byte(t.Mark), 0o700); err == nil {
					r.Broke("made a file in %s", real)
				}
			}
		}},
	{Name: "kernel-settings", Tries: "opens core_pattern, sysrq-trigger, modprobe, cgroup and other files of /proc/sys and /sys to write", Holds: "none opens",
		carry: func(r *Report, t Target) {
			for _, name := range []string{
				"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",
				"/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/cgroup.procs",
			} {
				f, err := os.OpenFile(name, os.O_WRONLY, 0) // nothing is written: this machine is not to blame
				if err != nil {
					r.Tried("%v", err)
					continue
				}
				_ = f.Close()
				r.Broke("opened %s", name)
			}
		}},
}

// changed looks at a file again; one that cannot be seen might be.
func changed(name string, is func(now os.FileInfo) bool) bool {
	now, err := os.Stat(name)
	return err != nil || is(now)
}
