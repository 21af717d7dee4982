package runner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/run"
)

// smallDisk makes dir a file system of its own of so many bytes.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a file system")
	}
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
