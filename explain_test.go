package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// explained runs `lockkeeper explain` beside the stage's server.
func (s *story) explained(args ...string) (out string, ok bool) {
	s.Helper()
	executable, err := os.Executable()
	s.check(err)
	cmd := exec.CommandContext(s.Context(), executable, append([]string{"explain", "--config", s.config}, args...)...)
	cmd.Env = append(os.Environ(), asLockkeeper+"=1")
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

func TestAnOperatorReadsTheVerdictBesideARunningServer(t *testing.T) {
	s := newStory(t, approvals(1), rules("dev", map[string]any{"apply": []string{"acme/production"}}))
	s.planned("a")
	s.quiet()
	before := s.conversation(1)
	for _, tt := range []struct {
		name string
		args []string
		ok   bool
		want []string
	}{
		{"of nobody in particular", []string{"--pr", "acme/infrastructure#1"}, true, []string{"**`/apply` is not allowed** for somebody who may yet:", "✗ 0 of 1 approval", "✓ The pull request is open."}},
		{"of the author", []string{"--pr", "acme/infrastructure#1", "--as", ana}, true, []string{"for " + ana + " yet:", "✗ Only `acme/production` may apply in `dev`"}},
		{"of an outsider", []string{"--pr", "acme/infrastructure#1", "--as", sam}, true, []string{"write access"}},
		{"of one project", []string{"--pr", "acme/infrastructure#1", "network-dev"}, true, []string{"✗ 0 of 1 approval"}},
		{"of a project that is not there", []string{"--pr", "acme/infrastructure#1", "nope"}, false, []string{"lockkeeper: No project is called `nope`"}},
		{"of a pull request that is not there", []string{"--pr", "acme/infrastructure#99"}, false, []string{"lockkeeper: "}},
		{"of a repository that is not there", []string{"--pr", "acme/nope#1"}, false, []string{"lockkeeper: the App is not installed on acme/nope, or there is no such repository"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, ok := s.explained(tt.args...)
			if ok != tt.ok {
				t.Errorf("succeeded %t, want %t:\n%s", ok, tt.ok, out)
			}
			s.wants(out, tt.want...)
			if strings.Contains(out, "goroutine ") {
				t.Error(out)
			}
		})
	}
	s.quiet()
	if after := s.conversation(1); after != before {
		t.Errorf("it changed the conversation from\n%s\nto\n%s", before, after)
	}
}
