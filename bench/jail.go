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

// jailStarts is how many starts of a program that does nothing the jail of a job may
// cost (docs/adr/0035-what-a-jail-may-cost.md).
const jailStarts = 4

// jail compares commands in a jail, one for all of them, with the same commands
// alone, and the difference with the start of a program that does nothing.
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
	empty, err := emptyProgram(ctx, own)
	if err != nil {
		return nil, err
	}
	var jailed, bare, starts []time.Duration
	for range 3 * b.rounds { // one takes milliseconds
		began := time.Now()
		if err := jailedCommands(ctx, runner, own, null); err != nil {
			return nil, err
		}
		between := time.Now()
		if err := bareCommands(ctx); err != nil {
			return nil, err
		}
		bareEnded := time.Now()
		if err := exec.CommandContext(ctx, empty).Run(); err != nil {
			return nil, err
		}
		jailed, bare, starts = append(jailed, between.Sub(began)), append(bare, bareEnded.Sub(between)), append(starts, time.Since(bareEnded))
	}
	cost := median(jailed) - median(bare)
	note := fmt.Sprintf("%.3g ms more than %.3g ms for %d commands alone; an empty program takes %.3g ms", cost, median(bare), jailCommands, median(starts))
	return []row{measured("the jail of a job", cost/median(starts), "starts of an empty program", jailStarts, note)}, nil
}

// emptyProgram builds a program that does nothing.
func emptyProgram(ctx context.Context, dir string) (string, error) {
	source, binary := filepath.Join(dir, "empty.go"), filepath.Join(dir, "empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building an empty program: %w\n%s", err, out)
	}
	return binary, nil
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
