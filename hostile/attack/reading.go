//go:build linux

package attack

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// reading are attacks that read files.
var reading = []Attack{
	{Name: "read-secrets", Tries: "opens the App's key, the webhook secret, the database, artifacts and files of another job", Holds: "none of them can be read",
		carry: func(r *Report, t Target) {
			for _, name := range t.Secrets {
				r.look(name)
			}
		}},
	{Name: "read-by-dots", Tries: "the same through ../.. from the working directory", Holds: "none of them can be read",
		carry: func(r *Report, t Target) {
			for _, name := range t.Secrets {
				r.look(strings.Repeat("../", 20) + name)
			}
		}},
	{Name: "read-by-link", Tries: "the same through symbolic links in its own directory", Holds: "none of them can be read",
		carry: func(r *Report, t Target) {
			for i, name := range t.Secrets {
				link := fmt.Sprintf("by-link-%d", i)
				if err := os.Symlink(name, link); err != nil {
					r.Tried("%v", err)
					continue
				}
				r.look(link)
				_ = os.Remove(link)
			}
		}},
	{Name: "read-by-hard-link", Tries: "makes hard links to them in its own directory", Holds: "no link is made",
		carry: func(r *Report, t Target) {
			for i, name := range append(t.Secrets, t.Files...) {
				link := fmt.Sprintf("hard-link-%d", i)
				if err := os.Link(name, link); err != nil {
					r.Tried("%v", err)
					continue
				}
				r.Broke("linked %s", name)
				r.look(link)
			}
		}},
	{Name: "list-directories", Tries: "lists the data directory, the jobs, the artifacts, the mirrors and the shared providers", Holds: "nothing is listed",
		carry: func(r *Report, t Target) {
			for _, dir := range t.Places {
				entries, err := os.ReadDir(dir)
				if err != nil || len(entries) == 0 {
					r.Tried("%s: %d entries, %v", dir, len(entries), err)
					continue
				}
				r.Broke("listed %s: %v", dir, entries)
			}
		}},
	{Name: "walk-the-machine", Tries: "walks from / and opens all that it may, looking for a secret", Holds: "no secret is found",
		carry: walkTheMachine},
	{Name: "read-accounts", Tries: "reads /etc/shadow and the keys of root", Holds: "neither is readable",
		carry: func(r *Report, t Target) {
			for _, name := range []string{"/etc/shadow", "/etc/gshadow", "/root/.ssh/id_rsa", "/root/.netrc", "/root/.bash_history", "/root/.aws/credentials"} {
				r.look(name)
			}
		}},
	{Name: "environ-of-others", Tries: "reads /proc/<pid>/environ and cmdline of every process that it finds", Holds: "no secret is in any of them",
		carry: func(r *Report, t Target) {
			for _, dir := range processes(t) {
				for _, name := range []string{"environ", "cmdline", "task/" + filepath.Base(dir) + "/environ"} {
					content, err := os.ReadFile(filepath.Join(dir, name))
					if err != nil {
						r.Tried("%v", err)
					} else if Holds(content) {
						r.Broke("a secret in %s/%s", dir, name)
						r.Took(dir, around(content))
					}
				}
			}
		}},
	{Name: "files-of-others", Tries: "reads through /proc/<pid>/root, cwd and fd of every process that it finds", Holds: "no secret is reached",
		carry: filesOfOthers},
	{Name: "own-environ", Tries: "reads its own environment and that of its parents", Holds: "no secret of the server or of another environment is in it",
		carry: func(r *Report, t Target) {
			texts := [][]byte{[]byte(strings.Join(os.Environ(), "\n"))}
			for _, pid := range []any{"self", os.Getppid(), 1} {
				if content, err := os.ReadFile(fmt.Sprintf("/proc/%v/environ", pid)); err == nil {
					texts = append(texts, content)
				}
			}
			for _, text := range texts {
				if Holds(text) {
					r.Broke("a secret in the environment")
					r.Took("environment", around(text))
				}
			}
		}},
	{Name: "inherited-files", Tries: "reads and writes every open file that it was started with", Holds: "none is a file of the server or the runner, and no lock of theirs can be taken",
		carry: inheritedFiles},
	{Name: "raw-devices", Tries: "opens the disks, /dev/mem, /dev/kmsg and /proc/kcore", Holds: "none can be opened",
		carry: func(r *Report, t Target) {
			names, _ := filepath.Glob("/dev/[svx]d[a-z]*") // the pattern is well-formed
			more, _ := filepath.Glob("/dev/nvme*")
			for _, name := range append(append(names, more...), "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kcore", "/proc/kmsg") {
				f, err := os.Open(name)
				if err != nil {
					r.Tried("%v", err)
					continue
				}
				_ = f.Close()
				r.Broke("opened %s", name)
			}
		}},
}

// processes are the directories in /proc of the processes that can be found, and
// of those that are known.
func processes(t Target) []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	for _, pid := range t.Processes {
		dirs = append(dirs, fmt.Sprintf("/proc/%d", pid))
	}
	return dirs
}

func filesOfOthers(r *Report, t Target) {
	for _, dir := range processes(t) {
		for _, name := range t.Secrets {
			if content, err := os.ReadFile(dir + "/root" + name); err == nil && len(content) > 0 {
				r.Broke("read %s/root%s", dir, name)
				r.Took(dir, around(content))
			}
		}
		files, err := os.ReadDir(dir + "/fd")
		if err != nil {
			r.Tried("%v", err)
		}
		for _, entry := range files {
			name := dir + "/fd/" + entry.Name()
			info, err := os.Stat(name)
			if err != nil || !info.Mode().IsRegular() {
				continue // a pipe would make us wait
			}
			if content, err := head(name); err == nil && Holds(content) {
				r.Broke("a secret in %s", name)
				r.Took(name, around(content))
			}
		}
		if entries, err := os.ReadDir(dir + "/cwd/"); err == nil {
			for _, entry := range entries {
				if content, err := head(dir + "/cwd/" + entry.Name()); err == nil && Holds(content) {
					r.Broke("a secret in %s/cwd/%s", dir, entry.Name())
					r.Took(dir, around(content))
				}
			}
		}
	}
}

// head is the beginning of a regular file.
func head(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrInvalid
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// walkTheMachine leaves out what is large and the machine's own.
func walkTheMachine(r *Report, t Target) {
	opened := 0
	_ = filepath.WalkDir("/", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint: an attacker goes on
		}
		if entry.IsDir() {
			switch path {
			case "/proc", "/sys", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/boot", "/root/go", "/root/.cache":
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 8<<20 || opened > 20_000 {
			return nil
		}
		content, err := head(path)
		if err != nil {
			return nil
		}
		opened++
		if Holds(content) && !bytes.Contains(content, []byte("acme/hostile")) { // that is this program
			r.Broke("a secret in %s", path)
			r.Took(path, around(content))
		}
		return nil
	})
	r.Tried("%d files could be opened", opened)
}
