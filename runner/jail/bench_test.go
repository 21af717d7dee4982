package jail

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// A job is three commands. What a jail costs it is the difference.

func BenchmarkJailed(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	own := b.TempDir()
	for b.Loop() {
		j, err := Start(context.Background(), Config{Box: Box{Own: []string{own}}, Stdout: null, Stderr: null})
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
