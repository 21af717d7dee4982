package jail

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// systemPaths are programs and libraries, and what they need to find hosts and
// to check certificates. There is no /proc: what programs learn from it is about
// other processes, or of no use here. Beside certificates (the places of Go's
// crypto/x509, root_linux.go) distributions keep private keys.
var systemPaths = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
	"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf", "/etc/ssl/openssl.cnf.d",
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/cacert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/tls/openssl.d", "/etc/pki/ca-trust", "/etc/pki/trust",
	"/etc/ca-certificates", "/etc/crypto-policies",
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
	"/etc/services", "/etc/protocols", "/etc/localtime", "/etc/mime.types",
}

// SystemPaths is what every jail sees, whatever its Box.
func SystemPaths() []string { return slices.Clone(systemPaths) }

// devices may be written, too.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// mountPoint is something that a new root shows.
type mountPoint struct {
	at     string
	from   string // what is there
	device bool
	write  bool
}

// mountPoints are all that a box shows, parents before what is below them. Of
// two at one place the last counts.
func (b Box) mountPoints() []mountPoint {
	at := map[string]mountPoint{}
	for _, path := range slices.Concat(systemPaths, b.Read, b.Given) {
		at[path] = mountPoint{at: path, from: path}
	}
	for _, path := range devices {
		at[path] = mountPoint{at: path, from: path, device: true}
	}
	for _, path := range slices.Concat(b.Own, b.Write) {
		at[path] = mountPoint{at: path, from: path, write: true}
	}
	for name, path := range b.Names {
		of := at[path]
		of.at, of.from = name, path
		at[name] = of
	}
	return slices.SortedFunc(maps.Values(at), func(a, b mountPoint) int {
		return cmp.Or(strings.Count(a.at, "/")-strings.Count(b.at, "/"), strings.Compare(a.at, b.at))
	})
}

// newRoot makes the mount points of a box everything that this process, and what
// it starts, can see. The process must be in a mount namespace of its own.
func newRoot(points []mountPoint, over *Over) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	if over != nil {
		if err := over.mount(); err != nil {
			return fmt.Errorf("laying %s over %s: %w", over.At, over.Below, err)
		}
	}
	trees, err := openTrees(points)
	defer func() {
		for _, t := range trees {
			_ = unix.Close(t.fd)
		}
	}()
	if err != nil {
		return err
	}
	if err := enterEmptyRoot(); err != nil {
		return err
	}
	for _, t := range trees {
		if err := t.attach(trees); err != nil {
			return fmt.Errorf("showing %s: %w", t.at, err)
		}
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("closing the new root: %w", err)
	}
	return nil
}

// mount lays At over Below, at At: what is opened there afterwards is both.
func (o Over) mount() error {
	for _, path := range []string{o.Below, o.At, o.Work} {
		if strings.ContainsAny(path, ",:\\") { // which the options of the mount are made of
			return fmt.Errorf("%q has a character that no mount takes", path)
		}
	}
	return unix.Mount("overlay", o.At, "overlay", unix.MS_NOSUID|unix.MS_NODEV,
		"lowerdir="+o.Below+",upperdir="+o.At+",workdir="+o.Work+",userxattr")
}

// enterEmptyRoot replaces the root by an empty one.
func enterEmptyRoot() error {
	const base = "/usr" // any directory: what it hides is seen from the old root no more
	if err := unix.Mount("lockkeeper", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m,nr_inodes=4k"); err != nil {
		return fmt.Errorf("mounting an empty root: %w", err)
	}
	if err := unix.Chdir(base); err != nil {
		return fmt.Errorf("entering the empty root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	return unix.Chdir("/")
}

// tree is a mount point whose content is open and mounted nowhere yet.
type tree struct {
	mountPoint
	fd   int
	dir  bool
	link string // target of a symbolic link of the system's, which is copied
}

func openTrees(points []mountPoint) ([]tree, error) {
	var out []tree
	for _, p := range points {
		t, err := openTree(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("opening %s: %w", p.from, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func openTree(p mountPoint) (tree, error) {
	t := tree{mountPoint: p, fd: -1}
	// A link of a merged /usr, such as /bin. Others, such as /etc/resolv.conf,
	// may point to where nothing is seen.
	if link, err := os.Readlink(p.from); err == nil && strings.HasPrefix(link, "usr/") && p.at == p.from {
		t.link = link
		return t, nil
	}
	info, err := os.Stat(p.from)
	if err != nil {
		return t, err
	}
	t.dir = info.IsDir()
	if t.fd, err = unix.OpenTree(unix.AT_FDCWD, p.from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE); err != nil {
		return t, err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_RDONLY}
	if p.device {
		attr.Attr_set &^= unix.MOUNT_ATTR_NODEV
	}
	if p.write || p.device {
		attr.Attr_set &^= unix.MOUNT_ATTR_RDONLY
	}
	return t, unix.MountSetattr(t.fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
}

// attach mounts a tree in the new root. Where another tree is above it, the place
// is there already.
func (t tree) attach(all []tree) error {
	below := slices.ContainsFunc(all, func(o tree) bool { return o.dir && strings.HasPrefix(t.at, o.at+"/") })
	if !below {
		if err := t.makePlace(); err != nil || t.link != "" {
			return err
		}
	}
	if t.link != "" {
		return nil
	}
	return unix.MoveMount(t.fd, "", unix.AT_FDCWD, t.at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

func (t tree) makePlace() error {
	if err := os.MkdirAll(filepath.Dir(t.at), 0o755); err != nil {
		return err
	}
	switch {
	case t.link != "":
		return os.Symlink(t.link, t.at)
	case t.dir:
		return os.MkdirAll(t.at, 0o755)
	}
	f, err := os.OpenFile(t.at, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
