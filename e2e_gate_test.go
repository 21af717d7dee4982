package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// gated is a terraform whose init, plan and apply wait until they are opened.
const gated = `
case "$1" in init|plan|apply)
	trap 'exit 130' INT
	[ -e "$dir/open-$1" ] || echo "$$" >> "$dir/waits-$1"
	while [ ! -e "$dir/open-$1" ]; do sleep 0.01; done
	trap - INT
esac
exec "$terraform" "$@"
`

// steps is where the terraform commands of a stage wait.
type steps struct{ *stage }

func (g steps) open(commands ...string) {
	g.Helper()
	for _, c := range commands {
		g.check(os.WriteFile(filepath.Join(g.dir, "open-"+c), nil, 0o600))
	}
}

func (g steps) close(command string) {
	g.Helper()
	g.check(os.Remove(filepath.Join(g.dir, "open-"+command)))
}

// await waits until a command waits.
func (g steps) await(command string) {
	g.Helper()
	g.poll("terraform "+command+" to begin", func() bool { return g.marks("waits-"+command) > 0 })
}

// newGatedStory is a story whose terraform waits at init, plan and apply.
func newGatedStory(t *testing.T, change ...func(map[string]any)) (*story, steps) {
	t.Helper()
	s := newScriptStory(t, gated, change...)
	return s, steps{s.stage}
}

// T18: a push at each of the four points between the comment and terraform. The
// commit that was judged is applied, or nothing.
func TestT18APushBetweenTheCommentAndItsWebhookWins(t *testing.T) {
	for name, push := range map[string]func(p *github.Person) error{
		"a push": func(p *github.Person) error {
			_, err := p.Push(sandbox.Repository, "a", "second", aChange("second"))
			return err
		},
		"a force push": func(p *github.Person) error {
			_, err := p.ForcePush(sandbox.Repository, "a", "second", aChange("second"))
			return err
		},
		"a push of the same tree": func(p *github.Person) error {
			if _, err := p.Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
				return err
			}
			_, err := p.Push(sandbox.Repository, "a", "back", aChange("a"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t)
			n := s.planned("a")
			faults := s.world.GitHub.Faults()
			faults.DelayWebhooks(time.Minute)
			_, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/apply")
			s.check(err)
			s.check(push(s.world.GitHub.As(ana)))
			faults.DelayWebhooks(0)
			faults.Advance(time.Minute)
			s.quiet()
			s.refused(n)
		})
	}
}

func TestT18APushWhileTheGateReadsWins(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	s.approve(rui, n)
	s.world.GitHub.Faults().BeforeNext("/reviews", func() {
		if _, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
			t.Error(err)
		}
	})
	s.says(ana, n, "/apply")
	s.untouched(n)
}

// beforeGit runs do before the first call of git that comes when a condition
// holds.
func (s *story) beforeGit(cond func() bool, do func()) {
	s.world.GitHub.Faults().BeforeNext("git-upload-pack", func() {
		if cond() {
			do()
			return
		}
		s.beforeGit(cond, do)
	})
}

func TestT18APushBetweenTheGateAndTheStartWins(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	pushed := false
	s.beforeGit(func() bool { a := s.applies(n); return len(a) == 1 && a[0].State == run.StateRunning }, func() {
		pushed = true
		if _, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second")); err != nil {
			t.Error(err)
		}
	})
	s.says(ana, n, "/apply")
	if !pushed {
		t.Fatal("nothing looked at the branch before the apply began")
	}
	s.untouched(n)
}

func TestT18APushBetweenTheStartAndTerraformWins(t *testing.T) {
	s, gate := newGatedStory(t, func(c map[string]any) { c["limits"] = map[string]any{"terraform_processes": 1} })
	gate.open("init", "plan", "apply")
	n := s.planned("a")
	gate.close("plan")
	s.open("b", github.Files{"live/dev/orders/extra.tf": aChange("b")["live/dev/network/extra.tf"]})
	gate.await("plan") // which has the only turn
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	s.poll("the apply to be taken", func() bool {
		a := s.applies(n)
		if len(a) == 0 || len(a[0].Jobs) == 0 {
			return false
		}
		_, err := os.Stat(filepath.Join(s.dir, "server", "jobs", a[0].Jobs[0].ID))
		return err == nil
	})
	_, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.poll("the push", func() bool { return s.applies(n)[0].SupersededBy != "" })
	gate.open("plan")
	s.quiet()
	s.untouched(n)
}

