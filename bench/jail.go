package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// jailCommands is how many commands a job has: init, plan and show.
const jailCommands = 3

// jail compares commands in a jail, one for all of them, with the same commands
// alone.
func (b *bencher) jail(ctx context.Context) ([]row, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	own, err := os.MkdirTemp(b.dir, "jail-")
	if err != nil {
		return nil, err
	}
	runner := filepath.Join(filepath.Dir(b.binary), "lockkeeper-runner") // it is what starts in a job
	var jailed, bare []time.Duration
	for range 3 * b.rounds { // one takes milliseconds
		began := time.Now()
		if err := jailedCommands(ctx, runner, own, null); err != nil {
			return nil, err
		}
		between := time.Now()
		if err := bareCommands(ctx); err != nil {
			return nil, err
		}
		jailed, bare = append(jailed, between.Sub(began)), append(bare, time.Since(between))
	}
	note := fmt.Sprintf("%.3g ms for %d commands alone", median(bare), jailCommands)
	return []row{measured("the jail of a job", median(jailed)-median(bare), "ms", 5, note)}, nil
}

func jailedCommands(ctx context.Context, runner, own string, out *os.File) error {
	j, err := jail.Start(ctx, jail.Config{Binary: runner, Box: jail.Box{Own: []string{own}}, Stdout: out, Stderr: out})
	if err != nil {
		return err
	}
	for range jailCommands {
		exit, err := j.Run(ctx, jail.Command{Args: []string{"/bin/true"}, Dir: own, Env: []string{}})
		if err == nil && !exit.Success() {
			err = fmt.Errorf("a command in a jail ended with %+v", exit)
		}
		if err != nil {
			_ = j.Close()
			return err
		}
	}
	return j.Close()
}

func bareCommands(ctx context.Context) error {
	for range jailCommands {
		if err := exec.CommandContext(ctx, "/bin/true").Run(); err != nil {
			return err
		}
	}
	return nil
}
