package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// T02: a plan alone, without any provider, used to read the server's keys.
func TestT02_APlanReadsNoFileOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "private-key.pem")
	if err := os.WriteFile(key, []byte("canary-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, reads := range map[jail.Mode]bool{jail.Required: false, jail.BestEffort: false, jail.Off: true} {
		s := newSetup(t, map[string]string{"app/main.tf": fmt.Sprintf("output \"k\" {\n  value = try(file(%q), \"denied\")\n}\n", key)})
		s.options.Isolation = mode
		r := s.run(t)
		if r.Outcome != run.OutcomeSucceeded {
			t.Fatalf("%+v", r.Problem)
		}
		shown := s.read(t, r.Artifacts[run.ArtifactSummary]) + s.read(t, r.Artifacts[run.ArtifactOutput])
		if strings.Contains(shown, "canary-key") != reads {
			t.Errorf("%s: read %v, want %v", mode, !reads, reads)
		}
		want := map[jail.Mode]string{jail.BestEffort: "best_effort", jail.Off: "off"}[mode]
		if r.Isolation != want || slices.Contains(r.Missing, "files") != reads {
			t.Errorf("%s: the result says %q, missing %q", mode, r.Isolation, r.Missing)
		}
	}
}

// What only the runner writes cannot be written by path, whatever runs.
func TestAJobCannotWriteItsResult(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.script(t, fmt.Sprintf(`
for name in job.json claimed result.json terraform.out terraform.rc plan.tfplan new; do
	( echo '{"outcome":"succeeded"}' > %[1]s/$name ) 2>/dev/null && echo "wrote $name" >&2
	( rm -f %[1]s/$name && [ ! -e %[1]s/$name ] && [ $name != new ] ) 2>/dev/null && echo "removed $name" >&2
done
exit 1
`, "'"+s.options.Dir+"'"))
	r := s.run(t)
	wantProblem(t, r, "init_failed", "")
	for _, line := range strings.Split(r.Problem.Detail, "\n") {
		if strings.HasPrefix(line, "wrote ") {
			t.Error(line)
		}
	}
	if doc, err := readDocument(s.options.Dir); err != nil || doc.JobID != s.doc.JobID {
		t.Errorf("the document: %v", err)
	}
}

// T44: a job that comes to a limit is told which one it was.
func TestT44_LimitsOfAJobAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, code string
		limits       jail.Limits
	}{
		"processes": {"while :; do sleep 60 & done\n", "processes_exceeded", jail.Limits{Processes: 50}},
		"files":     {"exec bash -c 'while exec {f}</dev/null; do :; done; exec 10<&- 11<&- 12<&- 13<&- 14<&-; sleep 2; exit 1'\n", "files_exceeded", jail.Limits{Files: 100}},
		"file size": {"head -c 3000000 /dev/zero > \"$HOME/large\" || exit 1\n", "file_size_exceeded", jail.Limits{FileSize: 1 << 20}},
		"memory":    {"x=$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 60\n", "memory_exceeded", jail.Limits{Memory: 128 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, map[string]string{"app/main.tf": resource})
			s.script(t, c.script)
			s.options.Limits = c.limits
			r := s.run(t)
			wantProblem(t, r, c.code, "")
		})
	}
}

