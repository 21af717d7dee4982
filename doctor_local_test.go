package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/runner/jail"
	"github.com/lockkeeper/lockkeeper/server/config"
)

// inNetwork makes the test binary a machine with a network of its own, in which
// the metadata service answers, and then lockkeeper.
const inNetwork = "LOCKKEEPER_TEST_NETWORK"

// serveMetadata gives the loopback interface of this network namespace the
// address of the metadata service, and listens there.
func serveMetadata() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	set := func(what uintptr, name string, fill func(*[16]byte)) error {
		request := struct {
			name [unix.IFNAMSIZ]byte
			data [24]byte
		}{}
		copy(request.name[:], name)
		fill((*[16]byte)(request.data[:]))
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), what, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	}
	up := func(data *[16]byte) { binary.NativeEndian.PutUint16(data[:], unix.IFF_UP|unix.IFF_RUNNING) }
	address := func(data *[16]byte) {
		binary.NativeEndian.PutUint16(data[:], unix.AF_INET)
		copy(data[4:], []byte{169, 254, 169, 254})
	}
	for _, step := range []error{set(unix.SIOCSIFFLAGS, "lo", up), set(unix.SIOCSIFADDR, "lo:1", address)} {
		if step != nil {
			return step
		}
	}
	l, err := net.Listen("tcp", metadata[0])
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return nil
}

func TestDoctorMeasuresTheNetworkFromInsideOfAJob(t *testing.T) {
	s := newStage(t, func(c map[string]any) { c["isolation"], c["listen"] = "best_effort", "0.0.0.0:18080" })
	doctor := func(prepared string) string {
		cmd := exec.Command(os.Args[0], "doctor", "local", "--config", s.config, "--address", "127.0.0.1:1")
		cmd.Env = append(os.Environ(), asLockkeeper+"=1", inNetwork+"="+prepared)
		cmd.SysProcAttr = ownMounts()
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNET
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("doctor ended with %v", err)
		}
		return string(out)
	}
	if said := doctor(""); !strings.Contains(said, "a job does not reach the metadata service: tried 169.254.169.254:80, ") || !strings.Contains(said, "ok      private") {
		t.Errorf("in a network with nothing in it doctor says\n%s", said)
	}
	said := doctor("metadata")
	if !strings.Contains(said, "warning metadata        a job reaches the metadata service: 169.254.169.254:80") || !strings.Contains(said, "IMDSv2") ||
		!strings.Contains(said, "warning own port        a job reaches the port of the server: 127.0.0.1:18080") {
		t.Errorf("in a network with a metadata service doctor says\n%s", said)
	}
	for _, p := range []jail.Property{jail.Files, jail.Environment, jail.Signals, jail.Lifetime, jail.Limited} {
		if !strings.Contains(said, string(p)+" ") {
			t.Errorf("doctor says nothing of %s:\n%s", p, said)
		}
	}
}

func TestTheServerDoesNotStartWithoutWhatIsRequired(t *testing.T) {
	report := jail.Report{
		{Property: jail.Files, Held: true, By: "Landlock"},
		{Property: jail.Lifetime, Remedy: "Boot another kernel."},
	}
	var said []string
	say := func(missing string) { said = append(said, missing) }
	err := judge(report, config.IsolationRequired, say)
	if err == nil || !strings.Contains(err.Error(), "(lifetime). Boot another kernel.") || len(said) > 0 {
		t.Errorf("required: got %v and %q", err, said)
	}
	if err := judge(report, config.IsolationBestEffort, say); err != nil || len(said) != 1 || !strings.Contains(said[0], "(lifetime). Boot another kernel.") {
		t.Errorf("best effort: got %v and %q", err, said)
	}
	said = nil
	if err := judge(report[:1], config.IsolationRequired, say); err != nil || len(said) > 0 {
		t.Errorf("with nothing missing: got %v and %q", err, said)
	}
}

func TestSocketAddressesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000:0016":                         "127.0.0.1:22",
		"00000000000000000000000000000000:0050": "[::1]:80",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
	} {
		if got, ok := socketAddress(text); !ok || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "0100007F", "xx:1", "01:1"} {
		if got, ok := socketAddress(text); ok {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestDoctorSaysWhatLimitsMemoryAndProcesses(t *testing.T) {
	said := func(dir string) string {
		for _, c := range propertyChecks(t.Context(), config.Config{DataDir: dir, Isolation: config.IsolationBestEffort}) {
			if c.Name == string(jail.Limited) {
				return c.Found
			}
		}
		return ""
	}
	started := func(cgroup string) string {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "jobs"), 0o700), os.WriteFile(filepath.Join(dir, "jobs", local.CgroupFile), []byte(cgroup), 0o600)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const watching = "resource limits, and a look at all processes every 100 ms"
	if got := said(started(t.TempDir())); !strings.HasSuffix(got, "by control groups of version 2, "+watching) {
		t.Errorf("with a control group: %s", got)
	}
	for name, dir := range map[string]string{"none was delegated": started(""), "it is gone": started("/there/is/none")} {
		if got := said(dir); !strings.HasSuffix(got, "by "+watching) {
			t.Errorf("%s: %s", name, got)
		}
	}
	never := "by " + watching
	if jail.FindCgroup() != "" {
		never = "by control groups of version 2, " + watching
	}
	if got := said(t.TempDir()); !strings.HasSuffix(got, never) {
		t.Errorf("no server was started yet: %s", got)
	}
}
