package github

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// changedFile is one file of a three-dot diff. Line counts are zero for binary files.
type changedFile struct {
	path, oldPath        string // oldPath of renames only
	status               string // added, removed, modified, renamed
	sha                  string // blob at the head; at the base for removed files
	additions, deletions int
	submodule            bool
}

// comparison is base...head: what head has since it left base.
type comparison struct {
	mergeBase            string
	ahead, behind        int
	commits              []string // base..head, oldest first
	files                []changedFile
	additions, deletions int
}

// status is GitHub's word for a comparison.
func (c *comparison) status() string {
	switch {
	case c.ahead > 0 && c.behind > 0:
		return "diverged"
	case c.ahead > 0:
		return "ahead"
	case c.behind > 0:
		return "behind"
	}
	return "identical"
}

// mergeBase gives the best common ancestor, or "" when the histories are unrelated.
func (g *gitRepo) mergeBase(a, b string) (string, error) {
	if a == b {
		return a, nil
	}
	return g.bases.get([2]string{a, b}, func() (string, error) {
		if p, ok := g.straight(a, b); ok {
			return p.base, nil
		}
		base, err := g.line("merge-base", a, b)
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
			return "", nil
		}
		return base, err
	})
}

// compare computes base...head for two full commit SHAs.
func (g *gitRepo) compare(base, head string) (*comparison, error) {
	return g.compares.get([2]string{base, head}, func() (*comparison, error) {
		c := &comparison{mergeBase: base}
		if base == head {
			return c, nil
		}
		if err := g.countCommits(c, base, head); err != nil {
			return nil, err
		}
		var err error
		if c.mergeBase, err = g.mergeBase(base, head); err != nil {
			return nil, err
		}
		if c.files, err = g.diff(c.mergeBase, head); err != nil {
			return nil, err
		}
		for _, f := range c.files {
			c.additions += f.additions
			c.deletions += f.deletions
		}
		return c, nil
	})
}

func (g *gitRepo) countCommits(c *comparison, base, head string) error {
	if p, ok := g.straight(base, head); ok {
		c.ahead, c.behind, c.commits = len(p.right), len(p.left), p.right
		slices.Reverse(c.commits)
		return nil
	}
	out, err := g.line("rev-list", "--left-right", "--topo-order", "--reverse", base+"..."+head)
	if err != nil {
		return err
	}
	for _, line := range strings.Fields(out) {
		if sha, right := strings.CutPrefix(line, ">"); right {
			c.ahead++
			c.commits = append(c.commits, sha)
		} else {
			c.behind++
		}
	}
	return nil
}

// emptyTree is git's name for a tree without entries.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

var diffOptions = []string{"diff-tree", "-r", "-M", "--full-index", "--no-color"}

// diff lists the files that differ between two commits; from "" is the empty tree.
func (g *gitRepo) diff(from, to string) ([]changedFile, error) {
	before, err := g.treeOf(from)
	if err != nil {
		return nil, err
	}
	after, err := g.treeOf(to)
	if err != nil || before == after {
		return nil, err
	}
	out, err := g.diffTrees(cmp.Or(before, emptyTree), after)
	if err != nil {
		return nil, err
	}
	return parseDiff(out)
}

// parseDiff reads `--raw --numstat -z`: first all raw records, then all counts, in the same order.
func parseDiff(out []byte) ([]changedFile, error) {
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	var files []changedFile
	i := 0
	for i < len(fields) && strings.HasPrefix(fields[i], ":") {
		meta := strings.Fields(fields[i])
		if len(meta) != 5 || i+1 >= len(fields) {
			return nil, fmt.Errorf("parsing diff: unexpected record %q", fields[i])
		}
		f := changedFile{path: fields[i+1], sha: meta[3], submodule: meta[1] == "160000"}
		i += 2
		switch meta[4][0] {
		case 'A':
			f.status = "added"
		case 'D':
			f.status, f.sha, f.submodule = "removed", meta[2], meta[0] == ":160000"
		case 'R':
			if i >= len(fields) {
				return nil, errors.New("parsing diff: a rename without its new name")
			}
			f.status, f.oldPath, f.path = "renamed", f.path, fields[i]
			i++
		default:
			f.status = "modified"
		}
		files = append(files, f)
	}
	for n := range files {
		if i >= len(fields) {
			return nil, fmt.Errorf("parsing diff: %d counts for %d files", n, len(files))
		}
		counts := strings.SplitN(fields[i], "\t", 3)
		if len(counts) != 3 {
			return nil, fmt.Errorf("parsing diff: unexpected counts %q", fields[i])
		}
		files[n].additions, files[n].deletions = atoi(counts[0]), atoi(counts[1]) // "-" for binary files
		i++
		if counts[2] == "" { // renames carry both paths after the counts
			i += 2
		}
	}
	return files, nil
}

// patchLimit is where GitHub leaves the patch of one file out of its answers, in bytes.
const patchLimit = 1 << 20

// patchesOf gives the unified diff of each file, in the order of diff, without git's file headers; "" where there is none.
func (g *gitRepo) patchesOf(from, to string) ([]string, error) {
	return g.patches.get([2]string{from, to}, func() ([]string, error) {
		args := append(append([]string{}, diffOptions...), "-p", cmp.Or(from, emptyTree), to)
		out, err := g.do(gitCall{args: args})
		if err != nil {
			return nil, err
		}
		return splitPatches(out), nil
	})
}

func splitPatches(out []byte) []string {
	var patches []string
	for _, part := range bytes.Split(append([]byte("\n"), out...), []byte("\ndiff --git "))[1:] {
		patch := ""
		if at := bytes.Index(part, []byte("\n@@ ")); at >= 0 && len(part)-at < patchLimit {
			patch = strings.TrimSuffix(string(part[at+1:]), "\n")
		}
		patches = append(patches, patch)
	}
	return patches
}
