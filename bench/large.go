package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// The large repository: half of what a clone brings is the head, half is history.
const (
	largeFiles    = 2_000
	largeCommits  = 4_000
	largeFile     = 12_000 // bytes of a file
	largeChange   = 6_800  // bytes that a commit changes
	largeProjects = 20
)

// largeRepository measures the first plan of a repository that nobody has fetched, against a clone
// and the same commands in it; then plans of twenty projects of it, again, against the same plans in the clone;
// and the memory that the server took for it, against that for the same projects alone.
func (b *bencher) largeRepository(ctx context.Context) ([]row, error) {
	origin, size, err := b.makeLarge(ctx)
	if err != nil {
		return nil, err
	}
	var large, alone largeTimes
	for range max(1, b.rounds/3) { // each with servers and clones of its own
		if err := b.largeRound(ctx, &large, func(d *github.Double, url string) error { return pushLarge(ctx, d, url, origin) }); err != nil {
			return nil, err
		}
		if err := b.largeRound(ctx, &alone, func(d *github.Double, _ string) error { return seed(d, projects(largeProjects, "before")) }); err != nil {
			return nil, err
		}
	}
	first, clone, again, bare := median(large.first), median(large.clone), median(large.again), median(large.bare)
	more := large.peak() - alone.peak()
	return []row{
		measured(fmt.Sprintf("first plan of a %d MiB repository, over clone, init and plan", size>>20), first/clone, "×", 1.5, fmt.Sprintf("%.0f ms against %.0f ms", first, clone)),
		measured("20 projects of it again, over bare terraform plan run 2 at a time", again/bare, "×", 1.25,
			spent(again, bare, large.cpu.per(largeProjects*len(large.again)), large.bareCPU.per(largeProjects*len(large.bare)))+
				fmt.Sprintf("; %.3g × without the rest of the repository", median(alone.again)/median(alone.bare))),
		measured("most memory of the server, over that for the 20 projects alone", more, "MiB", 20, fmt.Sprintf("%.1f MiB against %.1f MiB", large.peak(), alone.peak())),
	}, nil
}

// largeTimes is what servers and clones took.
type largeTimes struct {
	first, clone, again, bare []time.Duration
	cpu, bareCPU              cpuTime   // of again and bare
	memory                    []float64 // MiB
}

func (l *largeTimes) peak() float64 {
	slices.Sort(l.memory)
	return l.memory[len(l.memory)/2]
}

