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
	links linked
	subs  submodules

	values map[string]*facts   // files of variables' values, by path
	auto   map[string][]string // those that terraform loads by itself, by directory
}

// node is one directory that Terraform could load as a module.
type node struct {
	dir     string
	sources []source
	root    bool // has a backend or cloud block
	makes   bool // has a resource, data or module block
	called  bool // some directory calls it as a local module
	linked  bool // lies below a symbolic link; the same directory is there under another name
	foreign bool // lies in a submodule

	// What its files refer to, from the repository's root and inside of it.
	modules []string
	paths   []string
	// The same for paths that Terraform takes from the root module's directory, as they were written.
	rootPaths []string
	// Texts that look like paths from the root module's directory; they count if they lead to something.
	mayPaths []string
	// Where texts that look like paths from the directory of the file lead to nothing.
	gone []string

	readsSelf bool // some path stands for the directory as a whole, so that everything in it may be read
	readsRoot bool // the same for the root module's directory
	unknown   []located
}

// located is a path that is not known, and in which file.
type located struct {
	file string
	unknownPath
}

type source struct {
	path, blob string
	*facts
}

func newGraph(ix *Index, files []File, subs submodules, links linked, sources []File, found []*facts, templates map[string][]source) *Graph {
	g := &Graph{index: ix, files: files, links: links, subs: subs, nodes: map[string]*node{}, values: map[string]*facts{}, auto: map[string][]string{}}
	var n *node
	for i, f := range sources {
		dir := path.Dir(f.Path)
		if isValues(f.Path) {
			g.values[f.Path] = found[i]
			if isAuto(path.Base(f.Path)) {
				g.auto[dir] = append(g.auto[dir], f.Path)
			}
			continue
		}
		if n == nil || n.dir != dir {
			if n = g.nodes[dir]; n == nil {
				n = &node{dir: dir, foreign: f.Submodule != ""}
				g.nodes[dir] = n
			}
		}
		n.sources = append(n.sources, source{f.Path, f.Blob, found[i]})
		n.root = n.root || found[i].Root
		n.makes = n.makes || found[i].Makes || found[i].Mistake != "" // a mistake is reported, and not that nothing is planned
	}
	for dir, used := range templates {
		if n := g.nodes[dir]; n != nil {
			n.sources = append(n.sources, used...)
		}
	}
	g.linkDirectories()
	for _, n := range g.nodes {
		n.eachRef(func(_ source, r ref) { g.resolve(n, r) })
		g.resolveUnknown(n)
	}
	return g
}

// resolve adds a reference to its node, unless it leaves the repository.
func (g *Graph) resolve(n *node, r ref) {
	if r.Kind == rootRef || r.Kind == thereRef {
		switch {
		case r.Path == "." && !r.Whole:
			n.readsRoot = true
		case r.Kind == rootRef:
			n.rootPaths = append(n.rootPaths, r.Path)
		default:
			n.mayPaths = append(n.mayPaths, r.Path)
		}
		return
	}
	to, ok := within(n.dir, r.Path)
	switch {
	case !ok:
	case to == n.dir && !r.Whole:
		n.readsSelf = n.readsSelf || r.Kind != moduleRef
	case r.Kind == pathRef, r.Kind == hereRef && g.leads(to):
		n.paths = append(n.paths, to)
	case r.Kind == hereRef:
		n.gone = append(n.gone, to)
	case r.Kind == moduleRef:
		// Terraform follows links first: what a module calls with .. lies beside the target.
		real, ok := g.links.real(to)
		if ok && real != to {
			n.paths = append(n.paths, to) // the links on the way may change, too
		} else {
			real = to
		}
		n.modules = append(n.modules, real)
		for _, dir := range []string{to, real} {
			if called := g.nodes[dir]; called != nil {
				called.called = true
			}
		}
	}
}

// resolveUnknown follows paths that begin with a constant local value, and keeps the others.
func (g *Graph) resolveUnknown(n *node) {
	locals := map[string]ref{}
	for _, s := range n.sources {
		for name, r := range s.Locals {
			locals[name] = r
		}
	}
	for _, s := range n.sources {
		for _, u := range s.Unknown {
			if at, ok := locals[u.Local]; ok && u.Local != "" {
				at.Path = path.Clean(path.Join(at.Path, u.Rest))
				g.resolve(n, at)
				continue
			}
			n.unknown = append(n.unknown, located{s.path, u})
		}
	}
}

