package github

import (
	"bytes"
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

// commitFiles makes one commit of any number of files in one git process and points its branch at it, forced or not.
func (g *gitRepo) commitFiles(c newCommit) (string, error) {
	var in bytes.Buffer
	committer := c.author
	if c.by != nil {
		committer = *c.by
	}
	fmt.Fprintf(&in, "commit refs/heads/%s\nmark :1\nauthor %s\ncommitter %s\n", c.branch, c.author.line(), committer.line())
	writeData(&in, c.message)
	if c.parent != "" {
		fmt.Fprintf(&in, "from %s\n", c.parent)
	} else {
		fmt.Fprintf(&in, "deleteall\n")
	}
	for _, name := range sortedKeys(c.files) {
		if name != path.Clean(name) || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || name == "." {
			return "", fmt.Errorf("committing %q: not a path inside a repository", name)
		}
		writeFile(&in, name, c.files[name])
	}
	for _, ref := range c.also {
		fmt.Fprintf(&in, "reset %s\nfrom :1\n\n", ref)
	}
	in.WriteString("get-mark :1\ndone\n")
	out, err := g.do(gitCall{args: []string{"fast-import", "--quiet", "--force", "--done"}, stdin: &in})
	return strings.TrimSpace(string(out)), err
}

// line is a signature as git writes it.
func (s signature) line() string {
	return fmt.Sprintf("%s <%s> %d +0000", s.name, s.email, s.when.Unix())
}

func writeFile(in *bytes.Buffer, name, content string) {
	mode := "100644"
	switch {
	case content == Deleted:
		fmt.Fprintf(in, "D %s\n", quotePath(name))
		return
	case strings.HasPrefix(content, submoduleMark):
		fmt.Fprintf(in, "M 160000 %s %s\n", content[len(submoduleMark):], quotePath(name))
		return
	case strings.HasPrefix(content, symlinkMark):
		mode, content = "120000", content[len(symlinkMark):]
	case strings.HasPrefix(content, executableMark):
		mode, content = "100755", content[len(executableMark):]
	}
	fmt.Fprintf(in, "M %s inline %s\n", mode, quotePath(name))
	writeData(in, content)
}

func writeData(in *bytes.Buffer, s string) { fmt.Fprintf(in, "data %d\n%s\n", len(s), s) }

// quotePath writes a path in the C style that git-fast-import(1) reads.
func quotePath(p string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(p) {
		if c := p[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
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
