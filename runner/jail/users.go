package jail

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Users is a range of user ids, and of group ids, that belong to nobody: each jail
// of a caller that is root takes one of its own. Its text is "first-last".
type Users struct{ First, Last int }

var _ encoding.TextUnmarshaler = (*Users)(nil)

// The default ranges: far from accounts, containers and the user ids that systemd
// gives away; and for a caller that has only the first 65,536, between accounts
// and those of systemd.
var (
	farUsers  = Users{2_000_000_000, 2_000_059_999}
	nearUsers = Users{30_000, 59_999}
)

// String is the text of a range, empty for the default one.
func (u Users) String() string {
	if u == (Users{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", u.First, u.Last)
}

// MarshalText implements encoding.TextMarshaler.
func (u Users) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Users) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = Users{}
		return nil
	}
	first, last, ok := strings.Cut(string(text), "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(last)
	if !ok || errA != nil || errB != nil || a < 1000 || b <= a || b > 4_000_000_000 {
		return fmt.Errorf("%q is no range of user ids such as 200000-209999, from 1000 on", text)
	}
	*u = Users{a, b}
	return nil
}

// user is a user id that no other jail of this machine has.
type user struct {
	id     int      // 0 when the caller cannot have other users
	nobody int      // an id that no process has
	held   *os.File // as long as it is open
}

// errNoUser means that every user id of the range is taken.
var errNoUser = errors.New("every user id for jobs is taken")

// takeUser takes a user id: the last process that has its file open gives it back.
func takeUser(from Users) (user, error) {
	if !mayHaveUsers() {
		return user{}, nil
	}
	if from == (Users{}) {
		from = farUsers
		if !mapped(from) {
			from = nearUsers
		}
	}
	if !mapped(from) {
		return user{}, nil
	}
	half := (from.Last - from.First) / 2 // the other half are groups
	start := rand.IntN(half)             // not the one that was free last: something of it may be left
	for n := range half {
		id := from.First + (start+n)%half
		held, err := hold(id)
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		return user{id, id + half, held}, err
	}
	return user{}, errNoUser
}

// groupOf is the group through which jails write a shared directory.
func (u Users) groupOf(dir string) int {
	if u == (Users{}) {
		u = farUsers
		if !mapped(u) {
			u = nearUsers
		}
	}
	half := (u.Last - u.First) / 2
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir))
	return u.First + half + int(h.Sum64()%uint64(half))
}

// usersFile is the list of user ids that are taken, for all of a machine or
// container: of each id one byte is locked. No job can open it.
const usersFile = "/run/lockkeeper-users"

// hold takes a user id, or returns unix.EAGAIN or unix.EADDRINUSE when it is taken.
func hold(id int) (*os.File, error) {
	f, err := os.OpenFile(usersFile, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return holdName(id)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(id), Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("taking a user id: %w", err)
	}
	return f, nil
}

// holdName is hold where there is no such file, as in a container with nothing to
// write: an abstract socket has the id in its name. Jobs can take such names, too.
func holdName(id int) (*os.File, error) {
	name := fmt.Sprintf("@lockkeeper-user-%d", id)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("taking a user id: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("taking a user id: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// mayHaveUsers reports a caller that is root and may become others, and give them
// files and look after these.
func mayHaveUsers() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	const needed = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_KILL | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID
	return unix.Geteuid() == 0 && unix.Capget(&header, &has[0]) == nil && has[0].Effective&needed == needed
}

// mapped reports whether the user namespace of this process has these users and
// groups.
func mapped(u Users) bool {
	for _, name := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		content, err := os.ReadFile(name)
		if err != nil || !holds(content, u) {
			return false
		}
	}
	return true
}

func holds(idMap []byte, u Users) bool {
	for lines := bufio.NewScanner(bytes.NewReader(idMap)); lines.Scan(); {
		var inside, outside, length int
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &length); err == nil && u.First >= inside && u.Last < inside+length {
			return true
		}
	}
	return false
}

// give makes a user the owner of what is a jail's own. Nobody else may have
// changed it yet.
func (u user) give(own []string) error {
	if u.id == 0 {
		return nil
	}
	for _, path := range own {
		err := filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(name, u.id, u.id)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("giving %s to user %d: %w", path, u.id, err)
		}
	}
	return nil
}

// show lets a user read a file, or into a directory, and nobody else.
func (u user) show(path string) error {
	if u.id == 0 {
		return nil
	}
	info, err := os.Stat(path)
	if err == nil {
		mode := os.FileMode(0o640)
		if info.IsDir() {
			mode = 0o750
		}
		err = errors.Join(os.Chown(path, 0, u.id), os.Chmod(path, mode))
	}
	if err != nil {
		return fmt.Errorf("showing %s to user %d: %w", path, u.id, err)
	}
	return nil
}

// share opens directories to the groups through which jails write them, and
// returns these. It changes only what it must: files of earlier jails have the
// group already.
func (u user) share(from Users, dirs []string) ([]int, error) {
	if u.id == 0 {
		return nil, nil
	}
	var groups []int
	for _, dir := range dirs {
		group := from.groupOf(dir)
		groups = append(groups, group)
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // another jail removed it
			}
			return cmp.Or(err, openTo(group, name, d))
		})
		if err != nil {
			return nil, fmt.Errorf("opening %s to jobs: %w", dir, err)
		}
	}
	return groups, nil
}

// openTo lets a group write a file or directory. It goes through an open file:
// jails may exchange the name meanwhile.
func openTo(group int, name string, d fs.DirEntry) error {
	if !d.IsDir() && !d.Type().IsRegular() {
		return nil
	}
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	mode := stat.Mode&0o7777 | 0o060
	switch {
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		mode |= 0o2010
	case stat.Mode&0o100 != 0:
		mode |= 0o010
	}
	if int(stat.Gid) != group {
		if err := unix.Fchown(fd, -1, group); err != nil {
			return err
		}
	}
	if mode == stat.Mode&0o7777 && int(stat.Gid) == group {
		return nil
	}
	return unix.Fchmod(fd, mode)
}
