package project

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Match is a project that a pull request touches.
type Match struct {
	Project Project
	Reason  string // the first changed path that touches it
	Missing bool   // its directory holds no Terraform file, or nothing to plan, in the head commit (any more)
}

// Affected returns the projects of cfg that the changed paths touch, in the order of cfg.
// changed is the complete list of paths from git diff base...head, both names of a rename; graph is
// the head commit's. Projects that live on another branch than baseBranch are left out.
//
// Without when_changed, a project is touched by a change in its directory, in a local module it calls, or
// of a path that these refer to. A directory below with Terraform files of its own is a module or a project
// for itself and only counts if something refers to it; neither do documents count that nothing reads. What has the name of a text in the
// code is taken for read, unless it is another project's. A symbolic link inside of the commit changes with what it leads to.
func Affected(cfg Config, graph *Graph, changed []string, baseBranch string) []Match {
	w := newWatch(graph)
	for i, p := range cfg.Projects {
		if p.Branch == "" || p.Branch == baseBranch {
			w.add(i, p)
		}
	}
	for _, c := range changed {
		w.touch(c)
	}
	var matches []Match
	for i, p := range cfg.Projects {
		if reason, ok := w.reasons[i]; ok {
			matches = append(matches, Match{Project: p, Reason: reason, Missing: graph.missing(p)})
		}
	}
	return matches
}

// Reached returns those of the changed paths that a plan of p may read, at most n of them, in their order: the
// ones in its directory, in what it calls and refers to, and what its when_changed names. Unlike in [Affected],
// when_changed takes nothing out: it says when to plan, not what a plan reads.
func (g *Graph) Reached(p Project, changed []string, n int) []string {
	when := newWhen(p)
	p.WhenChanged = nil
	fresh := func() *watch {
		w := newWatch(g)
		w.add(0, p)
		return w
	}
	var out []string
	w := fresh()
	for _, c := range changed {
		if len(out) == n {
			break
		}
		w.touch(c)
		_, reached := w.reasons[0]
		if reached {
			w = fresh() // it lets a project go that it has found
		}
		if reached || when != nil && len(when.include) > 0 && when.match(c) {
			out = append(out, c)
		}
	}
	return out
}

// Missing reports whether a project has nothing to plan in the commit.
func (g *Graph) Missing(p Project) bool { return g.missing(p) }

// missing tells that p has no root module in the commit (any more). One that comes from a module source needs none.
func (g *Graph) missing(p Project) bool {
	return p.FromModule == "" && g.subs.lackingAt(p.Dir) == "" && (g.nodes[p.Dir] == nil || (p.Found && !g.holds(p.Dir)))
}

// watch finds projects by a path, or by a directory above a path. This way round 10,000 projects and
// 50,000 changed files cost one walk up per file, not a comparison of each with each.
type watch struct {
	graph   *Graph
	owners  map[string]bool // directories of projects, which bound what lies above them
	own     watchers        // project directories and modules: changes in nested modules do not count, nor do those of documents
	read    watchers        // those of own for which documents count, too
	all     watchers        // everything below counts
	reaches map[int]reached // of the projects without patterns of their own
	reasons map[int]string  // project -> first path that touched it
	sorted  []string        // all paths at which somebody waits or a link leads, once they are known
}

// watchers are the projects that wait for a change at or below a path.
type watchers map[string][]watcher

type watcher struct {
	project int
	when    *when // nil: every path counts
}

// reached is what a project is made of.
type reached struct {
	dir     string
	modules []string // its directory and those of modules
	values  []string // files of values
}

func newWatch(g *Graph) *watch {
	return &watch{graph: g, owners: map[string]bool{}, own: watchers{}, read: watchers{}, all: watchers{}, reaches: map[int]reached{}, reasons: map[int]string{}}
}

func (w *watch) add(i int, p Project) {
	w.owners[p.Dir] = true
	when := newWhen(p)
	if when != nil && len(when.include) > 0 {
		for _, dir := range when.dirs() {
			w.all[dir] = append(w.all[dir], watcher{i, when})
		}
		return
	}
	r := w.graph.reachOf(p)
	w.reaches[i] = reached{p.Dir, r.modules, slices.Concat(w.graph.auto[p.Dir], varFiles(p))}
	for _, dir := range r.modules {
		w.own[dir] = append(w.own[dir], watcher{i, when})
		if r.unknown || slices.Contains(r.reads, dir) {
			w.read[dir] = append(w.read[dir], watcher{i, when})
		}
	}
	for _, path := range slices.Concat(r.paths, r.gone) {
		w.all[path] = append(w.all[path], watcher{i, when})
	}
}

// touch finds who waits for a changed path, under all of its names, or for something below it: then it is a submodule, or was one,
// and any of its files may have changed.
func (w *watch) touch(changed string) {
	whole := w.graph.subs.is(changed)
	names := w.graph.links.aliases(changed)
	for _, name := range names {
		w.walk(name, changed, whole)
	}
	if _, isFile := fileAt(w.graph.files, changed); isFile {
		return // nothing is below it
	}
	for i := 0; i < len(names) && i < maxAliases; i++ {
		for _, at := range w.below(names[i]) {
			w.fire(w.own, at, changed, changed, true)
			w.fire(w.all, at, changed, changed, true)
			for _, name := range w.graph.links.aliases(at)[1:] {
				if !slices.Contains(names, name) {
					names = append(names, name)
					w.walk(name, changed, true)
				}
			}
		}
	}
}