// leads tells that a path leads to a file or a directory of the commit, or to what a submodule may hold.
func (g *Graph) leads(p string) bool {
	there := func(p string) bool { return p == "." || len(g.at(p)) > 0 || g.subs.lackingAt(p) != "" }
	if there(p) {
		return true
	}
	real, ok := g.links.real(p)
	return ok && real != p && there(real)
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
	gone    []string // where a text leads to nothing in this commit: the base may have had the last file of it
	reads   []string // those of modules in which every file may be read, documents too
	unknown bool     // some path is not known, so that any file may be read
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
		r.paths, r.gone = append(r.paths, n.paths...), append(r.gone, n.gone...)
		for _, path := range n.rootPaths {
			if to, ok := within(dir, path); ok {
				r.paths = append(r.paths, to)
			}
		}
		g.follow(&r, dir, n.mayPaths)
		if n.readsSelf {
			r.reads = append(r.reads, n.dir)
		}
		if n.readsRoot {
			r.reads = append(r.reads, dir)
		}
		r.unknown = r.unknown || len(n.unknown) > 0
	}
	for _, name := range g.auto[dir] {
		g.followValues(&r, dir, name)
	}
	return r
}

// follow adds where texts lead that look like paths from dir.
func (g *Graph) follow(r *reach, dir string, may []string) {
	for _, p := range may {
		switch to, ok := within(dir, p); {
		case !ok || to == dir:
		case g.leads(to):
			r.paths = append(r.paths, to)
		default:
			r.gone = append(r.gone, to)
		}
	}
}

// followValues adds the paths in a file of values, taken from the root module's directory.
func (g *Graph) followValues(r *reach, dir, name string) {
	f := g.values[name]
	if f == nil {
		return
	}
	for _, at := range f.Refs {
		if at.Kind == thereRef {
			g.follow(r, dir, []string{at.Path})
		}
	}
}

// reachOf is reach of a project: its variable files count, too.
func (g *Graph) reachOf(p Project) reach {
	r := g.reach(p.Dir)
	for _, name := range varFiles(p) {
		r.paths = append(r.paths, name)
		g.followValues(&r, p.Dir, name)
	}
	return r
}

// Reach returns the directories (each with everything below it) and single files that
// the root module at dir needs: dir itself, the local modules it calls, and the
// files that it or they refer to. Sorted, clean, without entries that another covers; "." is the
// whole repository. Paths that do not exist (any more) are in it too.
//
// Constant paths are followed, and constant beginnings of paths, also where they are passed as an argument or stand in a
// file of values (then they begin with ./ or ../ and lead to something); symbolic links inside of the commit are.
// What else a variable names is not known before Terraform runs; see [Graph.Unfollowed].
func (g *Graph) Reach(dir string) []string {
	r := g.reach(dir)
	return uncovered(g.behindLinks(append(r.modules, r.paths...)))
}

// Needs is Reach of the project's directory and its variable files.
func (g *Graph) Needs(p Project) []string {
	r := g.reachOf(p)
	return uncovered(g.behindLinks(append(r.modules, r.paths...)))
}

// needed tells that one of the projects reads a file.
func (g *Graph) needed(projects []Project, file string) bool {
	return slices.ContainsFunc(projects, func(p Project) bool {
		return slices.ContainsFunc(g.Needs(p), func(dir string) bool { return dir == "." || file == dir || strings.HasPrefix(file, dir+"/") })
	})
}

// varFiles returns the paths of a project's variable files from the repository's root.
func varFiles(p Project) []string {
	names := p.VarFiles
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
// of the project. Symlinks and forbidden names are among them; the writer decides (see [forbidden.Name]).
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
			if n.linked {
				continue // reported where the file is
			}
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
	ps.Sort()
	return ps
}

// wrong says what is wrong with a reference, "" for nothing.
func (g *Graph) wrong(n *node, r ref) string {
	to, inside := within(n.dir, r.Path)
	switch {
	case r.Kind == hereRef || r.Kind == thereRef:
		return "" // it may be no path at all
	case r.Kind == rootRef && n.called && !path.IsAbs(r.Path):
		return "" // where it leads depends on the root module that calls this one
	case !inside:
		return fmt.Sprintf("%s leaves the repository; a job sees nothing outside of it", quote(r.Path))
	case r.Kind == moduleRef && g.subs.lackingAt(to) != "":
		return "" // nobody knows what is there
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