// A control group ends a job at once, and all of it: nobody who looks after the
// command is left to say how it ended.
func TestT44_LimitsOfAControlGroupAreNamed(t *testing.T) {
	dir, err := jail.UseCgroup()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		t.Skip("no control group is delegated to this test: TestOnAVirtualMachine of package jail runs it where one is")
	}
	for name, c := range map[string]struct{ script, code, file, limit, events, counted string }{
		"memory":    {"x=$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 60\n", "memory_exceeded", "memory.max", "60000000", "memory.events", "(?m)^oom_kill [1-9]"},
		"processes": {"while :; do sleep 60 & done\n", "processes_exceeded", "pids.max", "60", "pids.events", "(?m)^max [1-9]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, map[string]string{"app/main.tf": resource})
			s.script(t, "while [ ! -e go ]; do sleep 0.01; done\n"+c.script)
			s.options.Cgroup = filepath.Join(dir, "job-"+name)
			of := func(name string) string { return filepath.Join(s.options.Cgroup, name) }
			go func() {
				for procs := []byte(nil); len(procs) == 0; time.Sleep(10 * time.Millisecond) {
					procs, _ = os.ReadFile(of("cgroup.procs"))
				}
				_ = os.WriteFile(of(c.file), []byte(c.limit), 0) // less than the watching waits for
				_ = os.WriteFile(filepath.Join(s.options.Dir, "source", "app", "go"), nil, 0o644)
			}()
			r := s.run(t)
			wantProblem(t, r, c.code, "")
			if counted, err := os.ReadFile(of(c.events)); err != nil || !regexp.MustCompile(c.counted).Match(counted) {
				t.Errorf("the system counted %q, %v", counted, err)
			}
			if err := jail.RemoveCgroup(s.options.Cgroup); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a program prints names no limit that it was not near.
func TestWordsAloneNameNoLimit(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	limits := jail.Limits{Memory: 1000 * mib, Processes: 100, Files: 100, FileSize: mib}
	for _, tt := range []struct {
		name, printed string
		exit          jail.Exit
		code          string
	}{
		{"memory in words", "fatal error: out of memory", jail.Exit{Code: 2, Memory: 300 * mib, Requested: 400 * mib}, ""},
		{"a crash", "", jail.Exit{Signal: int(syscall.SIGSEGV), Memory: 300 * mib}, ""},
		{"processes in words", "sh: 1: Cannot fork", jail.Exit{Code: 2, Processes: 5}, ""},
		{"files in words", "open x: too many open files", jail.Exit{Code: 1, Files: 32}, ""},
		{"a file in words", "write x: file too large", jail.Exit{Code: 1}, ""},
		{"memory in words, and near it", "cannot allocate memory", jail.Exit{Code: 2, Memory: 800 * mib}, "memory_exceeded"},
		{"memory in words, and asked for", "cannot allocate memory", jail.Exit{Code: 2, Memory: 100 * mib, Requested: 1200 * mib}, "memory_exceeded"},
		{"much memory, in silence", "", jail.Exit{Code: 1, Memory: 1100 * mib}, "memory_exceeded"},
		{"memory that was seen", "", jail.Exit{Signal: int(syscall.SIGKILL), Broke: jail.LimitMemory}, "memory_exceeded"},
		{"a crash of one that got no more", "", jail.Exit{Signal: int(syscall.SIGSEGV), Memory: 800 * mib}, "memory_exceeded"},
		{"processes in words, and seen", "sh: 1: Cannot fork", jail.Exit{Code: 2, Processes: 90}, "processes_exceeded"},
		{"processes that were seen", "", jail.Exit{Signal: int(syscall.SIGKILL), Broke: jail.LimitProcesses}, "processes_exceeded"},
		{"watches that were seen", "", jail.Exit{Signal: int(syscall.SIGKILL), Broke: jail.LimitWatches}, "watches_exceeded"},
		{"files in words, and seen", "open x: too many open files", jail.Exit{Code: 1, Files: 128}, "files_exceeded"},
		{"a large file", "", jail.Exit{Signal: int(syscall.SIGXFSZ)}, "file_size_exceeded"},
	} {
		j := job{options: Options{Dir: t.TempDir(), Limits: limits}}
		got := ""
		if p := j.limitBroken(tt.exit, tt.printed); p != nil {
			got = p.Code
		}
		if got != tt.code {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.code)
		}
	}
	j := job{options: Options{Dir: t.TempDir(), Limits: limits}}
	check(t, os.WriteFile(j.path("large"), make([]byte, mib), 0o600))
	if p := j.limitBroken(jail.Exit{Code: 1}, "write x: file too large"); p == nil || p.Code != "file_size_exceeded" {
		t.Errorf("a file that is as large as it may be: %+v", p)
	}
}

// The same in a job: nothing in it comes near a limit.
func TestAJobThatOnlyPrintsWordsBrokeNoLimit(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.script(t, "echo 'fork: out of memory, Cannot fork, too many open files, file too large' >&2; exit 1\n")
	wantProblem(t, s.run(t), "init_failed", "out of memory")
}

// Nothing that a step left behind is alive when the result is there.
func TestT01_ADaemonEndsWithItsStep(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	beats := filepath.Join(s.shared(t), "beats")
	s.script(t, fmt.Sprintf("setsid sh -c 'while :; do echo x >> \"$1\"; sleep 0.01; done' sh %[1]q >/dev/null 2>&1 &\nwhile [ ! -s %[1]q ]; do sleep 0.01; done\nexit 1\n", beats))
	s.run(t)
	before, err := os.ReadFile(beats)
	if err != nil || len(before) == 0 {
		t.Fatalf("there was no daemon: %v", err)
	}
	if alive := processesWith(beats); len(alive) > 0 {
		t.Errorf("alive: %v", alive)
	}
}

// processesWith lists processes that have a word on their command line.
func processesWith(word string) []string {
	var out []string
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && strings.Contains(string(content), word) {
			out = append(out, name)
		}
	}
	return out
}

// A state file that a job does not see looks like none, and the plan would make
// everything once more.
func TestAStateOutOfReachIsNoEmptyState(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": ledger})
	hidden := filepath.Join(t.TempDir(), "terraform.tfstate")
	s.doc.Project.BackendConfig = map[string]string{"path": hidden}
	s.doc.Flags = []string{"-var=ledger=" + filepath.Join(t.TempDir(), "ledger")}
	r := s.run(t)
	wantProblem(t, r, "state_out_of_reach", "")
	if !strings.Contains(r.Problem.Message, hidden) || !strings.Contains(r.Problem.Message, "directories.write") || len(r.Artifacts[run.ArtifactPlan].Key) > 0 {
		t.Errorf("%+v", r)
	}
}

// The same when the directory was taken away between the plan and its apply.
func TestAnApplyWhoseStateWentOutOfReachSaysSo(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	a.options.Write = nil
	r := a.run(t)
	wantProblem(t, r, "state_out_of_reach", "")
	if r.Began {
		t.Error("it says that it began")
	}
	a.nothingMade(t)
}
