package e2e

import (
	"strings"
	"testing"
)

func TestAnOperatorReadsTheVerdictBesideARunningServer(t *testing.T) {
	s := newStory(t, approvals(1), rules("dev", map[string]any{"apply": []string{"acme/production"}}))
	s.planned("a")
	s.quiet()
	before := s.conversation(1)
	for _, tt := range []struct {
		name string
		args []string
		exit int
		want []string
	}{
		{"of nobody in particular", []string{"--pr", "acme/infrastructure#1"}, 3, []string{"/apply is not allowed for people whose right to apply is not in question yet:", "✗ 0 of 1 approval", "✓ The pull request is open."}},
		{"of the author", []string{"--pr", "acme/infrastructure#1", "--as", ana}, 3, []string{"for " + ana + " yet:", "✗ Only acme/production may apply in dev"}},
		{"of an outsider", []string{"--pr", "acme/infrastructure#1", "--as", sam}, 3, []string{"write access"}},
		{"of one project", []string{"--pr", "acme/infrastructure#1", "network-dev"}, 3, []string{"✗ 0 of 1 approval"}},
		{"of a project that is not there", []string{"--pr", "acme/infrastructure#1", "nope"}, 1, []string{"lockkeeper: No project is called `nope`"}},
		{"of a pull request that is not there", []string{"--pr", "acme/infrastructure#99"}, 1, []string{"lockkeeper: there is no pull request acme/infrastructure#99\n"}},
		{"of a repository that is not there", []string{"--pr", "acme/nope#1"}, 1, []string{"lockkeeper: the App is not installed on acme/nope, or there is no such repository"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, exit := s.command(append([]string{"explain", "--config", s.config}, tt.args...)...)
			if exit != tt.exit {
				t.Errorf("exit code %d, want %d:\n%s", exit, tt.exit, out)
			}
			s.wants(out, tt.want...)
			if strings.Contains(out, "goroutine ") || strings.Contains(out, "**") {
				t.Error(out)
			}
		})
	}
	s.quiet()
	if after := s.conversation(1); after != before {
		t.Errorf("it changed the conversation from\n%s\nto\n%s", before, after)
	}
	s.approve(rui, 1)
	s.quiet()
	if out, exit := s.command("explain", "--config", s.config, "--pr", "acme/infrastructure#1"); exit != 0 || !strings.HasPrefix(out, "/apply is allowed for people whose right to apply is not in question now:\n\n- ✓ ") {
		t.Errorf("exit code %d:\n%s", exit, out)
	}
}
