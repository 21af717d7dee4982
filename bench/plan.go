package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const root = `terraform {
  backend "local" {}
}

resource "terraform_data" "a" {
  input = "%s"
}

resource "terraform_data" "b" {
  input = terraform_data.a.id
}
`

func projects(n int, value string) github.Files {
	files := github.Files{}
	for i := range n {
		files[fmt.Sprintf("live/p%02d/main.tf", i)] = fmt.Sprintf(root, value)
	}
	return files
}

// onePlan measures a plan of one project in turns with bare Terraform.
func (b *bencher) onePlan(ctx context.Context) ([]row, error) {
	p, err := b.plans(ctx, 1, b.rounds)
	if err != nil {
		return nil, err
	}
	return []row{
		measured("comment → final comment, 1 project, over bare init && plan", p.ours-p.bare, "ms", 60, p.note()),
		measured("GitHub calls per /plan, 1 project", p.calls, "calls", 8, ""),
	}, nil
}

// twentyPlans measures a plan of twenty projects against bare Terraform run two
// at a time.
func (b *bencher) twentyPlans(ctx context.Context) ([]row, error) {
	p, err := b.plans(ctx, 20, max(3, b.rounds/2))
	if err != nil {
		return nil, err
	}
	return []row{
		measured("20 projects, over bare terraform run 2 at a time", p.ours/p.bare, "×", 1.15, p.note()),
		measured("GitHub calls per /plan, 20 projects", p.calls, "calls", 8, ""),
	}, nil
}

// planned is what plans cost: medians of the time in milliseconds, GitHub calls
// of one plan, and processor time per project.
type planned struct {
	ours, bare, calls float64
	cpu, bareCPU      cpuTime
}

func (p planned) note() string { return spent(p.ours, p.bare, p.cpu, p.bareCPU) }

// spent says what ours and bare Terraform took, in milliseconds, and of the
// processors.
func spent(ours, bare float64, cpu, bareCPU cpuTime) string {
	return fmt.Sprintf("%.0f ms against %.0f ms; processor time per project: server %.1f ms, jobs %.1f ms, bare %.1f ms",
		ours, bare, ms(cpu.own), ms(cpu.children), ms(bareCPU.children))
}

// plans plans n projects with Lockkeeper and with bare Terraform in turns.
func (b *bencher) plans(ctx context.Context, n, rounds int) (p planned, err error) {
	w, number, dirs, err := b.changed(ctx, n)
	if err != nil {
		return p, err
	}
	defer w.stop()
	var a, z []time.Duration
	for range rounds {
		took, cpu, err := timed(w.server.Process.Pid, func() (time.Duration, error) { return w.plan(ctx, number) })
		if err != nil {
			return p, err
		}
		a, p.cpu = append(a, took), p.cpu.plus(cpu)
		took, cpu, err = timed(os.Getpid(), func() (time.Duration, error) { return bareTerraform(ctx, dirs) })
		if err != nil {
			return p, err
		}
		z, p.bareCPU = append(z, took), p.bareCPU.plus(cpu)
	}
	w.github.ResetRequests()
	if _, err := w.plan(ctx, number); err != nil {
		return p, err
	}
	for _, count := range w.github.Requests() {
		p.calls += float64(count)
	}
	p.ours, p.bare = median(a), median(z)
	p.cpu, p.bareCPU = p.cpu.per(n*rounds), p.bareCPU.per(n*rounds)
	return p, nil
}

// changed starts a Lockkeeper and opens a pull request that changes n projects,
// which are also in directories of their own.
func (b *bencher) changed(ctx context.Context, n int) (w *world, number int, dirs []string, err error) {
	if dirs, err = b.bareDirs(n); err != nil {
		return nil, 0, nil, err
	}
	if w, err = b.start(ctx, projects(n, "before")); err != nil {
		return nil, 0, nil, err
	}
	if number, err = w.open(ctx, projects(n, "after")); err != nil {
		w.stop()
		return nil, 0, nil, err
	}
	return w, number, dirs, nil
}

func (b *bencher) bareDirs(n int) ([]string, error) {
	var dirs []string
	for i := range n {
		dir := filepath.Join(b.dir, fmt.Sprintf("bare-%d-%d", n, i))
		dirs = append(dirs, dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), fmt.Appendf(nil, root, "after"), 0o600); err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// bareTerraform is what a person would type: init and plan in each directory,
// two directories at a time, each warm from the round before.
func bareTerraform(ctx context.Context, dirs []string) (time.Duration, error) {
	return bareSteps(ctx, dirs, bareInit, barePlan)
}

var (
	bareInit = []string{"init", "-input=false", "-no-color"}
	barePlan = []string{"plan", "-input=false", "-no-color", "-out=plan.tfplan"}
)

// bareSteps runs the commands in each directory, two directories at a time.
func bareSteps(ctx context.Context, dirs []string, steps ...[]string) (time.Duration, error) {
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, dir := range dirs {
		g.Go(func() error {
			for _, args := range steps {
				cmd := exec.CommandContext(ctx, "terraform", args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1") // as ours: no call home
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("bare terraform %s: %w\n%s", args[0], err, out)
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(began), err
}

// processes counts the terraform processes of a plan that is made again and of its
// apply, as their jobs tell of them.
func (b *bencher) processes(ctx context.Context) ([]row, error) {
	w, err := b.start(ctx, projects(1, "before"))
	if err != nil {
		return nil, err
	}
	defer w.stop()
	number, err := w.open(ctx, projects(1, "after"))
	if err != nil {
		return nil, err
	}
	if _, err := w.plan(ctx, number); err != nil { // the second plan learns what later ones know (docs/adr/0041)
		return nil, err
	}
	plan, err := w.steps(func() error { _, err := w.plan(ctx, number); return err })
	if err != nil {
		return nil, err
	}
	apply, err := w.steps(func() error { _, err := w.apply(ctx, number); return err })
	if err != nil {
		return nil, err
	}
	return []row{
		measured("terraform processes per plan", float64(len(plan)), "", 3, strings.Join(plan, ", ")),
		measured("terraform processes per apply", float64(len(apply)), "", 1, strings.Join(apply, ", ")),
	}, nil
}

// steps are the names of the terraform commands of the jobs that f brings about.
func (w *world) steps(f func() error) (names []string, err error) {
	results := filepath.Join(w.dir, "data/jobs/*", runner.ResultFile)
	before, err := filepath.Glob(results)
	if err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	after, err := filepath.Glob(results)
	if err != nil {
		return nil, err
	}
	for _, file := range after {
		if slices.Contains(before, file) {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var result run.Result
		if err := json.Unmarshal(content, &result); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		for _, step := range result.Steps {
			names = append(names, step.Name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no job tells which terraform processes it had")
	}
	return names, nil
}
