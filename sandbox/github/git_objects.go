package github

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// errNoObject says that a repository has no object of that name.
var errNoObject = errors.New("no such object")

type gitObject struct {
	sha, kind string // kind is blob, tree, commit or tag
	data      []byte
}

// object reads one object. name is an object name or an extended one such as "<sha>:<path>"; it must hold no newline.
func (g *gitRepo) object(name string) (gitObject, error) {
	if strings.ContainsAny(name, "\n\r\x00") {
		return gitObject{}, errNoObject
	}
	var obj gitObject
	err := g.objects.ask(g, []string{"cat-file", "--batch"}, name+"\n", func(r *bufio.Reader) (err error) {
		obj, err = readObject(r)
		return err
	})
	return obj, err
}

func readObject(r *bufio.Reader) (gitObject, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return gitObject{}, err
	}
	if strings.HasSuffix(head, " missing\n") || strings.HasSuffix(head, " ambiguous\n") {
		return gitObject{}, errNoObject
	}
	fields := strings.Fields(head)
	if len(fields) != 3 {
		return gitObject{}, fmt.Errorf("unexpected answer %q", head)
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return gitObject{}, fmt.Errorf("unexpected answer %q", head)
	}
	data := make([]byte, size+1) // the content and a newline
	if _, err := io.ReadFull(r, data); err != nil {
		return gitObject{}, err
	}
	return gitObject{sha: fields[0], kind: fields[1], data: data[:size]}, nil
}

// signature is who made a commit, and when.
type signature struct {
	name, email string
	when        time.Time
}

type commit struct {
	sha, tree         string
	parents           []string
	author, committer signature
	message           string
}

// commit reads one commit by its full SHA.
func (g *gitRepo) commit(sha string) (*commit, error) {
	if !validSHA(sha) {
		return nil, errNoObject
	}
	return g.commits.get(sha, func() (*commit, error) {
		obj, err := g.object(sha)
		if err != nil {
			return nil, err
		}
		if obj.kind != "commit" {
			return nil, errNoObject
		}
		return parseCommit(obj), nil
	})
}

func parseCommit(obj gitObject) *commit {
	c := &commit{sha: obj.sha}
	header, message, _ := strings.Cut(string(obj.data), "\n\n")
	c.message = strings.TrimSuffix(message, "\n")
	for _, line := range strings.Split(header, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.tree = value
		case "parent":
			c.parents = append(c.parents, value)
		case "author":
			c.author = parseSignature(value)
		case "committer":
			c.committer = parseSignature(value)
		}
	}
	return c
}

// parseSignature reads "Name <email> seconds zone".
func parseSignature(s string) signature {
	name, rest, _ := strings.Cut(s, " <")
	email, rest, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(rest, " ")
	unix, _ := strconv.ParseInt(seconds, 10, 64)
	return signature{name: name, email: email, when: time.Unix(unix, 0).UTC()}
}

// treeEntry is one line of a tree object.
type treeEntry struct {
	mode, kind, sha, path string
}

// parseTree reads the binary form of a tree object; what is cut short is left out.
func parseTree(data []byte) []treeEntry {
	var entries []treeEntry
	for {
		mode, rest, hasMode := bytes.Cut(data, []byte(" "))
		name, rest, hasName := bytes.Cut(rest, []byte{0})
		if !hasMode || !hasName || len(rest) < 20 {
			return entries
		}
		e := treeEntry{mode: fmt.Sprintf("%06s", mode), kind: "blob", path: string(name), sha: hex.EncodeToString(rest[:20])}
		switch e.mode {
		case "040000":
			e.kind = "tree"
		case "160000":
			e.kind = "commit"
		}
		entries = append(entries, e)
		data = rest[20:]
	}
}
