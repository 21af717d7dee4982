package github

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Objects are written as git writes loose ones (gitrepository-layout(5)): a process for each would be most of what
// the double costs.

// write stores an object and gives its name. What is there already is left alone.
func (g *gitRepo) write(kind string, data []byte) (sha string, err error) {
	header := fmt.Sprintf("%s %d\x00", kind, len(data))
	sum := sha1.New()
	sum.Write([]byte(header))
	sum.Write(data)
	sha = hex.EncodeToString(sum.Sum(nil))
	name := filepath.Join(g.dir, "objects", sha[:2], sha[2:])
	if _, err := os.Lstat(name); err == nil {
		return sha, nil
	}
	packed, err := deflate([]byte(header), data)
	if err != nil {
		return "", err
	}
	return sha, writeOnce(name, packed)
}

// deflaters are zlib.Writers: a new one clears a megabyte, for objects of a few bytes.
var deflaters sync.Pool

func deflate(parts ...[]byte) ([]byte, error) {
	var packed bytes.Buffer
	z, ok := deflaters.Get().(*zlib.Writer)
	if ok {
		z.Reset(&packed)
	} else {
		var err error
		if z, err = zlib.NewWriterLevel(&packed, zlib.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer deflaters.Put(z)
	for _, p := range parts {
		z.Write(p) // errors of a buffer come back from Close
	}
	err := z.Close()
	return packed.Bytes(), err
}

// writeOnce makes a file appear whole or not at all.
func writeOnce(name string, content []byte) error {
	if err := os.Mkdir(filepath.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing an object: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "tmp_obj_")
	if err != nil {
		return fmt.Errorf("writing an object: %w", err)
	}
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Chmod(0o444), temp.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing an object: %w", err), os.Remove(temp.Name()))
	}
	return os.Rename(temp.Name(), name)
}

// writeCommit stores a commit and gives its name.
func (g *gitRepo) writeCommit(tree string, parents []string, author, committer signature, message string) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", author.line(), committer.line(), message)
	return g.write("commit", b.Bytes())
}

// treeOf is the tree of a commit; "" for no commit.
func (g *gitRepo) treeOf(sha string) (string, error) {
	if sha == "" {
		return "", nil
	}
	c, err := g.commit(sha)
	if err != nil {
		return "", err
	}
	return c.tree, nil
}

// entries are those of a tree; "" has none.
func (g *gitRepo) entries(tree string) ([]treeEntry, error) {
	if tree == "" {
		return nil, nil
	}
	obj, err := g.object(tree)
	if err != nil {
		return nil, err
	}
	return parseTree(obj.data), nil
}

// edit stores a tree with changed files and gives its name; "" when nothing is left in it.
func (g *gitRepo) edit(tree string, changes Files) (string, error) {
	old, err := g.entries(tree)
	if err != nil {
		return "", err
	}
	entries := map[string]treeEntry{}
	for _, e := range old {
		entries[e.path] = e
	}
	below := map[string]Files{}
	for name, content := range changes {
		if dir, rest, nested := strings.Cut(name, "/"); nested {
			if below[dir] == nil {
				below[dir] = Files{}
			}
			below[dir][rest] = content
			continue
		}
		delete(entries, name)
		if content == Deleted {
			continue
		}
		if entries[name], err = g.writeFile(name, content); err != nil {
			return "", err
		}
	}
	for dir, changes := range below {
		from := ""
		if e := entries[dir]; e.kind == "tree" {
			from = e.sha
		}
		to, err := g.edit(from, changes)
		if err != nil {
			return "", err
		}
		switch {
		case to != "":
			entries[dir] = treeEntry{mode: "040000", kind: "tree", sha: to, path: dir}
		case from != "":
			delete(entries, dir)
		}
	}
	return g.storeTree(entries)
}

// writeFile stores the content of a file and gives its entry.
func (g *gitRepo) writeFile(name, content string) (e treeEntry, err error) {
	e = treeEntry{mode: "100644", kind: "blob", path: name}
	switch {
	case strings.HasPrefix(content, submoduleMark):
		return treeEntry{mode: "160000", kind: "commit", sha: content[len(submoduleMark):], path: name}, nil
	case strings.HasPrefix(content, symlinkMark):
		e.mode, content = "120000", content[len(symlinkMark):]
	case strings.HasPrefix(content, executableMark):
		e.mode, content = "100755", content[len(executableMark):]
	}
	e.sha, err = g.write("blob", []byte(content))
	return e, err
}

// storeTree stores a tree in git's order: that of the names, where a directory's ends in a slash.
func (g *gitRepo) storeTree(entries map[string]treeEntry) (string, error) {
	if len(entries) == 0 {
		return "", nil
	}
	key := func(e treeEntry) string {
		if e.kind == "tree" {
			return e.path + "/"
		}
		return e.path
	}
	all := make([]treeEntry, 0, len(entries))
	for _, e := range entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b treeEntry) int { return cmp.Compare(key(a), key(b)) })
	var b bytes.Buffer
	for _, e := range all {
		raw, err := hex.DecodeString(e.sha)
		if err != nil || len(raw) != sha1.Size {
			return "", fmt.Errorf("writing a tree: %q is no object name", e.sha)
		}
		fmt.Fprintf(&b, "%s %s\x00%s", strings.TrimPrefix(e.mode, "0"), e.path, raw)
	}
	return g.write("tree", b.Bytes())
}
