package github

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Files are the changes of one commit: path to content. See [Deleted], [Symlink], [Executable] and [Submodule] for the rest.
type Files map[string]string

// Deleted as a file's content removes the file.
const Deleted = "\x00deleted"

const (
	symlinkMark    = "\x00symlink:"
	executableMark = "\x00executable:"
	submoduleMark  = "\x00submodule:"
)

// Symlink is the content of a file that is a symbolic link.
func Symlink(target string) string { return symlinkMark + target }

// Executable is the content of a file with the executable bit.
func Executable(content string) string { return executableMark + content }

// Submodule is the content of a path that is a submodule at a commit.
func Submodule(sha string) string { return submoduleMark + sha }

// newCommit is a commit to be made.
type newCommit struct {
	branch  string   // without refs/heads/
	parent  string   // full SHA; empty: a root commit
	also    []string // further refs to set to the new commit, in full
	author  signature
	by      *signature // who committed it; nil: the author
	message string
	files   Files
}

// commitFiles makes one commit of any number of files and points its branch at it, forced or not.
func (g *gitRepo) commitFiles(c newCommit) (string, error) {
	for name := range c.files {
		if name != path.Clean(name) || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || name == "." {
			return "", fmt.Errorf("committing %q: not a path inside a repository", name)
		}
	}
	before, err := g.treeOf(c.parent)
	if err != nil {
		return "", fmt.Errorf("reading the parent: %w", err)
	}
	tree, err := g.edit(before, c.files)
	if err != nil {
		return "", err
	}
	if tree == "" {
		if tree, err = g.write("tree", nil); err != nil {
			return "", err
		}
	}
	committer := c.author
	if c.by != nil {
		committer = *c.by
	}
	var parents []string
	if c.parent != "" {
		parents = []string{c.parent}
	}
	sha, err := g.writeCommit(tree, parents, c.author, committer, c.message)
	if err != nil {
		return "", err
	}
	refs := map[string]string{"refs/heads/" + c.branch: sha}
	for _, ref := range c.also {
		refs[ref] = sha
	}
	return sha, g.updateRefs(refs)
}

// line is a signature as git writes it.
func (s signature) line() string {
	return fmt.Sprintf("%s <%s> %d +0000", s.name, s.email, s.when.Unix())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// personSignature is how commits of an account are signed.
func personSignature(login string, at time.Time) signature {
	return signature{name: login, email: login + "@users.noreply.github.com", when: at}
}
