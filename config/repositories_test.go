package config

import (
	"slices"
	"testing"
)

func TestTheClosestEntrySaysWhichBranchesCount(t *testing.T) {
	cfg, err := load(t, minimal+`branches: [main]
repositories:
  - acme/website
  - {name: acme/*, branches: [main, dev]}
  - {name: Acme/Infra, branches: [release/*]}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for repository, want := range map[string][]string{
		"acme/website": {"main"}, "acme/other": {"main", "dev"}, "acme/infra": {"release/*"}, "ACME/INFRA": {"release/*"}, "else/infra": {"main"},
	} {
		if got := cfg.BranchesOf(repository); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", repository, got, want)
		}
	}
	if got := (Config{}).BranchesOf("acme/infra"); got != nil {
		t.Errorf("without a word of them: %v, want none, for the default branch", got)
	}
	if want := []string{"acme/website", "acme/*", "Acme/Infra"}; !slices.Equal(cfg.RepositoryNames(), want) {
		t.Errorf("names %v, want %v", cfg.RepositoryNames(), want)
	}
}

func TestReachIsByRepository(t *testing.T) {
	c := Config{Repositories: []Repository{{Name: "acme/*", Source: SourceReach}, {Name: "acme/small"}, {Name: "other/infra", Source: SourceCommit, LFS: true}}}
	for repository, want := range map[string]bool{"acme/monorepo": true, "ACME/monorepo": true, "acme/small": false, "other/infra": false, "third/one": false} {
		if got := c.ReachOf(repository); got != want {
			t.Errorf("%s: %v", repository, got)
		}
		if got := c.LFSOf(repository); got != (repository == "other/infra") {
			t.Errorf("large files of %s: %v", repository, got)
		}
	}
}

func TestSubmodulesAreAllowedByName(t *testing.T) {
	cfg, err := load(t, minimal+`repositories:
  - acme/website
  - {name: acme/*, submodules: [acme/*]}
  - {name: acme/infra, submodules: [acme/Modules, other/*]}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair, want := range map[[2]string]bool{
		{"acme/infra", "acme/modules"}: true, {"ACME/infra", "ACME/MODULES"}: true, {"acme/infra", "other/tools"}: true, {"acme/infra", "acme/secret"}: false, {"acme/infra", "otherwise/tools"}: false,
		{"acme/else", "acme/secret"}: true, {"acme/else", "other/tools"}: false, {"acme/website", "acme/modules"}: false, {"third/one", "third/two"}: false, {"acme/else", "acme"}: false, {"acme/infra", ""}: false,
	} {
		if got := cfg.SubmoduleOf(pair[0], pair[1]); got != want {
			t.Errorf("%s in %s: %v", pair[1], pair[0], got)
		}
	}
}
