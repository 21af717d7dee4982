package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const quietRepository = "quiet/infra"

// flooded is a server within GitHub's limits for content, and the pull requests
// that are about to be flooded: of the demo repository, and one of another
// organisation.
func flooded(t *testing.T, pulls int) (s *story, loud []int, quiet int) {
	t.Helper()
	s = newStory(t, func(c map[string]any) {
		c["autoplan"] = map[string]any{"enabled": false}
		c["locks"] = map[string]any{"at": "apply"} // else the pull requests wait for each other
		limits := c["github"].(map[string]any)
		limits["writes_per_minute"], limits["writes_per_hour"] = 72, 450
	})
	s.world.GitHub.Faults().LimitContent(80, 500)
	for i := range pulls {
		loud = append(loud, s.open(fmt.Sprint("b", i), aChange(fmt.Sprint(i))))
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
	quiet, err = d.As("zoe").OpenPull(quietRepository, "change", demo.DefaultBranch, "Change", "", false)
	s.check(err)
	s.quiet()
	return s, loud, quiet
}

// flood comments /plan so often, by so many people on the loud pull requests, and
// once on the quiet one behind them. It returns how many of the loud runs had
// ended when the quiet plan had, and how long that took.
func (s *story) flood(commands, people int, loud []int, quiet int) (overtook int, took time.Duration) {
	s.Helper()
	for p := range people {
		s.check(s.world.GitHub.SetPermission(sandbox.Repository, fmt.Sprint("p", p), "write"))
	}
	all(commands, func(i int) {
		if _, err := s.world.GitHub.As(fmt.Sprint("p", i%people)).Comment(sandbox.Repository, loud[i%len(loud)], "/plan"); err != nil {
			s.Error(err)
		}
	})
	began := time.Now()
	_, err := s.world.GitHub.As("zoe").Comment(quietRepository, quiet, "/plan")
	s.check(err)
	s.poll("the plan of the quiet repository", func() bool {
		v, err := s.world.GitHub.Pull(quietRepository, quiet)
		s.check(err)
		return slices.ContainsFunc(v.Checks, func(c github.CheckView) bool { return c.Name == "lockkeeper/plan" && c.Conclusion == "success" })
	})
	took = time.Since(began)
	for _, n := range loud {
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
func (s *story) answered(commands int, loud []int) {
	s.Helper()
	asked := 0
	for _, n := range loud {
		for _, r := range s.runs(n) {
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
}

// settled waits for as long as GitHub's limits make it take.
func (s *story) settled(within time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	for s.unfinished() != "" {
		select {
		case <-ctx.Done():
			s.Fatalf("still waiting for %s", s.unfinished())
		case <-time.After(50 * time.Millisecond): // between looks
		}
	}
}

func TestAFloodOfPlansIsAnsweredWithinGitHubsLimits(t *testing.T) {
	s, loud, quiet := flooded(t, 4)
	const commands = 100
	overtook, took := s.flood(commands, 10, loud, quiet)
	s.settled(3 * time.Minute)
	s.answered(commands, loud)
	t.Logf("the quiet repository had its plan after %s and %d loud runs", took.Round(time.Millisecond), overtook)
}
