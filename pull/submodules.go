package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/project"
)

const (
	maxSubmodules     = 100 // of one commit, nested ones included
	maxSubmoduleDepth = 3   // submodules of submodules of a submodule
)

// ErrNoAccess means that the GitHub App may not read a repository.
var ErrNoAccess = errors.New("the GitHub App may not read the repository")

// Submodules brings the submodules of commits here.
type Submodules struct {
	Mirrors *Mirrors

	// Allowed reports whether a repository (owner/name) may be a submodule.
	Allowed func(repository string) bool

	// Find returns GitHub's numeric id of a repository (owner/name) and where it is
	// fetched from. One that nobody here may read is an ErrNoAccess.
	Find func(ctx context.Context, repository string) (int64, Remote, error)
}

// filled is what a tree has with the files of its submodules.
type filled struct {
	listing
	parts  []part // the commit itself comes first
	refuse map[string]string
}

// part is a commit whose files are in a tree.
type part struct {
	at     string // where; empty: at the root
	tree   *Tree
	remote Remote
}

// Fill fetches the submodules of a commit of the remote, and theirs, and returns its
// tree with their files. Where one is not allowed, or cannot be had however
// often it is tried, it stays a submodule, and Snapshot says why. Every other error of
// a remote is one of Fetch.
//
// .gitmodules is an attacker's: it names repositories of the remote's own host, or none.
func (s Submodules) Fill(ctx context.Context, remote Remote, tree *Tree) (*Tree, error) {
	l, err := tree.list(ctx)
	if err != nil || len(l.submodules) == 0 {
		return tree, err
	}
	f := filling{Submodules: s, limit: tree.mirror.limits.Files, out: filled{refuse: map[string]string{}}}
	if err := f.add(ctx, part{"", tree, remote}, l, 0); err != nil {
		return nil, fmt.Errorf("fetching the submodules of %s: %w", tree.sha, err)
	}
	byPath := func(a, b project.File) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(f.out.files, byPath)
	slices.SortFunc(f.out.submodules, byPath)
	return &Tree{mirror: tree.mirror, sha: tree.sha, filled: &f.out}, nil
}

// filling is one Fill.
type filling struct {
	Submodules
	limit int // files of all submodules
	files int
	tried int // submodules that were looked for
	out   filled
}

// add adds the files of a commit, and of its submodules.
func (f *filling) add(ctx context.Context, p part, l listing, depth int) error {
	f.out.parts = append(f.out.parts, p)
	for _, file := range l.files {
		file.Path, file.Submodule = below(p.at, file.Path), p.at
		f.out.files = append(f.out.files, file)
	}
	if len(l.submodules) == 0 {
		return nil
	}
	says, err := p.tree.gitmodules(ctx, l)
	if err != nil {
		return err
	}
	for _, link := range l.submodules {
		inner, files, reason, err := f.bring(ctx, p, link, says, depth)
		if err != nil {
			return err
		}
		if reason != "" {
			link.Path, link.Submodule = below(p.at, link.Path), p.at
			f.out.submodules = append(f.out.submodules, link)
			f.out.refuse[link.Path] = reason
			continue
		}
		if err := f.add(ctx, inner, files, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// bring fetches a submodule of a commit, or says why not.
func (f *filling) bring(ctx context.Context, of part, link project.File, says gitmodules, depth int) (p part, l listing, reason string, err error) {
	p = part{at: below(of.at, link.Path)}
	if reason := nameRefused(p.at); reason != "" {
		return p, l, reason, nil
	}
	if depth == maxSubmoduleDepth {
		return p, l, fmt.Sprintf("it is a submodule inside of %d others, which is not followed; put its files into the repository", depth), nil
	}
	repository, reason := says.repository(of.remote.URL, link.Path)
	if reason != "" {
		return p, l, reason, nil
	}
	if f.Allowed == nil || !f.Allowed(repository) {
		return p, l, fmt.Sprintf("it is a submodule, of %s, which is not fetched for this repository; have your Lockkeeper administrator list it under `repositories[].submodules`, or put its files into this repository", repository), nil
	}
	if f.tried++; f.tried > maxSubmodules {
		return p, l, fmt.Sprintf("it is a submodule, and of one commit %d are fetched; put its files into the repository", maxSubmodules), nil
	}
	p.tree, p.remote, reason, err = f.fetch(ctx, repository, link.Blob)
	if err != nil || reason != "" {
		return p, l, reason, err
	}
	if l, err = p.tree.read(ctx); err != nil {
		return p, l, "", err
	}
	if f.files+len(l.files) > f.limit {
		return p, l, fmt.Sprintf("it is a submodule, and with it the submodules have more than %d files; leave out what no project needs", f.limit), nil
	}
	f.files += len(l.files)
	return p, l, "", nil
}

// fetch fetches a commit of a repository, or says why nobody can.
func (f *filling) fetch(ctx context.Context, repository, sha string) (_ *Tree, remote Remote, reason string, err error) {
	id, remote, err := f.Find(ctx, repository)
	if errors.Is(err, ErrNoAccess) {
		return nil, remote, fmt.Sprintf("it is a submodule, of %s, which the GitHub App may not read; have the App installed on that repository, or its new name written into .gitmodules, then plan again", repository), nil
	}
	if err != nil {
		return nil, remote, "", err
	}
	mirror, err := f.Mirrors.Open(ctx, id)
	if err != nil {
		return nil, remote, "", err
	}
	err = mirror.Fetch(ctx, remote, sha)
	history, broken := errors.AsType[*HistoryError](err)
	switch {
	case broken:
		return nil, remote, fmt.Sprintf("it is a submodule, of %s, where git refuses object %s by its rule %s; correct its history, and choose a commit without it", repository, history.Object, history.Rule), nil
	case errors.Is(err, ErrGone):
		return nil, remote, fmt.Sprintf("it is a submodule, of %s, which does not have commit %s; push the commit there, then plan again", repository, sha), nil
	case err != nil:
		return nil, remote, "", err
	}
	kind, err := output(ctx, git(ctx, mirror.dir, "cat-file", "-t", sha))
	if err == nil && strings.TrimSpace(kind) != "commit" {
		reason = fmt.Sprintf("it is a submodule, of %s, where %s is no commit; choose a commit", repository, sha)
	}
	tree, _ := mirror.Tree(ctx, sha) // Fetch took the SHA
	return tree, remote, reason, err
}

func below(dir, path string) string {
	if dir == "" {
		return path
	}
	return dir + "/" + path
}

// of is the part that a file comes from.
func (f *filled) of(file project.File) part {
	i := slices.IndexFunc(f.parts, func(p part) bool { return p.at == file.Submodule })
	return f.parts[max(i, 0)]
}

// mirrorOf is where the content of a file is.
func (t *Tree) mirrorOf(file project.File) *Mirror {
	if t.filled == nil {
		return t.mirror
	}
	return t.filled.of(file).tree.mirror
}

// notFilled says why the files of a submodule are not here.
func (t *Tree) notFilled(path string) string {
	if t.filled != nil && t.filled.refuse[path] != "" {
		return t.filled.refuse[path]
	}
	return "it is a submodule, which was not fetched; put its files into this repository"
}

// id is equal for equal submodules, where the commit has the same tree.
func (f *filled) id() string {
	h := sha256.New()
	for _, p := range f.parts[1:] {
		fmt.Fprintf(h, "%q %q %s\n", p.at, p.tree.mirror.dir, p.tree.sha)
	}
	for _, s := range f.submodules {
		fmt.Fprintf(h, "%q %s\n", s.Path, f.refuse[s.Path])
	}
	return hex.EncodeToString(h.Sum(nil))
}
