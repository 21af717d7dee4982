package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/outbox"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const quietRepository = "quiet/infra"

// limits are how many writes of an installation GitHub and the server allow.
type limits struct {
	github, server struct{ perMinute, perHour int }
}

func limitsOf(perMinute, perHour int) (l limits) {
	l.github.perMinute, l.github.perHour = perMinute, perHour
	l.server.perMinute, l.server.perHour = perMinute*9/10, perHour*9/10
	return l
}

// flood is a server within GitHub's limits for content, and the pull requests
// that are about to be flooded: of the demo repository, and one of another
// organisation. The clock by which both count writes is the test's.
type flood struct {
	*story
	loud   []int
	quiet  int
	sender *outbox.Sender

	mu    sync.Mutex
	ahead time.Duration // guarded by mu; of the clock of GitHub and of what is sent to it
}

func (f *flood) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.ahead)
}

func (f *flood) advance(by time.Duration) {
	f.mu.Lock()
	f.ahead += by
	f.mu.Unlock()
	f.world.GitHub.Faults().Advance(by)
	f.sender.Wake()
}

func flooded(t *testing.T, pulls int, l limits) *flood {
	t.Helper()
	s := &story{newStage(t, func(c map[string]any) {
		c["autoplan"] = map[string]any{"enabled": false}
		c["locks"] = map[string]any{"at": "apply"} // else the pull requests wait for each other
		limits := c["github"].(map[string]any)
		limits["writes_per_minute"], limits["writes_per_hour"] = l.server.perMinute, l.server.perHour
	})}
	f := &flood{story: s}
	t.Cleanup(s.serve(func(a *app.App) { f.sender, a.Sender.Now, a.GitHub.Now = a.Sender, f.now, f.now }))
	s.world.GitHub.Faults().LimitContent(l.github.perMinute, l.github.perHour)
	for i := range pulls {
		f.loud = append(f.loud, s.open(fmt.Sprint("b", i), aChange(fmt.Sprint(i))))
	}
	d := s.world.GitHub
	s.check(d.AddOrg("quiet", "zoe"))
	s.check(d.AddRepository("quiet", "infra", demo.DefaultBranch))
	s.check(d.SetPermission(quietRepository, "zoe", "write"))
	empty := github.Files{"app/main.tf": "terraform {\n  backend \"local\" {}\n}\n"}
	_, err := d.Commit(quietRepository, demo.DefaultBranch, "zoe", "Begin", empty)
	s.check(err)
	_, err = d.Install(quietRepository)
	s.check(err)
	_, err = d.As("zoe").Push(quietRepository, "change", "Change", github.Files{"app/more.tf": "output \"a\" { value = 1 }\n"})
	s.check(err)
	f.quiet, err = d.As("zoe").OpenPull(quietRepository, "change", demo.DefaultBranch, "Change", "", false)
	s.check(err)
	s.quiet()
	return f
}

// ask comments /plan so often, by so many people on the loud pull requests, and
// once on the quiet one behind them. It returns how many of the loud runs had
// ended when the quiet plan had, and how long that took.
func (f *flood) ask(commands, people int) (overtook int, took time.Duration) {
	s := f.story
	s.Helper()
	for p := range people {
		s.check(s.world.GitHub.SetPermission(sandbox.Repository, fmt.Sprint("p", p), "write"))
	}
	s.world.GitHub.Faults().SendAtOnce(true)
	all(commands, func(i int) {
		if _, err := s.world.GitHub.As(fmt.Sprint("p", i%people)).Comment(sandbox.Repository, f.loud[i%len(f.loud)], "/plan"); err != nil {
			s.Error(err)
		}
	})
	began := time.Now()
	_, err := s.world.GitHub.As("zoe").Comment(quietRepository, f.quiet, "/plan")
	s.check(err)
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Minute) // the order decides, not how fast this machine is
	defer cancel()
	if err := s.world.GitHub.Wait(ctx, func() bool {
		v, err := s.world.GitHub.Pull(quietRepository, f.quiet)
		return err == nil && slices.ContainsFunc(v.Checks, func(c github.CheckView) bool { return c.Name == "lockkeeper/plan" && c.Conclusion == "success" })
	}); err != nil {
		s.Fatalf("still waiting for the plan of the quiet repository: %s", s.unfinished())
	}
	took = time.Since(began)
	for _, n := range f.loud {
		for _, r := range s.runs(n) {
			if r.State.Final() {
				overtook++
			}
		}
	}
	return overtook, took
}

// answered checks that each command has a run that succeeded, each pull request
// one comment that shows it, and that GitHub never had to refuse.
func (f *flood) answered(commands int) (runs int) {
	s := f.story
	s.Helper()
	asked := 0
	for _, n := range f.loud {
		for _, r := range s.runs(n) {
			runs++
			if asked += 1 + len(r.Joined); r.State != run.StateSucceeded {
				s.Errorf("a run on pull request %d is %s", n, r.State)
			}
		}
		if said := s.said(n); len(said) != 1 {
			s.Errorf("%d comments on pull request %d", len(said), n)
		}
		if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "success" {
			s.Errorf("the check of pull request %d is %s %s", n, c.Status, c.Conclusion)
		}
	}
	if asked != commands {
		s.Errorf("%d commands have an answer, want %d", asked, commands)
	}
	if got := s.world.GitHub.Limits(); got.Refused != 0 || got.InARow != 0 {
		s.Errorf("GitHub refused %d calls, %d right after another", got.Refused, got.InARow)
	}
	s.noErrorToGitHub()
	return runs
}

// settled waits until all is done. When there is nothing left but what has to be
// said, time passes, for GitHub and for what is sent to it.
func (f *flood) settled(within time.Duration) (waited time.Duration) {
	f.Helper()
	deadline := time.Now().Add(within)
	for {
		left := f.unfinished()
		switch {
		case left == "":
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.ahead
		case time.Now().After(deadline):
			f.Fatalf("still waiting for %s", left)
		case strings.Contains(left, "notices"):
			f.advance(time.Second)
		}
		time.Sleep(50 * time.Millisecond) // between looks
	}
}

// GitHub allows few writes here, so that few commands use them up.
func TestAFloodOfPlansIsAnsweredWithinGitHubsLimits(t *testing.T) {
	f := flooded(t, 3, limitsOf(23, 500))
	const commands = 60
	overtook, took := f.ask(commands, 10)
	waited := f.settled(time.Minute)
	runs := f.answered(commands)
	t.Logf("the quiet repository had its plan after %s and %d of %d loud runs; all was said %s later", took.Round(time.Millisecond), overtook, runs, waited)
	if waited == 0 {
		t.Error("the limits were not met")
	}
}
