package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// twentyApplies measures an apply of twenty projects against bare Terraform run
// two at a time. A round begins without any state and with a fresh plan.
func (b *bencher) twentyApplies(ctx context.Context) ([]row, error) {
	const n = 20
	w, number, dirs, err := b.changed(ctx, n)
	if err != nil {
		return nil, err
	}
	defer w.stop()
	var ours, bare []time.Duration
	var calls float64
	var cpu, bareCPU cpuTime
	for range max(3, b.rounds/2) {
		if err := w.forget(); err != nil {
			return nil, err
		}
		if _, err := w.plan(ctx, number); err != nil {
			return nil, err
		}
		w.github.ResetRequests()
		took, used, err := timed(w.server.Process.Pid, func() (time.Duration, error) { return w.apply(ctx, number) })
		if err != nil {
			return nil, err
		}
		ours, cpu, calls = append(ours, took), cpu.plus(used), 0
		for _, count := range w.github.Requests() {
			calls += float64(count)
		}
		if made, err := filepath.Glob(filepath.Join(w.states, "*.tfstate")); err != nil || len(made) != n {
			return nil, fmt.Errorf("%d of %d projects have a state: %w", len(made), n, err)
		}
		if err := barePlans(ctx, dirs); err != nil {
			return nil, err
		}
		if took, used, err = timed(os.Getpid(), func() (time.Duration, error) { return bareApply(ctx, dirs) }); err != nil {
			return nil, err
		}
		bare, bareCPU = append(bare, took), bareCPU.plus(used)
	}
	a, z := median(ours), median(bare)
	return []row{
		measured("20 applies, over bare terraform apply run 2 at a time", a/z, "×", 1.15, spent(a, z, cpu.per(n*len(ours)), bareCPU.per(n*len(ours)))),
		measured("GitHub calls per /apply, 20 projects", calls, "calls", 10, ""),
	}, nil
}

// forget removes the states of all projects.
func (w *world) forget() error {
	entries, err := filepath.Glob(filepath.Join(w.states, "*"))
	if err != nil {
		return err
	}
	for _, name := range entries {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// apply comments /apply and returns how long it took until the comment said that
// everything is applied.
func (w *world) apply(ctx context.Context, number int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const applied = "✓ **Applied"
	before := len(w.comments(number, applied))
	began := time.Now()
	if _, err := w.github.As(person).Comment(repository, number, "/apply"); err != nil {
		return 0, err
	}
	err := w.github.Wait(ctx, func() bool { return len(w.comments(number, applied)) > before })
	if err != nil {
		return 0, fmt.Errorf("waiting for the apply of pull request %d: %w\n%s", number, err, w.comment(number).Body)
	}
	took := time.Since(began)
	return took, w.settle(ctx, number)
}

// barePlans makes plans in directories without any state.
func barePlans(ctx context.Context, dirs []string) error {
	for _, dir := range dirs {
		if err := os.Remove(filepath.Join(dir, "terraform.tfstate")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, err := bareTerraform(ctx, dirs)
	return err
}

// bareApply is what a person would type after the plans are made: terraform
// apply of the plan in each directory, two at a time.
func bareApply(ctx context.Context, dirs []string) (time.Duration, error) {
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, dir := range dirs {
		g.Go(func() error {
			cmd := exec.CommandContext(ctx, "terraform", "apply", "-input=false", "-no-color", "plan.tfplan")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("bare terraform apply: %w\n%s", err, strings.TrimSpace(string(out)))
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(began), err
}
