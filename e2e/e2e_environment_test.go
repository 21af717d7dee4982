package e2e

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// imageUser is the user of the image (Dockerfile).
const imageUser = 10001

// asImageUser makes the server of this stage, when it is launched, one of the
// image's user. Only root can do that; for anybody else it stays the own user.
func (s *stage) asImageUser() {
	s.Helper()
	if os.Geteuid() != 0 {
		return
	}
	home, err := os.MkdirTemp("", "lockkeeper-user-")
	s.check(err)
	s.Cleanup(func() { _ = os.RemoveAll(home) })
	s.check(os.Chmod(home, 0o755))
	s.executable = filepath.Join(home, "lockkeeper")
	s.check(copyProgram(s.executable, os.Args[0]))
	s.check(os.Chmod(filepath.Dir(s.dir), 0o755)) // t.TempDir is root's alone
	s.check(filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, imageUser, imageUser)
	}))
	s.user = &syscall.Credential{Uid: imageUser, Gid: imageUser}
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// Finding 1: what anybody who can push a branch read of the server, in the
// environment that the kernel shows and in its memory. The secrets go on
// working, and no git that the server starts sees them.
func TestTheKernelShowsNoSecretOfTheServer(t *testing.T) {
	secrets := map[string]string{"A_PRIVATE_KEY": "", "A_WEBHOOK_SECRET": "", "A_VARIABLE": "value-of-the-variable", "AWS_SECRET_ACCESS_KEY": "key-of-the-server"}
	s := newStage(t, func(c map[string]any) {
		g := c["github"].(map[string]any)
		dir := filepath.Dir(c["data_dir"].(string))
		for name, file := range map[string]string{"A_PRIVATE_KEY": "private-key", "A_WEBHOOK_SECRET": "webhook-secret"} {
			delete(g, strings.ReplaceAll(file, "-", "_")+"_file")
			g[strings.ReplaceAll(file, "-", "_")+"_env"] = name
			secrets[name] = file
		}
		c["terraform"] = map[string]any{"binaries": []string{filepath.Join(dir, "terraform")}}
		for _, env := range c["environments"].(map[string]any) {
			env.(map[string]any)["variables"] = map[string]any{"TF_VAR_given": map[string]any{"env": "A_VARIABLE"}}
		}
	})
	secrets["A_PRIVATE_KEY"], secrets["A_WEBHOOK_SECRET"] = string(s.world.PrivateKey), s.world.WebhookSecret
	terraform, err := exec.LookPath("terraform")
	s.check(err)
	s.check(os.Symlink(terraform, filepath.Join(s.dir, "terraform")))
	for name, value := range secrets {
		t.Setenv(name, value)
	}
	seen := s.recordGit()
	s.asImageUser()
	s.launch()
	defer s.kill()

	pid := strconv.Itoa(s.process.Process.Pid)
	for _, look := range []string{"cat /proc/" + pid + "/environ", "head -c 1 /proc/" + pid + "/maps", "ls -l /proc/" + pid + "/fd/", ": < /proc/" + pid + "/mem"} {
		if out, err := s.neighbour(look); err == nil {
			t.Errorf("another process of the server's user may do: %s", look)
			s.holdsASecret(out, secrets)
		}
	}
	if os.Geteuid() == 0 { // who may see everything sees what the kernel keeps
		out, err := os.ReadFile("/proc/" + pid + "/environ")
		s.check(err)
		if s.holdsASecret(string(out), secrets) {
			t.Error("the environment that the kernel shows of the server has secrets in it")
		}
	}

	author := s.world.GitHub.As(demo.Author)
	_, err = author.Push(sandbox.Repository, "given", "Use it", github.Files{"live/dev/network/given.tf": "variable \"given\" { type = string }\noutput \"length\" { value = length(var.given) }\n"})
	s.check(err)
	number, err := author.OpenPull(sandbox.Repository, "given", demo.DefaultBranch, "Use it", "", false)
	s.check(err)
	s.until("a plan with the variable", func() bool {
		return len(s.plans(number)) == 1 && strings.Contains(s.plans(number)[0].Body, fmt.Sprint(len(secrets["A_VARIABLE"])))
	})
	s.quiet()
	if git := seen(); git == "" || s.holdsASecret(git, secrets) {
		t.Errorf("git was not seen, or sees secrets of the server: %d bytes", len(git))
	}
}

// recordGit puts a git on the PATH that notes its environment.
func (s *stage) recordGit() (seen func() string) {
	s.Helper()
	real, err := exec.LookPath("git")
	s.check(err)
	bin, note := filepath.Join(s.dir, "bin"), filepath.Join(s.dir, "git-environment")
	s.check(os.Mkdir(bin, 0o755))
	s.check(os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nenv >> "+note+"\nexec "+real+" \"$@\"\n"), 0o755))
	s.environment = append(s.environment, "PATH="+bin+":"+os.Getenv("PATH"))
	return func() string {
		content, err := os.ReadFile(note)
		s.check(err)
		return string(content)
	}
}

// neighbour runs a script as the user of the server.
func (s *stage) neighbour(script string) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	out, err := cmd.Output()
	return string(out), err
}

func (s *stage) holdsASecret(text string, secrets map[string]string) bool {
	for name, value := range secrets {
		if strings.Contains(text, value) {
			s.Logf("%s is in it", name)
			return true
		}
	}
	return false
}

// Where /proc is missing the server finds itself all the same, and its secrets.
func TestSecretsAreHandedOverWithoutProc(t *testing.T) {
	s := newStage(t, func(c map[string]any) {
		g := c["github"].(map[string]any)
		delete(g, "webhook_secret_file")
		g["webhook_secret_env"] = "A_SHORT_SECRET"
	})
	cmd := exec.Command("sh", "-c", `mount -t tmpfs none /proc && exec "$@"`, "sh", os.Args[0], "serve", "--config", s.config)
	cmd.Env = append(os.Environ(), asLockkeeper+"=1", "A_SHORT_SECRET=letmein")
	cmd.SysProcAttr = ownMounts()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "github.webhook_secret_env: holds a secret of 7 bytes") {
		t.Errorf("the secret did not come through: %v\n%s", err, out)
	}
}

// ownMounts makes a process root of its own mounts, whoever runs the tests.
func ownMounts() *syscall.SysProcAttr {
	if os.Geteuid() == 0 {
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS} // the second makes them private
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}
