package github

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// zeroSHA stands for "no commit" in pushes.
const zeroSHA = "0000000000000000000000000000000000000000"

// gitRepo is one bare repository on disk. Its facts never change for a given SHA, so they are kept for good.
type gitRepo struct {
	ctx      context.Context
	dir      string
	writing  sync.Mutex // serializes everything that moves refs
	objects  session    // git cat-file: tens of microseconds instead of a process each
	differ   session    // git diff-tree
	refs     session    // git update-ref
	commits  memo[string, *commit]
	listings memo[string, []string] // the files of a commit
	compares memo[[2]string, *comparison]
	diffs    memo[[2]string, []changedFile]
	patches  memo[[2]string, []string]
	bases    memo[[2]string, string]
	merges   memo[[2]string, *testMerge]
}

// gitCall is one git process.
type gitCall struct {
	args  []string
	stdin io.Reader
	env   []string
}

// gitEnv keeps the machine's own git configuration out of the double.
func gitEnv() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=GitHub", "GIT_AUTHOR_EMAIL=noreply@github.com",
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com",
	}
}

// do runs git and gives its output, also when it exits with an error.
func (g *gitRepo) do(c gitCall) ([]byte, error) {
	args := append([]string{"--git-dir=" + g.dir, "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"}, c.args...)
	cmd := exec.CommandContext(g.ctx, "git", args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr = append(gitEnv(), c.env...), c.stdin, &stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("running git %s: %w: %s", c.args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// line runs git and gives its output without surrounding white space.
func (g *gitRepo) line(args ...string) (string, error) {
	out, err := g.do(gitCall{args: args})
	return strings.TrimSpace(string(out)), err
}

// initialize creates the bare repository with HEAD on branch.
func (g *gitRepo) initialize(branch string) error {
	for _, dir := range []string{"objects", "refs"} { // all that gitrepository-layout(5) asks for, beside HEAD
		if err := os.MkdirAll(filepath.Join(g.dir, dir), 0o755); err != nil {
			return fmt.Errorf("creating repository: %w", err)
		}
	}
	for name, content := range map[string]string{
		"HEAD":   "ref: refs/heads/" + branch + "\n",
		"config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
	} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("creating repository: %w", err)
		}
	}
	return nil
}

func (g *gitRepo) close() {
	for _, s := range []*session{&g.objects, &g.differ, &g.refs} {
		s.close()
	}
}

// updateRefs moves refs in one transaction; the zero SHA deletes.
func (g *gitRepo) updateRefs(refs map[string]string) error {
	if len(refs) == 0 {
		return nil
	}
	var in strings.Builder
	for ref, sha := range refs {
		if sha == zeroSHA {
			fmt.Fprintf(&in, "delete %s\n", ref)
		} else {
			fmt.Fprintf(&in, "update %s %s\n", ref, sha)
		}
	}
	return g.moveRefs(in.String())
}

// isAncestor reports whether old is reachable from new.
func (g *gitRepo) isAncestor(old, new string) (bool, error) {
	base, err := g.mergeBase(old, new)
	return base == old, err
}

// validRef follows the rules of git-check-ref-format(1) for one full ref name.
func validRef(ref string) bool {
	if !strings.Contains(ref, "/") || strings.HasPrefix(ref, "/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".") {
		return false
	}
	for _, bad := range []string{"..", "//", "@{", " ", "~", "^", ":", "?", "*", "[", "\\"} {
		if strings.Contains(ref, bad) {
			return false
		}
	}
	for _, part := range strings.Split(ref, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.ContainsFunc(ref, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// validSHA reports whether s is a full object name.
func validSHA(s string) bool {
	return len(s) == 40 && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}
