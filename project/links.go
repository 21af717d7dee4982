package project

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	treelinks "github.com/lockkeeper/lockkeeper/links"
	"github.com/lockkeeper/lockkeeper/project/forbidden"
)

// Symbolic links are followed as Terraform follows them in a checkout: a link to a Terraform file is one more file of
// its directory, a link to a directory is one more directory. Where a link leads is the pull request's choice,
// but it is looked up in the commit's list of files, never on a disk, and what leads out of the commit is not followed.

const (
	maxLinkBytes = 4096   // of the path in a link (PATH_MAX)
	maxLinkSteps = 40     // links in a chain, as Linux allows (path_resolution(7))
	maxLinked    = 20_000 // directories that are there a second time because of links
	maxAliases   = 1_000  // names of one file
)

// linked is the symbolic links of a commit.
type linked struct {
	to   map[string]string   // link -> where it leads, clean; a link that leads out of the commit is not in it
	from map[string][]string // the other way round
	out  map[string]string   // links that lead out of the commit, as they are written
}

// links reads the symbolic links of a commit.
func (ix *Index) links(ctx context.Context, tree Tree, files []File) (linked, error) {
	var links []File
	for _, f := range files {
		if f.Mode&modeTypes == ModeSymlink {
			links = append(links, f)
		}
	}
	if len(links) == 0 {
		return linked{}, nil
	}
	found, err := ix.facts(ctx, tree, links)
	if err != nil {
		return linked{}, err
	}
	l := linked{to: map[string]string{}, from: map[string][]string{}, out: map[string]string{}}
	texts := make(treelinks.Set, len(links))
	for i, f := range links {
		texts[f.Path] = found[i].Link
	}
	for _, f := range links {
		l.add(f.Path, texts)
	}
	return l, nil
}

// add notes where a link leads. One whose text goes up again from another link leads beside that one's target, which
// the words alone do not say; it changes with each link on the way, too.
func (l linked) add(link string, texts treelinks.Set) {
	to, inside := within(path.Dir(link), texts[link])
	if goesUpAgain(texts[link]) {
		var err error
		to, err = treelinks.Resolve(link, func(at string) (string, bool) {
			text, isLink := texts[at]
			if isLink && at != link {
				l.from[at] = append(l.from[at], link)
			}
			return text, isLink
		})
		if errors.Is(err, treelinks.ErrLoop) {
			return // it leads to nothing
		}
		inside = err == nil
	}
	if texts[link] == "" || !inside {
		l.out[link] = texts[link]
		return
	}
	l.to[link] = to
	l.from[to] = append(l.from[to], link)
}

// goesUpAgain tells a path that has ".." behind a name.
func goesUpAgain(text string) bool {
	_, behind, _ := strings.Cut(strings.TrimLeft(text, "./"), "/")
	return slices.Contains(strings.Split(behind, "/"), "..")
}

// real follows the links in a path. ok is false when they lead in a circle.
func (l linked) real(p string) (to string, ok bool) {
	for range maxLinkSteps {
		next := l.step(p)
		if next == p {
			return p, true
		}
		p = next
	}
	return "", false
}

// step replaces the first part of a path that is a link.
func (l linked) step(p string) string {
	if len(l.to) == 0 {
		return p
	}
	for end := range len(p) + 1 {
		if end < len(p) && p[end] != '/' {
			continue
		}
		if to, ok := l.to[p[:end]]; ok {
			return path.Join(to, p[end:])
		}
	}
	return p
}

// aliases returns a path and all other names that it has because of links.
func (l linked) aliases(p string) []string {
	names := []string{p}
	if len(l.from) == 0 {
		return names
	}
	known := map[string]bool{p: true}
	used := [][]string{nil} // by name: the links in it
	for i := 0; i < len(names) && len(names) < maxAliases; i++ {
		for at, rest := names[i], ""; ; at, rest = path.Dir(at), path.Join(path.Base(at), rest) {
			for _, link := range l.from[at] {
				// Where links lead in a circle there are names without end, of which the first round says it all.
				if alias := path.Join(link, rest); !known[alias] && !slices.Contains(used[i], link) {
					known[alias] = true
					names, used = append(names, alias), append(used, append(slices.Clip(used[i]), link))
				}
			}
			if at == "." || at == "/" {
				break
			}
		}
	}
	return names
}

// isBelow tells that a path is dir or lies in it.
func isBelow(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}

// withLinked adds the configuration files that are links to files of the commit, with the contents of these.
func withLinked(sources, files []File, l linked) []File {
	added := false
	for link := range l.to {
		if !isConfiguration(link) || forbidden.Name(link) {
			continue
		}
		to, ok := l.real(link)
		if f, there := fileAt(files, to); ok && there && f.Regular() && !forbidden.Name(to) {
			f.Path = link
			sources, added = append(sources, f), true
		}
	}
	if added {
		slices.SortFunc(sources, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	}
	return sources
}

// linkDirectories adds the nodes that are there a second time below links to directories.
func (g *Graph) linkDirectories() {
	if len(g.links.to) == 0 {
		return
	}
	dirs := make([]string, 0, len(g.nodes))
	for dir := range g.nodes {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	added := 0
	for _, link := range slices.Sorted(maps.Keys(g.links.to)) {
		to, ok := g.links.real(link)
		if !ok || isBelow(link, to) {
			continue
		}
		for _, dir := range dirs {
			if !isBelow(dir, to) || added == maxLinked {
				continue
			}
			at := path.Join(link, strings.TrimPrefix(dir[min(len(to), len(dir)):], "/"))
			if g.nodes[at] != nil {
				continue
			}
			added++
			g.nodes[at] = &node{dir: at, sources: g.nodes[dir].sources, root: g.nodes[dir].root, makes: g.nodes[dir].makes, linked: true, foreign: g.nodes[dir].foreign}
		}
	}
}

// behindLinks adds where the links below the paths lead, until nothing is new.
func (g *Graph) behindLinks(paths []string) []string {
	if len(g.links.to) == 0 {
		return paths
	}
	reached := map[string]bool{}
	covered := func(p string) bool {
		for at := p; ; at = path.Dir(at) {
			if reached[at] {
				return true
			}
			if at == "." || at == "/" {
				return false
			}
		}
	}
	for _, p := range paths {
		reached[p] = true
	}
	for more := true; more; {
		more = false
		for link, to := range g.links.to {
			// A path that goes through a link is covered by the link.
			if !covered(to) && (covered(link) || slices.ContainsFunc(paths, func(p string) bool { return isBelow(p, link) })) {
				reached[to], more = true, true
				paths = append(paths, to)
			}
		}
	}
	return paths
}
