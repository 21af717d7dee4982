package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// launch starts Lockkeeper as a process and waits until it listens. What it
// writes goes to the file server.log.
func (s *stage) launch() {
	s.Helper()
	before := len(s.log())
	log, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	s.check(err)
	defer func() { _ = log.Close() }()
	command := append(slices.Clone(s.wrapper), cmp.Or(s.executable, os.Args[0]), "serve", "--config", s.config)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(append(os.Environ(), asLockkeeper+"=1"), s.environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if s.attributes != nil {
		cmd.SysProcAttr = s.attributes
	}
	cmd.SysProcAttr.Pdeathsig, cmd.SysProcAttr.Credential = syscall.SIGKILL, s.user
	cmd.Stderr = log
	s.check(cmd.Start())
	s.mu.Lock()
	s.process = cmd
	s.mu.Unlock()
	var address string
	s.poll("the server to listen", func() bool {
		_, rest, _ := strings.Cut(s.log()[before:], `"address":"`)
		var ok bool
		if address, _, ok = strings.Cut(rest, `"`); !ok && s.dead() {
			s.Fatalf("the server ended before it listened:\n%s", s.log())
		}
		return ok
	})
	s.world.GitHub.SetWebhook("http://"+address+githubapp.DefaultWebhookRoute, s.world.WebhookSecret)
}

// log is what the server has written as a process.
func (s *stage) log() string {
	content, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return ""
	}
	return string(content)
}

// kill ends the server as a crash would. Jobs are processes of their own.
func (s *stage) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// terraformThatKills is a terraform that kills the server before or after one
// of its steps, once.
func (s *stage) terraformThatKills() (shim string, arm func(when, step string)) {
	s.Helper()
	real, err := exec.LookPath("terraform")
	if err != nil {
		real, err = exec.LookPath("tofu")
	}
	s.check(err)
	shim, trap, pid := filepath.Join(s.dir, "terraform"), filepath.Join(s.dir, "trap"), filepath.Join(s.dir, "pid")
	script := fmt.Sprintf(`#!/bin/sh
trap_is() { [ -e '%[2]s' ] && [ "$(cat '%[2]s')" = "$1" ] && rm '%[2]s' && kill -9 "$(cat '%[3]s')"; }
trap_is "before $1"
'%[1]s' "$@"
status=$?
trap_is "after $1"
exit $status
`, real, trap, pid)
	s.check(os.WriteFile(shim, []byte(script), 0o755))
	return shim, func(when, step string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.check(os.WriteFile(pid, fmt.Append(nil, s.process.Process.Pid), 0o600))
		s.check(os.WriteFile(trap, []byte(when+" "+step), 0o600))
	}
}

// step leads from one call of GitHub at which something is killed to the next: to
// each of them in a long test.
func step() int {
	if longtest.On() {
		return 1
	}
	return 6
}

// sides of the n-th point at which something is killed: one of them, and both in
// a long test.
func sides(n int) []string {
	both := []string{"before", "after"}
	if longtest.On() {
		return both
	}
	return both[n%2 : n%2+1]
}

// TestKilledAtManyPointsStillOneFinalComment kills the server before and after
// each of its calls of GitHub and around each terraform process, starts it
// again, and looks at what people see.
func TestKilledAtManyPointsStillOneFinalComment(t *testing.T) {
	t.Parallel()
	var shim string
	s := newStage(t, func(c map[string]any) {
		aScript(c)
		shim = filepath.Join(filepath.Dir(c["data_dir"].(string)), "terraform")
		c["terraform"] = map[string]any{"binaries": []string{shim}}
	})
	_, arm := s.terraformThatKills()
	s.launch()
	defer s.kill()
	author := s.world.GitHub.As(demo.Author)
	_, err := author.Push(sandbox.Repository, "crash", "One change", github.Files{"live/dev/network/notes.tf": "# a comment\n"})
	s.check(err)
	number, err := author.OpenPull(sandbox.Repository, "crash", demo.DefaultBranch, "One change", "", false)
	s.check(err)
	s.until("the first plan", func() bool { return len(s.plans(number)) == 1 })
	s.quiet()

	points, deaths := 0, 0
	crash := func(point string, set func()) {
		points++
		if s.crash(number, point, set) {
			deaths++
		}
	}
	for call := 1; call <= 9; call += step() {
		for _, when := range sides(call) {
			crash(fmt.Sprintf("%s call %d of GitHub", when, call), func() { s.killAround(when, call) })
		}
	}
	for i, step := range []string{"init", "plan", "show"} {
		for _, when := range sides(i) {
			crash(when+" terraform "+step, func() { arm(when, step) })
		}
	}
	crash("after the webhook was answered, before the reaction", s.killBeforeReaction)
	// A plan may need fewer calls than there are points, but not far fewer.
	if deaths < points*2/3 {
		t.Errorf("the server died at %d of %d points: this test tests too little", deaths, points)
	}
}

