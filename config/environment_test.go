package config

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironmentsAreOfRepositories(t *testing.T) {
	for _, tt := range []struct {
		of         []string
		repository string
		want       bool
	}{
		{nil, "acme/infra", true},
		{[]string{"acme/infra"}, "ACME/Infra", true},
		{[]string{"acme/infra"}, "acme/infra2", false},
		{[]string{"acme/infra"}, "mallory/infra", false},
		{[]string{"other/x", "Acme/*"}, "acme/infra", true},
		{[]string{"acme/*"}, "acme2/infra", false},
		{[]string{"acme/*"}, "", false},
	} {
		if got := (Environment{Repositories: tt.of}).ServesRepository(tt.repository); got != tt.want {
			t.Errorf("%q for %v: %v", tt.repository, tt.of, got)
		}
	}
}

// Secrets and roles that every one of several repositories may take are worth a word.
func TestEnvironmentsForAllRepositoriesAreNamed(t *testing.T) {
	t.Setenv("TOKEN", "x")
	const environments = `environments:
  open: {variables: {REGION: {value: x}}}
  secret: {variables: {TOKEN: {env: TOKEN}}}
  bound: {repositories: [acme/infra], variables: {TOKEN: {env: TOKEN}}}
`
	for repositories, want := range map[string]string{
		"": "secret", "repositories: [acme/infra]\n": "", "repositories: [acme/*]\n": "secret", "repositories: [acme/infra, acme/other]\n": "secret",
	} {
		cfg, err := load(t, minimal+repositories+environments, map[string]string{"TOKEN": "x"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cfg.ForAll(), " "); got != want {
			t.Errorf("%q: %q, want %q", repositories, got, want)
		}
	}
	if got := (Config{Environments: map[string]Environment{"prod": {ApplyRole: "arn"}, "dev": {PlanRole: "arn"}}}).ForAll(); !slices.Equal(got, []string{"dev", "prod"}) {
		t.Errorf("with roles: %v", got)
	}
}

func TestTrustedPushersAreAppsThatAreNoWorkflows(t *testing.T) {
	cfg, err := load(t, minimal+"trusted_pushers: [\"renovate[bot]\"]\n", nil)
	if err != nil || !cfg.TrustedPusher("Renovate[bot]") || cfg.TrustedPusher("github-actions[bot]") || cfg.TrustedPusher("renovate") {
		t.Errorf("%v, %v", cfg.TrustedPushers, err)
	}
	for _, wrong := range []string{"renovate", "GitHub-Actions[bot]", ""} {
		if _, err := load(t, minimal+"trusted_pushers: [\""+wrong+"\"]\n", nil); err == nil || !strings.Contains(err.Error(), "trusted_pushers[0]") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
