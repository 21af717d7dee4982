package project

import (
	"slices"
	"strings"
)

// roots returns the directories that are root modules, sorted: those with a backend or cloud block, and
// those that no directory calls as a module; but not those whose path sets them apart.
func (g *Graph) roots() []string {
	var dirs []string
	for dir, n := range g.nodes {
		if n.mayBeRoot() && apart(dir) == "" && (n.root || !setApart(dir)) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// mayBeRoot tells that a directory is a root module if its path does not say otherwise. Without a block that makes or reads something
// there is nothing to plan; without a backend there is no state from which something could have to be destroyed.
// What lies in a submodule is planned in its own repository, unless lockkeeper.yml names it.
func (n *node) mayBeRoot() bool {
	return !n.linked && !n.foreign && (n.root || (n.makes && !n.called))
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

// setApart reports that a directory's path sets it apart from what people apply, unless it has a backend.
func setApart(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		if part == "modules" || (part != "." && strings.HasPrefix(part, ".")) {
			return true
		}
	}
	return false
}