// TestKilledTwiceDuringAPlanStillOneFinalComment kills the server while
// terraform plans, and its successor at once.
func TestKilledTwiceDuringAPlanStillOneFinalComment(t *testing.T) {
	long(t)
	t.Parallel()
	s := newStage(t, aScript)
	s.script(holding)
	held := gate{s}
	s.launch()
	defer s.kill()
	held.open()
	number := (&story{s}).planned("crash")
	held.close()
	before := len(s.runs(number))
	id, err := s.world.GitHub.As(demo.Reviewer).Comment(sandbox.Repository, number, "/plan")
	s.check(err)
	held.await(2)
	for range 2 {
		s.kill()
		s.launch()
	}
	held.open()
	s.once(number, id, before, "twice during a plan")
	if got := held.plans(); got != 2 {
		t.Errorf("terraform planned %d times, want once for each command", got)
	}
}

// killAround kills the server at its n-th call of GitHub from now, before or
// after GitHub acted on it.
func (s *stage) killAround(when string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.calls
	s.onCall = func(call int, _ *http.Request, serve func()) {
		if call-first != n {
			serve()
			return
		}
		if when == "before" {
			s.kill()
			return
		}
		serve()
		s.kill()
	}
}

// killBeforeReaction kills the server when GitHub has its answer to the webhook
// and nobody has seen anything of the command yet.
func (s *stage) killBeforeReaction() {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.world.GitHub.Deliveries())
	s.onCall = func(_ int, r *http.Request, serve func()) {
		if !strings.HasSuffix(r.URL.Path, "/reactions") {
			serve()
			return
		}
		_ = s.world.GitHub.Wait(r.Context(), func() bool {
			all := s.world.GitHub.Deliveries()
			return len(all) > before && all[before].StatusCode == http.StatusOK
		}) // an error means that the server is gone already
		s.kill()
	}
}

// crash asks for a plan with a trap set, starts the server again if it fell
// into it, and checks that everything is there exactly once.
func (s *stage) crash(number int, point string, set func()) (died bool) {
	s.Helper()
	before := len(s.runs(number))
	set()
	id, err := s.world.GitHub.As(demo.Reviewer).Comment(sandbox.Repository, number, "/plan")
	s.check(err)
	s.poll("the end of the server or of the plan, killed "+point, func() bool { return s.dead() || s.unfinished() == "" && len(s.runs(number)) > before })
	s.mu.Lock()
	s.onCall = nil
	s.mu.Unlock()
	if died = s.dead(); died {
		s.kill()
		s.launch()
	}
	s.once(number, id, before, point)
	return died
}

// once waits for the end of everything and checks that the command made exactly
// one run, one reaction and, with all earlier ones, one comment.
func (s *stage) once(number int, id int64, before int, point string) {
	s.Helper()
	s.poll("the run, killed "+point, func() bool { return len(s.runs(number)) > before })
	s.quiet()

	if got := len(s.plans(number)); got != 1 {
		s.Fatalf("killed %s: %d plan comments, want 1:\n%s", point, got, s.conversation(number))
	}
	if got := len(s.runs(number)) - before; got != 1 {
		s.Fatalf("killed %s: %d runs of one command", point, got)
	}
	if r := s.runs(number)[0]; r.State != "succeeded" {
		s.Fatalf("killed %s: the run is %s: %+v", point, r.State, r.Jobs)
	}
	v := s.pull(number)
	for _, c := range v.Checks {
		if c.Status != "completed" && c.Name != "lockkeeper/apply" { // that one waits for a person
			s.Fatalf("killed %s: check %s is %s", point, c.Name, c.Status)
		}
	}
	for _, c := range v.Comments() {
		if c.ID == id && len(c.Reactions) != 1 {
			s.Fatalf("killed %s: %d reactions on the command, want 1", point, len(c.Reactions))
		}
	}
}

func (s *stage) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process == nil || syscall.Kill(s.process.Process.Pid, 0) != nil || zombie(s.process.Process.Pid)
}

// zombie reports whether a killed child waits to be collected.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
