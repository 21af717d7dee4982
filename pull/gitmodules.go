package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/project"
)

// maxGitmodules is how many bytes of .gitmodules are read.
const maxGitmodules = 64 << 10

// gitmodules is what .gitmodules says of the submodules of a commit.
type gitmodules struct {
	urls    map[string]string // by path, as they are written
	twice   map[string]bool   // paths of which it says more than one thing
	mistake string            // why it says nothing
}

// gitmodules reads .gitmodules of the commit (gitmodules(5)). As for git, a symbolic
// link is none.
func (t *Tree) gitmodules(ctx context.Context, l listing) (gitmodules, error) {
	var file []project.File
	for _, f := range l.files {
		if f.Path == ".gitmodules" && f.Regular() {
			file = append(file, f)
		}
	}
	if len(file) == 0 {
		return gitmodules{mistake: "there is no file .gitmodules that says where it comes from; make it with git submodule add"}, nil
	}
	var text []byte
	err := t.stream(ctx, file, func(_ project.File, _ int64, content io.Reader) (err error) {
		text, err = io.ReadAll(io.LimitReader(content, maxGitmodules+1))
		return err
	})
	if err != nil {
		return gitmodules{}, err
	}
	if len(text) > maxGitmodules {
		return gitmodules{mistake: fmt.Sprintf(".gitmodules has more than %d bytes; leave out what is not used", maxGitmodules)}, nil
	}
	cmd := git(ctx, t.mirror.dir, "config", "--no-includes", "--file", "-", "--list", "-z")
	cmd.Stdin = bytes.NewReader(text)
	printed, err := output(ctx, cmd)
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return gitmodules{mistake: "git cannot read .gitmodules; correct it"}, nil
	}
	if err != nil {
		return gitmodules{}, err
	}
	return parseGitmodules(printed), nil
}

// parseGitmodules reads "<section>.<name>.<key>\n<value>\0" repeated. What is said
// twice, and not the same, is not guessed: git itself does not always choose the same.
func parseGitmodules(printed string) gitmodules {
	type submodule struct {
		path, url string
		twice     bool
	}
	byName := map[string]*submodule{}
	for entry := range strings.SplitSeq(printed, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		rest, ok := strings.CutPrefix(key, "submodule.")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || dot < 0 {
			continue
		}
		s := byName[rest[:dot]]
		if s == nil {
			s = &submodule{}
			byName[rest[:dot]] = s
		}
		set := func(field *string) {
			s.twice = s.twice || *field != "" && *field != value
			*field = value
		}
		switch rest[dot+1:] {
		case "path":
			set(&s.path)
		case "url":
			set(&s.url)
		}
	}
	g := gitmodules{urls: map[string]string{}, twice: map[string]bool{}}
	for _, s := range byName {
		_, there := g.urls[s.path]
		g.twice[s.path] = g.twice[s.path] || there || s.twice
		g.urls[s.path] = s.url
	}
	return g
}

// repository is the owner/name of the submodule at a path of a commit of the repository
// at own, or why there is none.
func (g gitmodules) repository(own, path string) (repository, reason string) {
	raw := g.urls[path]
	switch {
	case g.mistake != "":
		return "", "it is a submodule, and " + g.mistake
	case g.twice[path]:
		return "", "it is a submodule, of which .gitmodules says two things; leave one of them"
	case raw == "":
		return "", "it is a submodule, and .gitmodules does not say where it comes from; add its path and url there"
	}
	if repository, ok := submoduleAt(own, raw); ok {
		return repository, ""
	}
	return "", "it is a submodule whose url in .gitmodules is not one of a repository on the same GitHub; write it as ../name.git, https://HOST/owner/name.git or git@HOST:owner/name.git"
}

var (
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// submoduleAt returns the owner/name that the URL of a submodule means in the repository
// whose URL is own. Only addresses of the same host are any. Those for SSH
// mean the repository, which is fetched by https all the same.
func submoduleAt(own, raw string) (string, bool) {
	at, err := url.Parse(own)
	if err != nil {
		return "", false
	}
	if strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") {
		return relativeTo(at.Path, raw)
	}
	for _, begins := range []string{at.Scheme + "://" + at.Host + "/", "git@" + at.Hostname() + ":", "ssh://git@" + at.Hostname() + "/"} {
		if n := len(begins); len(raw) > n && strings.EqualFold(raw[:n], begins) {
			return repositoryPath(raw[n:])
		}
	}
	return "", false
}

// relativeTo goes from the path of a repository as git-submodule(1) does: ../ is the one
// that its name is in.
func relativeTo(own, raw string) (string, bool) {
	at := strings.Split(strings.Trim(own, "/"), "/")
	for {
		if rest, ok := strings.CutPrefix(raw, "./"); ok {
			raw = rest
			continue
		}
		rest, ok := strings.CutPrefix(raw, "../")
		if !ok {
			break
		}
		if len(at) == 0 {
			return "", false // another host
		}
		at, raw = at[:len(at)-1], rest
	}
	return repositoryPath(strings.Join(append(at, raw), "/"))
}

// repositoryPath reads owner/name, with or without .git.
func repositoryPath(p string) (string, bool) {
	owner, name, _ := strings.Cut(strings.TrimSuffix(p, "/"), "/")
	name = strings.TrimSuffix(name, ".git")
	if !ownerForm.MatchString(owner) || !nameForm.MatchString(name) || name == "." || name == ".." {
		return "", false
	}
	return owner + "/" + name, true
}
