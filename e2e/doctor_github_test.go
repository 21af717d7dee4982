package e2e

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
)

func TestDoctorSaysWhichBranchesGitHubProtects(t *testing.T) {
	for name, tt := range map[string]struct {
		change []func(map[string]any)
		want   []string
	}{
		"the default branch alone": {nil, []string{
			`ok      acme/infrastructure "main" is protected`,
		}},
		"what is listed": {[]func(map[string]any){branches("main", "dev", "gone", "release/*", "hotfix/*")}, []string{
			`ok      acme/infrastructure "main" is protected`,
			`warning acme/infrastructure "dev" may be a base and is not protected`, `Add a ruleset`,
			`warning acme/infrastructure "gone" may be a base and is not there`, `Make it and protect it`,
			`ok      acme/infrastructure making branches "release/*" is restricted`,
			`warning acme/infrastructure "release/1" may be a base and is not protected`,
			`warning acme/infrastructure branches "hotfix/*" may be bases, and anybody who may push can make one`, `restricts creations`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{newStage(t, tt.change...)}
			for _, branch := range []string{"dev", "release/1"} {
				_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, branch, "x", aChange(branch))
				s.check(err)
			}
			s.check(s.world.GitHub.SetBranchRules(sandbox.Repository, "main", map[string]any{"type": "deletion"}))
			s.check(s.world.GitHub.SetBranchRules(sandbox.Repository, "release/lockkeeper-doctor", map[string]any{"type": "creation"}))
			out, exit := s.command("doctor", "github", "--config", s.config)
			if exit != 0 {
				t.Errorf("a warning fails nothing: exit code %d", exit)
			}
			s.wants(out, tt.want...)
			if got, want := strings.Count(out, "acme/infrastructure"), strings.Count(strings.Join(tt.want, "\n"), "acme/infrastructure"); got != want {
				t.Errorf("%d lines, want %d:\n%s", got, want, out)
			}
		})
	}
}