// below returns the paths below another at which somebody waits or to which a link leads.
func (w *watch) below(name string) []string {
	if w.sorted == nil {
		w.sorted = slices.Sorted(maps.Keys(w.graph.links.from))
		w.sorted = slices.AppendSeq(w.sorted, maps.Keys(w.own))
		w.sorted = slices.AppendSeq(w.sorted, maps.Keys(w.all))
		slices.Sort(w.sorted)
		w.sorted = slices.Compact(w.sorted)
	}
	first, _ := slices.BinarySearch(w.sorted, name+"/")
	end, _ := slices.BinarySearch(w.sorted, name+"0") // "0" is the byte after "/"
	return w.sorted[first:end]
}

// walk goes up from a name of a changed path. whole says that it stands for all that lies below.
func (w *watch) walk(name, changed string, whole bool) {
	nested, owned := false, false
	document := isDocument(name) && !whole
	for at := name; at != "/"; at = path.Dir(at) {
		w.fire(w.all, at, name, changed, whole)
		switch {
		case !nested && !document:
			w.fire(w.own, at, name, changed, whole)
		case !owned:
			if !nested {
				w.fire(w.read, at, name, changed, whole)
			}
			w.fireNamed(at, name, changed, whole)
		}
		if at == "." {
			return
		}
		owned = owned || w.owners[at]
		nested = nested || owned || w.graph.nodes[at] != nil
	}
}

// fire notes the projects that wait at a path, and lets those go that need to know no more.
func (w *watch) fire(list watchers, at, name, changed string, whole bool) {
	w.fireIf(list, at, name, changed, whole, func(int) bool { return true })
}

// fireNamed is fire for the projects that have their own files at a directory and the name of the changed path, or
// of a directory above it, in a text.
func (w *watch) fireNamed(at, name, changed string, whole bool) {
	below := name
	if at != "." {
		below = strings.TrimPrefix(name, at+"/")
	}
	if len(w.own[at]) == 0 {
		return
	}
	here := w.graph.names(at, below)
	w.fireIf(w.own, at, name, changed, whole, func(project int) bool {
		r := w.reaches[project]
		if here || at != r.dir {
			return here
		}
		return slices.ContainsFunc(r.modules, func(dir string) bool { return w.graph.names(dir, below) }) ||
			slices.ContainsFunc(r.values, func(file string) bool { return w.graph.values[file].names(below) })
	})
}

func (w *watch) fireIf(list watchers, at, name, changed string, whole bool, is func(project int) bool) {
	waiting := list[at]
	if len(waiting) == 0 {
		return
	}
	list[at] = slices.DeleteFunc(waiting, func(x watcher) bool {
		if _, done := w.reasons[x.project]; done {
			return true
		}
		if !is(x.project) || x.when != nil && !x.when.match(name) && !(whole && x.when.mayMatchBelow(name)) {
			return false
		}
		w.reasons[x.project] = changed
		return true
	})
}

// names tells that a file of a module has a path, or a directory above it, in a text.
func (g *Graph) names(module, p string) bool {
	n := g.nodes[module]
	return n != nil && slices.ContainsFunc(n.sources, func(s source) bool { return s.names(p) })
}

func (f *facts) names(p string) bool {
	if f == nil {
		return false
	}
	for ; p != "."; p = path.Dir(p) {
		if _, ok := slices.BinarySearch(f.Names, p); ok {
			return true
		}
	}
	return false
}

// when is a project's when_changed, with patterns from the repository's root.
type when struct {
	include, exclude []string
}

// newWhen returns nil for a project without when_changed.
func newWhen(p Project) *when {
	if len(p.WhenChanged) == 0 {
		return nil
	}
	w := &when{}
	dir := escapeGlob(p.Dir)
	for _, pattern := range p.WhenChanged {
		full := path.Join(dir, globOf(pattern))
		if strings.HasPrefix(pattern, "!") {
			w.exclude = append(w.exclude, full)
		} else {
			w.include = append(w.include, full)
		}
	}
	return w
}

// match tells whether a path counts: it matches a pattern, or there are only patterns with !, and it matches
// none of those.
func (w *when) match(name string) bool {
	matches := func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, name) }
	return (len(w.include) == 0 || slices.ContainsFunc(w.include, matches)) && !slices.ContainsFunc(w.exclude, matches)
}

// mayMatchBelow tells that a path below dir may count.
func (w *when) mayMatchBelow(dir string) bool {
	if slices.ContainsFunc(w.exclude, func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, dir) }) {
		return false
	}
	return len(w.include) == 0 || slices.ContainsFunc(w.dirs(), func(at string) bool { return isBelow(at, dir) || isBelow(dir, at) })
}

// dirs returns the directories below which all matches lie.
func (w *when) dirs() []string {
	var dirs []string
	for _, pattern := range w.include {
		dir, _ := doublestar.SplitPattern(pattern)
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// escapeGlob makes a directory's name match nothing but itself.
func escapeGlob(dir string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`).Replace(dir)
}
