package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
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
			s := newStory(t, tt.change...)
			s.pushed("dev", "release/1")
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

// What GitHub says of the App, where it is installed and how its webhooks were answered
// shows in one command what is wrong with an installation.
func TestDoctorSaysWhatTheAppLacks(t *testing.T) {
	s := newStory(t)
	s.pushed("x")
	out, exit := s.command("doctor", "github", "--config", s.config)
	if exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	s.wants(out, "ok      app             ", "has the permissions and events that Lockkeeper needs",
		"ok      installation    of acme grants all of it", "ok      webhook         goes to http://127.0.0.1", "ok      deliveries      the newest, ", "was answered 200")

	s = &story{newStageWith(t, map[string]string{"checks": "read"})}
	defer s.serve()()
	s.world.GitHub.SetWebhook(s.hook, "another secret")
	s.pushed("x")
	out, exit = s.command("doctor", "github", "--config", s.config)
	if exit != 1 {
		t.Errorf("exit code %d", exit)
	}
	s.wants(out, "failed  app             lockkeeper lacks checks: write", "failed  installation    of acme has not accepted checks: write",
		"failed  deliveries      the newest, ", "is not signed with the secret of the server's config")
}

// pushed makes branches, and returns when the webhooks about them were answered.
func (s *story) pushed(branches ...string) {
	s.Helper()
	for _, branch := range branches {
		_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, branch, "x", aChange(branch))
		s.check(err)
	}
	s.until("the answers to webhooks", func() bool {
		return !slices.ContainsFunc(s.world.GitHub.Deliveries(), func(d github.Delivery) bool { return !d.Done })
	})
}
