//go:build linux

package attack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaching are attacks that speak with or signal others.
var reaching = []Attack{
	{Name: "unix-sockets", Tries: "connects to sockets of the server's side by path", Holds: "none answers",
		carry: func(r *Report, t Target) { r.connect(t.Sockets) }},
	{Name: "abstract-sockets", Tries: "connects to sockets of the server's side by abstract name", Holds: "none answers",
		carry: func(r *Report, t Target) { r.connect([]string{"@" + t.Abstract}) }},
	{Name: "forge-a-webhook", Tries: "signs a button press of somebody else with every secret that it finds, and posts it to the server", Holds: "no secret is found, and the server takes none",
		carry: forge},
	{Name: "kill-others", Tries: "kills the server, runners and other jobs by kill, tgkill and pidfd", Holds: "all of them live", Alone: true,
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				r.Tried("kill %d: %v", pid, unix.Kill(pid, unix.Signal(t.Signal)))
				r.Tried("kill group %d: %v", pid, unix.Kill(-pid, unix.Signal(t.Signal)))
				r.Tried("tgkill %d: %v", pid, unix.Tgkill(pid, pid, unix.Signal(t.Signal)))
				fd, err := unix.PidfdOpen(pid, 0)
				if err == nil {
					err = unix.PidfdSendSignal(fd, unix.Signal(t.Signal), nil, 0)
					_ = unix.Close(fd)
				}
				r.Tried("pidfd %d: %v", pid, err)
			}
		}},
	{Name: "kill-all", Tries: "kills every process that it may: kill(-1)", Holds: "the server and other jobs live", Alone: true,
		carry: func(r *Report, t Target) { r.Tried("kill -1: %v", unix.Kill(-1, unix.Signal(t.Signal))) }},
	{Name: "kill-parents", Tries: "kills its provider, terraform, and what started that", Holds: "the job ends with a sentence, others live", Alone: true,
		carry: func(r *Report, t Target) {
			for pid := 1; pid <= os.Getppid(); pid++ { // where numbers are the machine's, this stays below ours
				if pid == os.Getpid() || t.Signal != int(unix.SIGKILL) && pid != os.Getppid() {
					continue
				}
				r.Tried("kill %d: %v", pid, unix.Kill(pid, unix.Signal(t.Signal)))
			}
		}},
	{Name: "stop-others", Tries: "stops the server and other jobs for ever: SIGSTOP, and the lowest priority", Holds: "none is stopped", Alone: true,
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				if err := unix.Setpriority(unix.PRIO_PROCESS, pid, 19); err == nil && !inNamespace(t) {
					r.Broke("changed the priority of %d", pid)
				}
				if t.Signal == int(unix.SIGKILL) {
					r.Tried("stop %d: %v", pid, unix.Kill(pid, unix.SIGSTOP))
				}
			}
		}},
	{Name: "inherited-locks", Tries: "releases the locks of files that it was started with", Holds: "there are none", Alone: true,
		carry: func(r *Report, t Target) {
			for _, fd := range inherited() {
				if err := unix.Flock(fd, unix.LOCK_UN); err == nil {
					r.Broke("released the lock of file %d", fd)
				}
			}
		}},
}

// connect takes what sockets say to whoever connects.
func (r *Report) connect(names []string) {
	for _, name := range names {
		c, err := net.DialTimeout("unix", name, 5*time.Second)
		if err != nil {
			r.Tried("%v", err)
			continue
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // a closed connection says so by itself
		said, _ := io.ReadAll(io.LimitReader(c, 4096))
		_ = c.Close()
		r.Broke("connected to %s", name)
		r.Took(name, said)
	}
}

// forge is what a stolen webhook secret would be good for.
func forge(r *Report, t Target) {
	keys := []string{"", "secret"}
	for _, name := range t.Secrets {
		if content, err := head(name); err == nil && len(content) < 200 {
			keys = append(keys, strings.TrimSpace(string(content)))
		}
	}
	for _, dir := range processes(t) {
		content, _ := os.ReadFile(dir + "/environ") // not to be read is what is hoped for
		for entry := range strings.SplitSeq(string(content), "\x00") {
			if name, v, _ := strings.Cut(entry, "="); strings.Contains(name, "SECRET") && !slices.Contains(keys, v) {
				keys = append(keys, v)
			}
		}
	}
	for _, key := range keys {
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = mac.Write([]byte(t.Forged))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Webhook, strings.NewReader(t.Forged))
		if err != nil {
			r.Tried("%v", err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-GitHub-Event", "check_run")
		request.Header.Set("X-GitHub-Delivery", "5f1d4ab0-0000-4000-8000-0123456789ab")
		request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			r.Tried("%v", err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode < 300 {
			r.Broke("the server took a forged webhook")
		} else {
			r.Tried("the server answered %s", response.Status)
		}
	}
}

// inherited are the open files beside the first three that this process did not
// open: those that Go's own end when a program is started.
func inherited() (found []int) {
	for fd := 3; fd < 1024; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			found = append(found, fd)
		}
	}
	return found
}

func inheritedFiles(r *Report, t Target) {
	for _, fd := range inherited() {
		var info unix.Stat_t
		if err := unix.Fstat(fd, &info); err != nil {
			r.Tried("file %d: %v", fd, err)
			continue
		}
		name, _ := os.Readlink("/proc/self/fd/" + string(rune('0'+fd%10))) // for the reader of a failure
		content := make([]byte, 64<<10)
		switch info.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			r.Broke("file %d is a file of somebody else: %s", fd, name)
			if n, err := unix.Pread(fd, content, 0); err == nil && n > 0 {
				r.Took("open file", content[:n])
			}
		case syscall.S_IFDIR:
			for _, secret := range t.Secrets {
				if got, err := unix.Openat(fd, strings.Repeat("../", 20)+secret, unix.O_RDONLY, 0); err == nil {
					r.Broke("%s is reached through the directory that is open as %d", secret, fd)
					_ = unix.Close(got)
				}
			}
		case syscall.S_IFSOCK, syscall.S_IFIFO:
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil {
				r.Broke("file %d speaks with somebody: %s", fd, name)
			}
		}
	}
}
