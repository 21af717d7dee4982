package cli

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	platform := []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"}}
	vcs := append(platform, debug.BuildSetting{Key: "vcs.revision", Value: "50487c4e"}, debug.BuildSetting{Key: "vcs.time", Value: "2026-01-02T12:00:00Z"})
	for name, row := range map[string]struct {
		settings []debug.BuildSetting
		commit   string
	}{
		"a commit":     {append(vcs, debug.BuildSetting{Key: "vcs.modified", Value: "false"}), "50487c4e of 2026-01-02T12:00:00Z\n"},
		"with changes": {append(vcs, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "50487c4e of 2026-01-02T12:00:00Z, with changes\n"},
		"an archive":   {platform, "not known: it was not built in a git repository\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := printVersion(&out, "v1.2.3", &debug.BuildInfo{GoVersion: "go1.26.8", Settings: row.settings}); err != nil {
				t.Fatal(err)
			}
			if want := "lockkeeper v1.2.3\ncommit   " + row.commit + "built by go1.26.8 for linux/arm64\n"; out.String() != want {
				t.Errorf("it prints\n%swant\n%s", out.String(), want)
			}
		})
	}
}
