// Command lockkeeper plans and applies infrastructure changes from pull requests.
package main

import (
	"cmp"
	_ "embed"
	"os"
	"runtime/debug"

	"github.com/lockkeeper/lockkeeper/cli"
)

// release is set by the linker; builds without it name their commit.
var release string

//go:embed app.yml
var manifest []byte

func main() {
	os.Exit(cli.Program{Version: cmp.Or(release, commit()), Manifest: manifest}.Run(os.Args[1:]))
}

// commit is what Go wrote into the binary about the source that it was built
// from: a version with date and commit, and "+dirty" after changes.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}