// largeRound measures a server, and a clone, that have seen nothing yet.
func (b *bencher) largeRound(ctx context.Context, l *largeTimes, fill func(d *github.Double, url string) error) error {
	w, err := b.startWith(ctx, fill)
	if err != nil {
		return err
	}
	defer w.stop()
	first, err := w.firstPlan(ctx, projects(1, "one"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "clone-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // with all else at the end, if not now
	clone, err := w.cloneAndPlan(ctx, dir)
	if err != nil {
		return err
	}
	l.first, l.clone = append(l.first, first), append(l.clone, clone)
	if err := w.twentyAgain(ctx, dir, l); err != nil {
		return err
	}
	memory, err := peak(w.server.Process.Pid)
	l.memory = append(l.memory, memory)
	return err
}

// twentyAgain plans twenty projects once, and then again and again, in turns with the clone.
func (w *world) twentyAgain(ctx context.Context, clone string, l *largeTimes) error {
	changed := projects(largeProjects, "all")
	number, err := w.openOn(ctx, "all", changed)
	if err != nil {
		return err
	}
	var dirs []string
	for name, content := range changed {
		file := filepath.Join(clone, name)
		dirs = append(dirs, filepath.Dir(file))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	if _, err := bareTerraform(ctx, dirs); err != nil {
		return err
	}
	for range 3 {
		took, cpu, err := timed(w.server.Process.Pid, func() (time.Duration, error) { return w.plan(ctx, number) })
		if err != nil {
			return err
		}
		l.again, l.cpu = append(l.again, took), l.cpu.plus(cpu)
		took, cpu, err = timed(os.Getpid(), func() (time.Duration, error) { return bareSteps(ctx, dirs, barePlan) })
		if err != nil {
			return err
		}
		l.bare, l.bareCPU = append(l.bare, took), l.bareCPU.plus(cpu)
	}
	return nil
}

// firstPlan opens a pull request from a branch of its own, and returns how long its plan took.
func (w *world) firstPlan(ctx context.Context, files github.Files) (time.Duration, error) {
	if _, err := w.github.As(person).Push(repository, "first", "change", files); err != nil {
		return 0, err
	}
	began := time.Now()
	number, err := w.github.As(person).OpenPull(repository, "first", "main", "change", "", false)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := w.github.Wait(ctx, func() bool { return w.comment(number).Body != "" }); err != nil {
		return 0, fmt.Errorf("waiting for the first plan: %w", err)
	}
	took := time.Since(began)
	return took, w.settle(ctx, number)
}

// cloneAndPlan is what a person would type instead.
func (w *world) cloneAndPlan(ctx context.Context, dir string) (time.Duration, error) {
	url := withToken(w.github, w.url)
	began := time.Now()
	if err := gitIn(ctx, "/", nil, "clone", "--quiet", "--branch", "first", url, dir); err != nil {
		return 0, err
	}
	if _, err := bareTerraform(ctx, []string{filepath.Join(dir, "live/p00")}); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// makeLarge makes the repository, with a fixed seed, in one git process, and says how many bytes it has.
func (b *bencher) makeLarge(ctx context.Context) (dir string, size int64, err error) {
	dir = filepath.Join(b.dir, "origin.git")
	if err := gitIn(ctx, "/", nil, "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return "", 0, err
	}
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriter(w)
		writeLarge(out)
		_ = w.CloseWithError(out.Flush()) // nil closes with EOF; never fails
	}()
	if err := gitIn(ctx, dir, r, "fast-import", "--quiet"); err != nil {
		return "", 0, err
	}
	if err := gitIn(ctx, dir, nil, "repack", "-a", "-d", "-q"); err != nil {
		return "", 0, err
	}
	size, err = diskUse(dir)
	return dir, size, err
}

// writeLarge writes what git-fast-import(1) reads. Errors of the writer stay in it.
func writeLarge(out io.Writer) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		raw := make([]byte, n*3/4)
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		return []byte(base64.StdEncoding.EncodeToString(raw))
	}
	write := func(name string, content []byte) {
		fmt.Fprintf(out, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
	}
	name := func(i int) string { return fmt.Sprintf("data/%02d/%04d.txt", i%50, i) }
	files := make([][]byte, largeFiles-largeProjects)
	for commit := range largeCommits {
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", 1_700_000_000+commit)
		if commit == 0 {
			for i := range files {
				files[i] = text(largeFile)
				write(name(i), files[i])
			}
			before := projects(largeProjects, "before")
			for _, project := range slices.Sorted(maps.Keys(before)) {
				write(project, []byte(before[project]))
			}
			continue
		}
		i := commit % len(files)
		files[i] = append(text(largeChange), files[i][largeChange:]...)
		write(name(i), files[i])
	}
	fmt.Fprint(out, "done\n")
}

// pushLarge pushes the repository to the double, as a person would, and installs the App on it.
func pushLarge(ctx context.Context, d *github.Double, url, origin string) error {
	if err := empty(d); err != nil {
		return err
	}
	if err := gitIn(ctx, origin, nil, "push", "--quiet", withToken(d, url), "main"); err != nil {
		return err
	}
	_, err := d.Install(repository)
	return err
}

// withToken is where a person clones from.
func withToken(d *github.Double, url string) string {
	return strings.Replace(url, "://", "://x-access-token:"+d.As(person).Token()+"@", 1) + "/" + repository + ".git"
}

func gitIn(ctx context.Context, dir string, in io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Stdin = dir, in
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// diskUse is how many bytes the files below a directory have.
func diskUse(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		total += info.Size()
		return err
	})
	return total, err
}
