package github

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// testMerge is what GitHub's background job finds out: whether head merges into base, and the commit that would result.
type testMerge struct {
	clean bool
	sha   string // the test merge commit; empty on conflicts
}

// testMerge merges two commits without touching any ref; see git-merge-tree(1).
func (g *gitRepo) testMerge(base, head string) (*testMerge, error) {
	return g.merges.get([2]string{base, head}, func() (*testMerge, error) {
		tree, clean, err := g.mergeTree(base, head)
		if err != nil || !clean {
			return &testMerge{}, err
		}
		by := signature{name: "GitHub", email: "noreply@github.com", when: time.Now()}
		sha, err := g.writeCommit(tree, []string{base, head}, by, by, "Merge "+head+" into "+base+"\n")
		return &testMerge{clean: true, sha: sha}, err
	})
}

// mergeTree gives the tree of the merge; clean is false on conflicts.
func (g *gitRepo) mergeTree(base, head string) (tree string, clean bool, err error) {
	if p, ok := g.straight(base, head); ok && p.base == base { // nothing to merge it with
		tree, err := g.treeOf(head)
		return tree, err == nil, err
	}
	out, err := g.line("merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return strings.Fields(out)[0], true, nil
}

// errConflict says that a merge needs a person.
var errConflict = errors.New("merge conflict")

// mergeCommit makes the commit that a merge button of that method would make: "merge", "squash" or "rebase".
func (g *gitRepo) mergeCommit(method, base, head, message string, by signature) (string, error) {
	if method == "rebase" {
		return g.rebase(base, head, by)
	}
	tree, clean, err := g.mergeTree(base, head)
	if err != nil {
		return "", err
	}
	if !clean {
		return "", errConflict
	}
	parents := []string{base}
	if method == "merge" {
		parents = append(parents, head)
	}
	return g.writeCommit(tree, parents, by, by, lines(message))
}

// lines ends a message as git commit-tree does.
func lines(message string) string { return strings.TrimSuffix(message, "\n") + "\n" }

// rebase copies each commit of base..head onto base. git 2.39 cannot be told the merge base of a merge-tree, so each
// copy is merged against a helper commit that has the new parent's tree and the old parent as its parent.
func (g *gitRepo) rebase(base, head string, by signature) (string, error) {
	c, err := g.compare(base, head)
	if err != nil {
		return "", err
	}
	tip := base
	for _, sha := range c.commits {
		old, err := g.commit(sha)
		if err != nil {
			return "", err
		}
		if len(old.parents) != 1 {
			continue // merges are dropped, as by git rebase
		}
		tree, err := g.treeOf(tip)
		if err != nil {
			return "", err
		}
		helper, err := g.writeCommit(tree, old.parents, by, by, "helper\n")
		if err != nil {
			return "", err
		}
		tree, clean, err := g.mergeTree(helper, sha)
		if err != nil {
			return "", err
		}
		if !clean {
			return "", errConflict
		}
		if tip, err = g.writeCommit(tree, []string{tip}, old.author, by, lines(old.message)); err != nil {
			return "", err
		}
	}
	return tip, nil
}

func authorEnv(s signature) []string {
	return []string{
		"GIT_AUTHOR_NAME=" + s.name, "GIT_AUTHOR_EMAIL=" + s.email, fmt.Sprintf("GIT_AUTHOR_DATE=%d +0000", s.when.Unix()),
	}
}

// signatureEnv makes s both author (first three) and committer (last three).
func signatureEnv(s signature) []string {
	return append(authorEnv(s),
		"GIT_COMMITTER_NAME="+s.name, "GIT_COMMITTER_EMAIL="+s.email, fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", s.when.Unix()))
}