func TestT18APushDuringAnApplyLetsItEnd(t *testing.T) {
	s, gate := newGatedStory(t)
	gate.open("init", "plan")
	n := s.planned("a")
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	gate.await("apply")
	_, err = s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.poll("the push", func() bool { return s.applies(n)[0].SupersededBy != "" })
	gate.open("apply")
	s.quiet()
	if !s.applied("a") {
		t.Errorf("a push ended an apply in the middle:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" {
		t.Error("the new commit counts as applied")
	}
}

func TestAnApprovalThatIsDismissedCountsNoMore(t *testing.T) {
	for _, tt := range []struct {
		name string
		when func(s *story, dismiss func())
	}{
		{"before the apply", func(_ *story, dismiss func()) { dismiss() }},
		{"while the gate reads", func(s *story, dismiss func()) { s.world.GitHub.Faults().BeforeNext("/reviews", dismiss) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, approvals(1))
			n := s.planned("a")
			id := s.approve(rui, n)
			s.shown(n, "Ready to apply")
			tt.when(s, func() {
				if err := s.world.GitHub.As(rui).DismissReview(sandbox.Repository, n, id); err != nil {
					t.Error(err)
				}
			})
			s.says(ana, n, "/apply")
			s.refused(n, "approval")
		})
	}
}

func TestT20TheLastOf250ReviewsCounts(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	s.world.GitHub.Faults().PageSize(30) // 9 pages
	review := func(event string) {
		t.Helper()
		_, err := s.world.GitHub.As(rui).Review(sandbox.Repository, n, event, "so be it")
		s.check(err)
	}
	review("APPROVE")
	for range 248 {
		review("COMMENT")
	}
	review("REQUEST_CHANGES")
	s.quiet()
	s.says(ana, n, "/apply")
	s.refused(n, rui)
	review("APPROVE")
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}

func TestT24ABaseThatMovedHoldsAnApplyBack(t *testing.T) {
	move := func(s *story) {
		s.Helper()
		_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, rui, "main moves", github.Files{"modules/network/more.tf": "# more\n"})
		s.check(err)
	}
	t.Run("before the apply", func(t *testing.T) {
		s := newStory(t, rules("dev", map[string]any{"current": "project"}))
		n := s.planned("a")
		move(s)
		s.says(ana, n, "/apply")
		s.refused(n, "main", "modules/network/more.tf")
	})
	t.Run("between the gate and the start", func(t *testing.T) {
		s := newStory(t, rules("dev", map[string]any{"current": "strict"}))
		n := s.planned("a")
		s.beforeGit(func() bool { a := s.applies(n); return len(a) == 1 && a[0].State == run.StateRunning }, func() { move(s) })
		s.says(ana, n, "/apply")
		s.untouched(n)
	})
}

// T22: whatever happened to the stored plan, terraform never sees another one.
func TestT22AChangedPlanFileIsNotApplied(t *testing.T) {
	other := func(project string) github.Files {
		return github.Files{"live/" + project + "/extra.tf": aChange("a")["live/dev/network/extra.tf"]}
	}
	for _, tt := range []struct {
		name   string
		tamper func(s *story, n int, file string) error
	}{
		{"one bit flipped", func(_ *story, _ int, file string) error {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			content[len(content)/2] ^= 1
			return os.WriteFile(file, content, 0o600)
		}},
		{"another project's", func(s *story, n int, file string) error {
			return copyFile(s.planFile(n, "orders-dev"), file)
		}},
		{"an older one of the project", func(s *story, n int, file string) error {
			s.says(ana, n, "/plan")
			return copyFile(file, s.planFile(n, "network-dev"))
		}},
		{"cut", func(_ *story, _ int, file string) error { return os.Truncate(file, 100) }},
		{"gone", func(_ *story, _ int, file string) error { return os.Remove(file) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScriptStory(t, countingApplies)
			files := aChange("a")
			for path, content := range other("dev/orders") {
				files[path] = content
			}
			n := s.open("a", files)
			s.quiet()
			s.check(tt.tamper(s, n, s.planFile(n, "network-dev")))
			s.says(ana, n, "/apply network-dev")
			s.untouched(n)
			if got := s.marks("applied"); got != 0 {
				t.Errorf("terraform apply ran %d times", got)
			}
			s.wants(strings.ToLower(s.conversation(n)), "plan")
		})
	}
}

// planFile is where the newest plan of a project is stored.
func (s *story) planFile(number int, project string) string {
	s.Helper()
	for _, r := range s.runs(number) {
		for _, j := range r.Jobs {
			if r.Kind == run.KindPlan && j.Document.Project.Name == project {
				return filepath.Join(s.dir, "server", "artifacts", filepath.FromSlash(j.Result.Artifacts[run.ArtifactPlan].Key))
			}
		}
	}
	s.Fatalf("no plan of %s", project)
	return ""
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

func TestT38TroubleWhileAnApplyIsReportedLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*github.Faults)
	}{
		{"502", func(f *github.Faults) { f.FailNext(1, 502, "PATCH"); f.FailNext(1, 502, "POST") }},
		{"403", func(f *github.Faults) {
			f.LimitSecondaryNext(1, 403, time.Second, "PATCH")
			f.LimitSecondaryNext(1, 403, time.Second, "POST")
		}},
		{"429", func(f *github.Faults) {
			f.LimitSecondaryNext(1, 429, time.Second, "PATCH")
			f.LimitSecondaryNext(1, 429, time.Second, "POST")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t)
			n := s.planned("a")
			writes := s.logWrites()
			tt.fault(s.world.GitHub.Faults())
			id := s.says(ana, n, "/apply")
			writes.wantAgain(t, 2)
			if !s.applied("a") || len(s.applies(n)) != 1 {
				t.Fatalf("not applied once:\n%s", s.conversation(n))
			}
			if got := s.reactions(n, id); len(got) != 1 {
				t.Errorf("reactions %v", got)
			}
			if got := len(s.said(n)); got != 1 {
				t.Errorf("%d comments, want one that is kept up to date", got)
			}
			if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
				t.Errorf("the check is %s %s", c.Status, c.Conclusion)
			}
		})
	}
}

