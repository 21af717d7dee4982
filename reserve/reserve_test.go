package reserve

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const mib = 1 << 20

func TestTheReserveScalesWithTheDisk(t *testing.T) {
	for size, want := range map[int64]int64{64 * mib: 8 * mib, 256 * mib: 16 * mib, 10_000 * mib: 500 * mib, 4_000_000 * mib: 1024 * mib} {
		if got := (room{bytes: size}).reserve(); got != want {
			t.Errorf("of %d MiB: %d MiB, want %d", size/mib, got/mib, want/mib)
		}
	}
}

func TestDecide(t *testing.T) {
	disk := func(free int64) room { return room{bytes: 2000 * mib, freeBytes: free * mib} } // a reserve of 100 MiB
	few := room{bytes: 2000 * mib, freeBytes: 1000 * mib, files: 1000, freeFiles: 10}
	for _, tt := range []struct {
		name               string
		now                room
		held, short, tight bool
		want               decision
	}{
		{name: "room enough", now: disk(500), held: true},
		{name: "the first look", now: disk(500), want: decision{take: true}},
		{name: "the first look at a disk that is short", now: disk(150), want: decision{}},
		{name: "the first look at a full disk", now: disk(0), want: decision{short: true, tight: true}},
		{name: "within the free reserve", now: disk(99), held: true, want: decision{short: true}},
		{name: "nearly full, at once", now: disk(10), held: true, want: decision{short: true, tight: true}},
		{name: "nearly full, still", now: disk(10), held: true, short: true, tight: true, want: decision{short: true, tight: true, give: true}},
		{name: "given up", now: disk(110), short: true, tight: true, want: decision{short: true}},
		{name: "room for the file, and not for more", now: disk(190), short: true, want: decision{short: true}},
		{name: "room again", now: disk(200), short: true, want: decision{take: true}},
		{name: "a little more than the reserve", now: disk(120), held: true, short: true, want: decision{short: true}},
		{name: "much more than the reserve", now: disk(125), held: true, short: true, want: decision{}},
		{name: "no files left", now: few, held: true, want: decision{short: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := decide(tt.now, tt.held, tt.short, tt.tight); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// A file with a hole would keep nothing free.
func TestTheFileTakesItsRoom(t *testing.T) {
	name := filepath.Join(t.TempDir(), FileName)
	if err := allocate(name, 3*mib); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := blocks(info); info.Size() != 3*mib || got < 3*mib {
		t.Errorf("%d bytes on %d of the disk, want %d", info.Size(), got, 3*mib)
	}
}

func blocks(info os.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
