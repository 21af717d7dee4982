package runner

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/run"
)

// inOwnMounts is set in a process that a test started so that it may mount.
const inOwnMounts = "RUNNER_TEST_MOUNTS"

// mounting reports whether this process may mount file systems. Where it may not,
// the test was carried out by one that may, as the user that it is.
func mounting(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 || os.Getenv(inOwnMounts) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inOwnMounts+"=1")
	own := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: own(os.Geteuid()), GidMappings: own(os.Getegid()),
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// smallDisk makes dir a file system of its own of so many bytes.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0711"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fills is a terraform that writes to its home until it cannot, or is ended.
const fills = `if [ "$1" = plan ]; then cat /dev/zero > "$HOME/fill"; sleep 60; fi
`

// 6b: a plan that fills the disk ends with a sentence, and the disk is free again
// when it has ended.
func TestAPlanThatFillsTheDiskLeavesItFree(t *testing.T) {
	t.Parallel()
	if !mounting(t) {
		return
	}
	for name, c := range map[string]struct {
		size          string
		disk, reserve int64
		code          string
	}{
		"its own limit":          {"256m", 32 << 20, 1 << 20, "disk_exceeded"},
		"the server's reserve":   {"64m", 0, 32 << 20, "disk_full"},
		"no room for the result": {"16m", 0, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, map[string]string{"app/main.tf": resource})
			smallDisk(t, s.options.Dir, c.size)
			s.options.Disk, s.options.DiskReserve = c.disk, c.reserve
			text := fills
			switch c.code {
			case "disk_exceeded":
				text = strings.Replace(fills, "cat /dev/zero", "head -c 64M /dev/zero", 1)
			case "":
				text = strings.Replace(fills, "sleep 60", "exit 1", 1)
			}
			s.script(t, text)
			r := s.run(t)
			if r.Outcome != run.OutcomeFailed || r.Problem == nil || c.code != "" && r.Problem.Code != c.code {
				t.Errorf("%+v, %+v", r, r.Problem)
			}
			for _, dir := range []string{"home", "source"} {
				if _, err := os.Lstat(filepath.Join(s.options.Dir, dir)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is still there: %v", dir, err)
				}
			}
		})
	}
}

// A flood of empty files takes no bytes, and every inode of the disk.
func TestAFloodOfEmptyFilesEndsItsJob(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.options.DiskFiles = 2000 // of 150,000: touching as many takes the kernel 20 seconds
	s.script(t, `mkdir "$HOME/flood" && cd "$HOME/flood" || exit 1
seq 3000 | xargs touch
sleep 600
`)
	wantProblem(t, s.run(t), "disk_files_exceeded", "")
}

// What a plan writes into a directory that it shares with others counts for it, too.
func TestAPlanThatFillsASharedDirectoryIsEnded(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	dir := s.shared(t)
	if err := os.WriteFile(filepath.Join(dir, "before"), make([]byte, 40<<20), 0o600); err != nil { // somebody else's
		t.Fatal(err)
	}
	s.options.Disk = 32 << 20
	s.script(t, `head -c 64M /dev/zero > `+dir+`/fill
sleep 600
`)
	wantProblem(t, s.run(t), "disk_exceeded", "")
}

// Many files in a shared directory do not hide what else is written there.
func TestGrowthOfSharedDirectories(t *testing.T) {
	for _, c := range []struct {
		before room
		now    *room
		want   room
	}{
		{room{100, 2}, &room{150, 5}, room{50, 3}},
		{room{100, 5}, &room{40, 2}, room{}}, // somebody tidied up
		{room{100, 5}, nil, room{0, maxFiles + 1}},
	} {
		if got := growth(c.before, c.now, maxFiles); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.before, c.now, got, c.want)
		}
	}
}
