package jail

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A job is three commands. What a jail costs it is the difference.

func BenchmarkJailed(b *testing.B) { benchmarkJailed(b, "") }

// BenchmarkJailedInACgroup has the control group made and removed, too.
func BenchmarkJailedInACgroup(b *testing.B) {
	dir, err := given()
	if err != nil || dir == "" {
		b.Skip("no control group is delegated to this process", err)
	}
	benchmarkJailed(b, filepath.Join(dir, "job"))
}

func benchmarkJailed(b *testing.B, cgroup string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	own := b.TempDir()
	for b.Loop() {
		j, err := Start(context.Background(), Config{Box: Box{Own: []string{own}}, Cgroup: cgroup, Stdout: null, Stderr: null})
		if err != nil {
			b.Fatal(err)
		}
		for range 3 {
			if exit, err := j.Run(context.Background(), Command{Args: []string{"/bin/true"}, Dir: own, Env: []string{}}); err != nil || !exit.Success() {
				b.Fatal(exit, err)
			}
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer() // a job does not wait for it
		if err := RemoveCgroup(cgroup); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkCgroup makes and removes a control group in which nothing was.
func BenchmarkCgroup(b *testing.B) {
	dir, err := given()
	if err != nil || dir == "" {
		b.Skip("no control group is delegated to this process", err)
	}
	for b.Loop() {
		g, err := makeCgroup(filepath.Join(dir, "job"), defaults)
		if err != nil {
			b.Fatal(err)
		}
		if err := RemoveCgroup(string(g)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBare(b *testing.B) {
	for b.Loop() {
		for range 3 {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
