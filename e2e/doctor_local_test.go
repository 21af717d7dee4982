package e2e

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/runner/jail"
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
	l, err := net.Listen("tcp", "169.254.169.254:80")
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
