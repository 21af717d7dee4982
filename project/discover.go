package project

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// discover returns the directories of the root modules in the head commit, and of those
// in the base commit that the head deletes.
func discover(ctx context.Context, base Tree, files []File, head *Graph) ([]string, error) {
	dirs := head.roots()
	if !slices.ContainsFunc(configurationFiles(files), func(f File) bool { return isTerraform(f.Path) && !head.holds(path.Dir(f.Path)) }) {
		return dirs, nil
	}
	before, err := head.index.Graph(ctx, base)
	if err != nil {
		return nil, err
	}
	for _, dir := range before.roots() {
		if !head.holds(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs, nil
}

// roots returns the directories that are root modules, sorted: those with a backend or cloud block, and
// those that no directory calls as a module; but not those whose path sets them apart.
func (g *Graph) roots() []string {
	var dirs []string
	for dir, n := range g.nodes {
		if n.mayBeRoot() && apart(dir) == "" && (n.root || !kept(dir)) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// mayBeRoot tells that a directory is a root module if its path does not say otherwise. Without a block that makes or reads something
// there is nothing to plan; without a backend there is no state from which something could have to be destroyed.
func (n *node) mayBeRoot() bool {
	return !n.linked && (n.root || (n.makes && !n.called))
}

// holds tells that a directory has something to plan.
func (g *Graph) holds(dir string) bool {
	n := g.nodes[dir]
	return n != nil && (n.root || n.makes)
}

// apart returns the part of a directory's path that says that it is nothing people apply, whatever is in it; "" for none.
func apart(dir string) string {
	for part := range strings.SplitSeq(dir, "/") {
		switch part {
		case "test", "tests", "testdata", "fixtures", "templates", "examples", "deprecated":
			return part
		}
	}
	return ""
}

// kept tells that a directory's path sets it apart from what people apply, unless it has a backend.
func kept(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		if part == "modules" || (part != "." && strings.HasPrefix(part, ".")) {
			return true
		}
	}
	return false
}

var hashedForm = regexp.MustCompile(`(^|-)[0-9a-f]{12}$`)

// named makes a project of each directory.
func named(dirs []string) []Project {
	plain := map[string]int{}
	for _, dir := range dirs {
		plain[plainName(dir)]++
	}
	projects := make([]Project, len(dirs))
	for i, dir := range dirs {
		name := plainName(dir)
		// A name that looks hashed is hashed too, so that nobody can take another project's name by naming a directory like it.
		if plain[name] > 1 || !isName(name) || hashedForm.MatchString(name) {
			name = hashedName(name, dir)
		}
		projects[i] = Project{Name: name, Dir: dir, Workspace: DefaultWorkspace, Apply: BeforeMerge, Found: true}
	}
	return projects
}

// plainName is the directory's path as a project name, which two directories may share.
func plainName(dir string) string {
	if dir == "." {
		return "root"
	}
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", c) {
			return c
		}
		return '-'
	}, strings.ToLower(dir))
	return strings.Trim(name, "._-")
}

// hashedName tells directories apart whose plain names are equal or too long. It depends on the
// directory alone, so a project's name does not change when others come and go.
func hashedName(name, dir string) string {
	const most = 50
	sum := sha256.Sum256([]byte(dir))
	return strings.TrimLeft(fmt.Sprintf("%s-%x", name[:min(len(name), most)], sum[:6]), "-")
}
