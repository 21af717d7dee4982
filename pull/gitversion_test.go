package pull

import (
	"strings"
	"testing"
)

func TestGitThatIsTooOldIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, printed, says string }{
		{"the oldest", "git version 2.38.0\n", ""},
		{"a newer one", "git version 2.39.5\n", ""},
		{"of a vendor", "git version 2.50.1 (Apple Git-155)\n", ""},
		{"a release candidate", "git version 2.40.0-rc1\n", ""},
		{"a major one", "git version 3.0.0\n", ""},
		{"too old", "git version 2.37.9\n", "git 2.37 is too old: install git 2.38 or newer"},
		{"far too old", "git version 1.99.0\n", "git 1.99 is too old"},
		{"compared as numbers", "git version 2.4.0\n", "git 2.4 is too old"},
		{"no git", "hub version 2.38\n", `it printed "hub version 2.38\n"`},
		{"nothing", "", `it printed ""`},
		{"a very long number", "git version 99999999999999999999.0\n", "it printed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkGitVersion(tt.printed)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func TestGitOfThisMachine(t *testing.T) {
	if err := CheckGit(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := CheckGit(t.Context()); err == nil || err.Error() != "no git on the PATH: install git 2.38 or newer" {
		t.Errorf("without git: %v", err)
	}
}
