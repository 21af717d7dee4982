package cli

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints what the program was built from, for a report of a mistake.
func (*versionCmd) Run(p Program) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return printVersion(os.Stdout, p.Version, info)
}

// printVersion says what Go wrote into the binary about its source, which it does not
// know of an archive, as in the image.
func printVersion(out io.Writer, version string, info *debug.BuildInfo) error {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	commit := "not known: it was not built in a git repository"
	if revision := set["vcs.revision"]; revision != "" {
		commit = revision + " of " + set["vcs.time"]
		if set["vcs.modified"] == "true" {
			commit += ", with changes"
		}
	}
	_, err := fmt.Fprintf(out, "lockkeeper %s\ncommit   %s\nbuilt by %s for %s/%s\n", version, commit, info.GoVersion, set["GOOS"], set["GOARCH"])
	return err
}
