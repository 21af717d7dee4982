package gate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// instead answers calls whose path ends so with something else.
type instead struct {
	path   string
	status int
	body   string
}

func (i instead) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, i.path) {
		_ = response.Body.Close()
		response.StatusCode, response.Body, response.ContentLength = i.status, io.NopCloser(bytes.NewReader([]byte(i.body))), int64(len(i.body))
	}
	return response, err
}

// everything is a pull request whose apply reads all that can be read: reviews
// by several, teams, owners, checks. It is allowed.
func everything(t *testing.T) (w *gateWorld, n int) {
	files := twoProjects()
	files["CODEOWNERS"] = "/other/ @acme/production\n"
	w = newGateWorld(t, files)
	w.Rules("dev", func(r *policy.Rules) {
		*r = policy.Rules{
			Approvals: 2, CodeOwners: true, ApprovedBy: []string{"acme/production"}, Apply: []string{"acme/everybody"}, Current: policy.CurrentProject,
			RequiredChecks: []string{"build"},
		}
	})
	n, sha := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	w.Review("rui", n, "APPROVE")
	w.Review("oda", n, "APPROVE")
	_, err := w.GitHub.ReportCheck(repository, sha, double.OtherApp{ID: 15368, Slug: "github-actions"}, "build", "completed", "success")
	w.Check(err)
	w.get(n)
	return w, n
}

// Whatever cannot be read is not allowed, and the refusal says what it was.
func TestEveryReadThatFailsDeniesAndSaysWhat(t *testing.T) {
	never, later, bodies := []int{403, 404}, []int{401, 429, 502}, []string{"null", "[{}]", "<html>"}
	if longtest.On() {
		never, later, bodies = []int{403, 404, 410, 451}, []int{401, 429, 500, 502, 503}, []string{"", "null", "{}", "[{}]", "[null]", "<html>"}
	}
	w, n := everything(t)
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	for _, read := range []struct{ path, what string }{
		{"/pulls/1", "pull request acme/infra#1"},
		{"/pulls/1/reviews", "reviews of acme/infra#1"},
		{"/pulls/1/commits", "commits of acme/infra#1"},
		{"/collaborators", "collaborators of acme/infra"},
		{"/members", "members of team acme/"},
		{"/check-runs", "check runs of "},
		{"", "comment "},
	} {
		for _, status := range never {
			p, err := w.answered(n, read.path, status, `{"message":"no"}`)
			if read.path == "" && status == 404 {
				w.Refused(p, err, "comment_unchanged")
				continue
			}
			if read.path == "/members" && status == 404 { // no such team: nobody is in it
				w.Refused(p, err, "No code owner approved", "`acme/production`, which GitHub does not show")
				continue
			}
			w.Refused(p, err, "could_not_read", read.what, fmt.Sprint(status), "nothing was applied")
		}
		for _, status := range later {
			p, err := w.answered(n, read.path, status, "<html>")
			var temporary *run.Temporary
			if !errors.As(err, &temporary) || !strings.Contains(err.Error(), "reading "+read.what) || len(p.Documents) > 0 {
				t.Errorf("%s, %d: documents %v, error %v", read.what, status, names(p), err)
			}
		}
		for _, body := range bodies {
			p, err := w.answered(n, read.path, 200, body)
			w.Refused(p, err, "could_not_read", read.what)
		}
	}
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
}

// answered prepares an apply while calls of a path, "" for that of the comment,
// are answered so.
func (w *gateWorld) answered(n int, path string, status int, body string) (run.Preparation, error) {
	w.Helper()
	r := w.Commented(n)
	if path == "" {
		path = fmt.Sprintf("/comments/%d", r.CommentID)
	}
	w.Transport = instead{path, status, body}
	defer func() { w.Transport = nil }()
	return w.Preparer.Prepare(w.Context(), r)
}

func TestGitThatCannotBeAskedDenies(t *testing.T) {
	w, n := everything(t)
	for _, status := range []int{401, 403, 404, 429, 502} {
		fails := 1
		if status == 401 {
			fails = 2 // the first is answered with a new token
		}
		r := w.Commented(n)
		w.GitHub.Faults().FailGit(fails, status)
		p, err := w.Preparer.Prepare(t.Context(), r)
		var temporary *run.Temporary
		if !errors.As(err, &temporary) || len(p.Documents) > 0 || !strings.Contains(err.Error(), "refs/heads/topic") {
			t.Errorf("%d: documents %v, error %v", status, names(p), err)
		}
		p, err = w.Preparer.Prepare(t.Context(), r)
		w.Allowed(p, err, "other")
		w.GitHub.Faults().FailGit(fails, status)
		if err := w.Gate.Recheck(t.Context(), w.started(r, p)); !errors.As(err, &temporary) {
			t.Errorf("%d: looking again says %v", status, err)
		}
	}
}

