package pull

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// The oldest git for all commands: the sandbox merges with "git merge-tree
// --write-tree", which is new in it (git's release notes, RelNotes/2.38.0).
const minMajor, minMinor = 2, 38

// CheckGit makes sure that the git of this machine can do what this package
// asks of it. The error is a sentence for the person who starts the program.
func CheckGit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "version")
	cmd.Env = environment()
	printed, err := output(ctx, cmd)
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("no git on the PATH: install git %d.%d or newer", minMajor, minMinor)
	}
	if err != nil {
		return fmt.Errorf("asking git for its version: %w", err)
	}
	return checkGitVersion(printed)
}

var gitVersion = regexp.MustCompile(`^git version ([0-9]{1,6})\.([0-9]{1,6})`)

// checkGitVersion judges what "git version" prints, such as "git version
// 2.39.5 (Apple Git-154)".
func checkGitVersion(printed string) error {
	m := gitVersion.FindStringSubmatch(printed)
	if m == nil {
		return fmt.Errorf("asking git for its version: it printed %.80q", printed)
	}
	major, _ := strconv.Atoi(m[1]) // the pattern has only digits, few enough
	minor, _ := strconv.Atoi(m[2])
	if major < minMajor || major == minMajor && minor < minMinor {
		return fmt.Errorf("git %d.%d is too old: install git %d.%d or newer", major, minor, minMajor, minMinor)
	}
	return nil
}