// writeLog is every call that writes, in order.
type writeLog struct {
	mu    sync.Mutex
	calls []write // guarded by mu
}

type write struct {
	target string // method and path
	body   string
	status int
}

func (s *story) logWrites() *writeLog {
	l := &writeLog{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = func(r *http.Request, body string, status int) {
		if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/access_tokens") {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls = append(l.calls, write{r.Method + " " + r.URL.Path, body, status})
	}
	return l
}

// wantAgain wants that many writes to have failed, and the next one to the same
// thing to have succeeded. What creates something is sent again as it was; what
// is kept up to date may have become newer meanwhile.
func (l *writeLog) wantAgain(t *testing.T, failures int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := 0
	for i, c := range l.calls {
		if c.status < 400 {
			continue
		}
		failed++
		later := l.calls[i+1:]
		n := slices.IndexFunc(later, func(w write) bool { return w.target == c.target })
		switch {
		case n < 0 || later[n].status >= 400:
			t.Errorf("%s failed and was not made again", c.target)
		case strings.HasPrefix(c.target, "POST ") && later[n].body != c.body:
			t.Errorf("%s was made again with %.300s, want %.300s", c.target, later[n].body, c.body)
		}
	}
	if failed != failures {
		t.Errorf("%d writes failed, want %d", failed, failures)
	}
}

func TestAReadThatFailsIsNoPermission(t *testing.T) {
	for _, operation := range []string{"/reviews", "/commits", "/collaborators", "GET /repos/{owner}/{repo}/issues/comments/"} {
		t.Run(operation, func(t *testing.T) {
			s := newStory(t, approvals(1))
			n := s.planned("a")
			s.approve(rui, n)
			s.world.GitHub.Faults().FailNext(1000, 404, operation)
			s.says(ana, n, "/apply")
			s.untouched(n)
			if got := len(s.applies(n)); got != 1 {
				t.Errorf("%d applies", got)
			}
		})
	}
}

func TestAnApplyCostsTenCallsWhateverTheNumberOfProjects(t *testing.T) {
	s := newStory(t, approvals(1))
	files := github.Files{}
	for _, project := range []string{"network", "database", "cluster", "orders"} {
		for _, environment := range []string{"dev", "prod"} {
			files["live/"+environment+"/"+project+"/extra.tf"] = aChange("all")["live/dev/network/extra.tf"]
		}
	}
	n := s.open("all", files)
	s.quiet()
	s.approve(rui, n)
	s.shown(n, "Ready to apply")
	s.quiet()
	s.world.GitHub.ResetRequests()
	s.says(ana, n, "/apply")
	total := 0
	for _, count := range s.world.GitHub.Requests() {
		total += count
	}
	if total > 10 {
		t.Errorf("%d calls: %v", total, s.world.GitHub.Requests())
	}
	if jobs := len(s.applies(n)[0].Jobs); jobs != 8 {
		t.Errorf("%d jobs, want all 8 projects", jobs)
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
		t.Errorf("the check is %s %s:\n%s", c.Status, c.Conclusion, s.conversation(n))
	}
}

func TestT37OneProjectThatFailsLeavesTheOthersApplied(t *testing.T) {
	s := newStory(t)
	files := aChange("a")
	files["live/dev/orders/extra.tf"] = "resource \"terraform_data\" \"bad\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n"
	n := s.open("a", files)
	s.quiet()
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Errorf("network-dev is not applied:\n%s", s.conversation(n))
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "failure" {
		t.Errorf("the check is %s %s", c.Status, c.Conclusion)
	}
	s.wants(s.plans(n)[0].Body, "orders-dev", "network-dev", "failed")
	if got := s.holders(); !strings.Contains(fmt.Sprint(got), fmt.Sprintf("orders-dev@%d", n)) {
		t.Errorf("locks of %v, want the failed project's among them", got)
	}
	_, err := s.world.GitHub.As(rui).MergePull(sandbox.Repository, n, "merge")
	s.check(err)
	s.quiet()
	if got := s.holders(); !strings.Contains(fmt.Sprint(got), fmt.Sprintf("orders-dev@%d", n)) {
		t.Errorf("locks of %v after the merge, want the failed project's", got)
	}
}