// Each process of git that an apply starts on the mirror fails: nothing is
// applied on what it would have said.
func TestEveryGitProcessThatFailsDenies(t *testing.T) {
	w, n := everything(t)
	w.GitHub.Faults().MergeableAfter(1_000_000)
	git := w.failingGit()
	// A server that has just started asks git everything.
	restart := func() { w.Gate.Mirrors = &pull.Mirrors{Dir: w.Gate.Mirrors.Dir} }
	restart()
	p, err := w.Apply(n)
	w.Allowed(p, err, "other")
	started := git.started()
	if len(started) < 8 {
		t.Errorf("only %d processes of git", len(started))
	}
	for _, command := range started {
		git.fail(command)
		restart()
		if p, err := w.Apply(n); err == nil || len(p.Documents) > 0 {
			t.Errorf("allowed %v although this failed: git %s", names(p), command)
		}
	}
	git.fail("")
	p, err = w.Apply(n)
	w.Allowed(p, err, "other")
}

// gitThatFails stands in front of git and keeps what is asked of mirrors.
type gitThatFails struct {
	w   *gateWorld
	dir string
}

func (w *gateWorld) failingGit() gitThatFails {
	w.Helper()
	path, err := exec.LookPath("git")
	w.Check(err)
	g := gitThatFails{w, w.TempDir()}
	w.Check(os.WriteFile(filepath.Join(g.dir, "git"), fmt.Appendf(nil, `#!/bin/sh
case "$*" in *"--git-dir=%s"*)
	echo "$*" > "%[2]s/process-$$"
	if [ "$*" = "$(cat "%[2]s/fail")" ]; then echo "fatal: broken" >&2; exit 128; fi
esac
exec %[3]s "$@"
`, w.Gate.Mirrors.Dir, g.dir, path), 0o755))
	g.fail("")
	w.Setenv("PATH", g.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return g
}

// fail lets the processes with these arguments fail.
func (g gitThatFails) fail(arguments string) {
	g.w.Helper()
	g.w.Check(os.WriteFile(filepath.Join(g.dir, "fail"), []byte(arguments), 0o600))
}

// started lists the arguments of every process.
func (g gitThatFails) started() (arguments []string) {
	g.w.Helper()
	found, err := filepath.Glob(filepath.Join(g.dir, "process-*"))
	g.w.Check(err)
	for _, file := range found {
		text, err := os.ReadFile(file)
		g.w.Check(err)
		arguments = append(arguments, strings.TrimSpace(string(text)))
	}
	return arguments
}

func TestAStoreThatCannotBeReadDenies(t *testing.T) {
	broken := errors.New("broken")
	for name, breaks := range map[string]func(k *gate.Keeper){
		"runs": func(k *gate.Keeper) {
			k.Runs = func(context.Context, int64, int, string) ([]run.Run, error) { return nil, broken }
		},
		"locks": func(k *gate.Keeper) {
			k.Locks = func(context.Context) (run.Locks, error) { return run.Locks{}, broken }
		},
		"artifacts": func(k *gate.Keeper) {
			k.Open = func(context.Context, run.Artifact) (io.ReadCloser, error) { return nil, broken }
		},
	} {
		w, n := everything(t)
		breaks(w.Gate)
		if p, err := w.Apply(n); !errors.Is(err, broken) || len(p.Documents) > 0 {
			t.Errorf("%s: documents %v, error %v", name, names(p), err)
		}
	}
}

func TestAnEnvironmentWithoutRulesAppliesNothing(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	delete(w.Gate.Rules, "dev")
	p, err := w.Apply(n)
	w.Refused(p, err, "no_rules", "`dev`")
}

func TestCodeOwnersThatCannotBeReadDenies(t *testing.T) {
	w, n := everything(t)
	w.Rules("dev", current(policy.CurrentOff))
	_, err := w.GitHub.Commit(repository, "main", "oda", "a slip", double.Files{"CODEOWNERS": "/other/ @acme/production\n/oth[e]r/ @ben\n"})
	w.Check(err)
	p, err := w.Apply(n)
	if problem := w.Refused(p, err, "code_owners", "CODEOWNERS"); !strings.Contains(problem.Detail, "line 2") {
		t.Errorf("detail %q", problem.Detail)
	}
}
