package project

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Graph is how the directories of one commit refer to each other. It does not change
// and is safe for concurrent use.
type Graph struct {
	index *Index
	files []File
	nodes map[string]*node // every directory with a Terraform file of its own
}

// node is one directory that Terraform could load as a module.
type node struct {
	dir     string
	sources []source
	root    bool // has a backend or cloud block
	called  bool // some directory calls it as a local module

	// What its files refer to, from the repository's root and inside of it.
	modules []string
	paths   []string
	// The same for paths that Terraform takes from the root module's directory, as they were written.
	rootPaths []string
}

type source struct {
	path string
	*facts
}

func newGraph(ix *Index, files, sources []File, found []*facts) *Graph {
	g := &Graph{index: ix, files: files, nodes: map[string]*node{}}
	var n *node
	for i, f := range sources {
		if dir := path.Dir(f.Path); n == nil || n.dir != dir {
			if n = g.nodes[dir]; n == nil {
				n = &node{dir: dir}
				g.nodes[dir] = n
			}
		}
		n.sources = append(n.sources, source{f.Path, found[i]})
		n.root = n.root || found[i].Root
	}
	for _, n := range g.nodes {
		n.eachRef(func(_ source, r ref) { g.resolve(n, r) })
	}
	return g
}

// resolve adds a reference to its node, unless it leaves the repository.
func (g *Graph) resolve(n *node, r ref) {
	if r.Kind == rootRef {
		n.rootPaths = append(n.rootPaths, r.Path)
		return
	}
	to, ok := within(n.dir, r.Path)
	switch {
	case !ok:
	case r.Kind == pathRef:
		n.paths = append(n.paths, to)
	case to != n.dir:
		n.modules = append(n.modules, to)
		if called := g.nodes[to]; called != nil {
			called.called = true
		}
	}
}

func (n *node) eachRef(f func(source, ref)) {
	for _, s := range n.sources {
		for _, r := range s.Refs {
			f(s, r)
		}
	}
}

// reach is what a root module needs.
type reach struct {
	modules []string // its own directory and those of the local modules it calls, in the order of discovery
	paths   []string // files and directories that they refer to
}

// reach follows module calls from dir; a directory is visited once, so cycles end.
func (g *Graph) reach(dir string) reach {
	r := reach{modules: []string{dir}}
	seen := map[string]bool{dir: true}
	for i := 0; i < len(r.modules); i++ {
		n := g.nodes[r.modules[i]]
		if n == nil {
			continue
		}
		for _, to := range n.modules {
			if !seen[to] {
				seen[to] = true
				r.modules = append(r.modules, to)
			}
		}
		r.paths = append(r.paths, n.paths...)
		for _, path := range n.rootPaths {
			if to, ok := within(dir, path); ok {
				r.paths = append(r.paths, to)
			}
		}
	}
	return r
}

// Reach returns the directories (each with everything below it) and single files that
// the root module at dir needs: dir itself, the local modules it calls, and the
// files that it or they refer to. Sorted, clean, without entries that another covers; "." is the
// whole repository. Paths that do not exist (any more) are in it too.
//
// Only constant paths, and constant beginnings of paths, are followed; what a variable names is not
// known before Terraform runs.
func (g *Graph) Reach(dir string) []string {
	r := g.reach(dir)
	return uncovered(append(r.modules, r.paths...))
}

// Needs is Reach of the project's directory and its variable files, those for ephemeral copies included.
func (g *Graph) Needs(p Project) []string {
	r := g.reach(p.Dir)
	return uncovered(slices.Concat(r.modules, r.paths, varFiles(p)))
}

// varFiles returns the paths of a project's variable files from the repository's root.
func varFiles(p Project) []string {
	names := p.VarFiles
	if p.Ephemeral != nil {
		names = slices.Concat(names, p.Ephemeral.VarFiles)
	}
	var paths []string
	for _, name := range names {
		if to, ok := within(p.Dir, name); ok {
			paths = append(paths, to)
		}
	}
	return paths
}

// uncovered sorts paths and drops those that equal another or lie below it.
func uncovered(paths []string) []string {
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if slices.Contains(paths, ".") {
		return []string{"."}
	}
	set := make(map[string]bool, len(paths))
	for _, p := range paths {
		set[p] = true
	}
	return slices.DeleteFunc(paths, func(p string) bool {
		for up := path.Dir(p); up != "."; up = path.Dir(up) {
			if set[up] {
				return true
			}
		}
		return false
	})
}

// Files returns the files of the commit that Needs covers, sorted by path: the source snapshot
// of the project. Symlinks and forbidden names are among them; the writer decides (see [Forbidden]).
func (g *Graph) Files(p Project) []File {
	var files []File
	for _, need := range g.Needs(p) {
		if need == "." {
			return slices.Clone(g.files)
		}
		files = append(files, g.at(need)...)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// at returns the file at p, or the files below p when it is a directory.
func (g *Graph) at(p string) []File {
	first := func(from string) int {
		i, _ := slices.BinarySearchFunc(g.files, from, func(f File, path string) int { return strings.Compare(f.Path, path) })
		return i
	}
	if i := first(p); i < len(g.files) && g.files[i].Path == p {
		return g.files[i : i+1]
	}
	return g.files[first(p+"/"):first(p+"0")] // "0" is the byte after "/"
}

// Problems lists broken files, modules that do not resolve and references that leave the
// repository, in the whole commit, sorted by file and line. A file that was not parsed because nothing in it can
// be a reference is taken for sound, unless [Index.CheckAll] is set.
func (g *Graph) Problems() Problems {
	var ps Problems
	for _, n := range g.nodes {
		for _, s := range n.sources {
			if s.Mistake != "" {
				ps = append(ps, Problem{File: s.path, Line: s.Line, Message: s.Mistake})
			}
			for _, call := range s.Disk {
				ps = append(ps, Problem{File: s.path, Line: call.Line, Message: call.refused()})
			}
		}
		n.eachRef(func(s source, r ref) {
			if message := g.wrong(n, r); message != "" {
				ps = append(ps, Problem{File: s.path, Line: r.Line, Message: message})
			}
		})
	}
	sortProblems(ps)
	return ps
}

// wrong says what is wrong with a reference, "" for nothing.
func (g *Graph) wrong(n *node, r ref) string {
	to, inside := within(n.dir, r.Path)
	switch {
	case r.Kind == rootRef && n.called && !path.IsAbs(r.Path):
		return "" // where it leads depends on the root module that calls this one
	case !inside:
		return fmt.Sprintf("%s leaves the repository; a job sees nothing outside of it", quote(r.Path))
	case r.Kind == moduleRef && g.nodes[to] == nil:
		return fmt.Sprintf("the module source %s leads to %s, where there is no Terraform file", quote(asWritten(r.Path)), quote(to))
	}
	return ""
}

// asWritten gives a clean module source back the ./ that Terraform wants in front.
func asWritten(source string) string {
	if source == "." || source == ".." || strings.HasPrefix(source, "../") {
		return source
	}
	return "./" + source
}
