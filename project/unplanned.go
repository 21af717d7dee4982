package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// maxUnplanned is how many directories one warning names.
const maxUnplanned = 5

// covered tells of a directory whether it is a project's, or left out as the file says. Both
// may be thousands.
func (cfg Config) covered() func(dir string) bool {
	known := map[string]bool{}
	for _, dir := range cfg.apart {
		known[dir] = true
	}
	for _, p := range cfg.Projects {
		known[p.Dir] = true
	}
	return func(dir string) bool { return known[dir] || cfg.Discover != nil && excluded(cfg.Discover.Exclude, dir) }
}

// unplanned tells of root modules that no project of lockkeeper.yml plans and that it does
// not leave out: changes of them are merged and nobody plans them. Without a backend a
// directory may be anything.
func (g *Graph) unplanned(cfg Config) Problems {
	if cfg.Source == "" {
		return nil // every root module is a project
	}
	covered := cfg.covered()
	dirs := slices.DeleteFunc(g.roots(), func(dir string) bool { return !g.nodes[dir].root || covered(dir) })
	if len(dirs) == 0 {
		return nil
	}
	var names []string
	for _, dir := range dirs[:min(len(dirs), maxUnplanned)] {
		names = append(names, yamlfile.Printable(yamlfile.Clip(dir)))
	}
	more := ""
	if rest := len(dirs) - len(names); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	is, one := "root modules are no projects, so nothing plans them", "them"
	if len(dirs) == 1 {
		is, one = "root module is no project, so nothing plans it", "it"
	}
	return Problems{{File: cfg.Source, Message: fmt.Sprintf("%d %s: %s%s; name %s, or leave %s out by discover.exclude", len(dirs), is, strings.Join(names, ", "), more, one, one)}}
}
