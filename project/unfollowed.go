package project

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/project/forbidden"
	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// Unfollowed lists the places that p reaches where a file is read whose path cannot be followed: a change of that file touches
// no project. A path that begins with a variable is followed where every call gives the variable one that begins with ./ or ../
// or a directory such as path.module, and the server gives it none. Where a module from elsewhere is called, of which nobody sees
// what it reads, they are also the places that put a path together.
func (g *Graph) Unfollowed(p Project, s Settings) Problems {
	r := g.reach(p.Dir)
	var out Problems
	for _, dir := range r.modules {
		n := g.nodes[dir]
		if n == nil {
			continue
		}
		for _, u := range n.unknown {
			if u.Var != "" && !goesUp(u.Rest) && g.isGiven(p, s, r, n, u.Var) {
				continue
			}
			out = append(out, Problem{File: u.file, Line: u.Line, Message: fmt.Sprintf(
				"the path of %s cannot be followed, so a change of what it reads touches no project; begin the path with a constant, pass it as one that begins with ./ or ../, or name the files by when_changed", yamlfile.Clip(u.Call))})
		}
	}
	out = append(out, g.computed(p, r)...)
	out.Sort()
	return slices.Compact(out)
}

// isGiven tells that a variable of a module always has a path that is followed.
func (g *Graph) isGiven(p Project, s Settings, r reach, n *node, variable string) bool {
	byDefault := slices.ContainsFunc(n.sources, func(s source) bool { return slices.Contains(s.Paths, variable) })
	if n.dir == p.Dir {
		for _, name := range slices.Concat(g.auto[p.Dir], varFiles(p)) {
			if f := g.values[name]; f != nil && slices.Contains(f.Paths, variable) {
				return true
			}
		}
		return byDefault && !slices.Contains(s.Variables, variable) // which wins over a default
	}
	for _, dir := range r.modules {
		if caller := g.nodes[dir]; caller != nil && slices.Contains(caller.modules, n.dir) && !g.gives(caller, n.dir, variable, byDefault) {
			return false
		}
	}
	return true
}

// gives tells that each call of a module from one directory gives a variable a path that is followed, or none and its default is one.
func (g *Graph) gives(caller *node, module, variable string, byDefault bool) bool {
	for _, s := range caller.sources {
		for _, c := range s.Calls {
			if to, ok := g.links.real(path.Join(caller.dir, c.Module)); !ok || to != module {
				continue
			}
			if !slices.Contains(c.Paths, variable) && (!byDefault || slices.Contains(c.Others, variable)) {
				return false
			}
		}
	}
	return true
}

// Shared lists the projects of several directories that have one state, files by an absolute path among them, each list in the order of
// projects. settings says of each what [Graph.State] asks for.
func (g *Graph) Shared(projects []Project, settings func(Project) Settings) [][]Project {
	byState := map[string][]Project{}
	var order []string
	for _, p := range projects {
		state := cmp.Or(g.State(p, settings(p)), g.stateFile(p, settings(p)))
		if state == "" {
			continue
		}
		if byState[state] == nil {
			order = append(order, state)
		}
		byState[state] = append(byState[state], p)
	}
	var out [][]Project
	for _, state := range order {
		if slices.ContainsFunc(byState[state], func(p Project) bool { return p.Dir != byState[state][0].Dir }) {
			out = append(out, byState[state])
		}
	}
	return out
}

// Warnings lists what is no mistake but surprises people: paths that cannot be followed, states that several projects share
// or that would be lost, root modules that are left out or that nothing plans, what only other tools plan, entries of discover that make no project, submodules that projects read, links that leave the repository, and
// names that would be refused where a project reads them.
// Of a file with mistakes it lists what does not depend on the values that were refused.
func Warnings(cfg Config, g *Graph) Problems {
	if len(cfg.refused) > 0 {
		return g.surelySurprising(cfg)
	}
	ps := slices.Concat(cfg.left, cfg.idle)
	for _, group := range g.Shared(cfg.Projects, OwnSettings) {
		names := make([]string, len(group))
		for i, p := range group {
			names[i] = p.Name
		}
		const most = 5
		more := ""
		if len(names) > most {
			more = fmt.Sprintf(" and %d more", len(names)-most)
		}
		b, _ := merged(g.nodes[group[0].Dir].configuration(group[0].Tofu != ""))
		ps = append(ps, Problem{File: b.File, Line: b.Line, Message: fmt.Sprintf("%d projects share one state in workspace %s, so each would destroy what the others made; give them workspaces or keys of their own in %s: %s%s",
			len(group), yamlfile.Clip(group[0].Workspace), ConfigFile, strings.Join(names[:min(most, len(names))], ", "), more)})
	}
	for _, p := range cfg.Projects {
		ps = append(ps, g.Unfollowed(p, OwnSettings(p))...)
		if _, lost := g.Keeping(p, OwnSettings(p)); lost.Message != "" {
			ps = append(ps, lost)
		}
	}
	ps = append(ps, g.unplanned(cfg)...)
	ps = append(ps, g.apart(cfg)...)
	ps = append(ps, g.foreign(cfg)...)
	for _, f := range g.files {
		if forbidden.Name(f.Path) && f.Submodule == "" && !g.needed(cfg.Projects, f.Path) {
			ps = append(ps, Problem{File: f.Path, Message: "has a name that Terraform keeps for its own data; no project reads it here, and one that does will be refused"})
		}
	}
	for link := range g.links.out {
		if g.needed(cfg.Projects, link) {
			ps = append(ps, Problem{File: link, Message: "is a symbolic link that leaves the repository, where a job has nothing, so projects that read it are refused; let it lead to a file of this repository"})
		}
	}
	ps = append(ps, g.intoSubmodules(cfg)...)
	ps.Sort()
	return slices.Compact(ps)
}

// surelySurprising is what Warnings says of projects of which something is not known.
func (g *Graph) surelySurprising(cfg Config) (ps Problems) {
	for _, p := range cfg.Projects {
		if p.Dir != "" {
			ps = append(ps, g.Unfollowed(p, OwnSettings(p))...)
		}
	}
	ps.Sort()
	return slices.Compact(ps)
}

// apart lists the directories with a backend that are no projects because their path sets them apart.
func (g *Graph) apart(cfg Config) Problems {
	var ps Problems
	for dir, n := range g.nodes {
		part := apart(dir)
		if part == "" || !n.root || n.linked || n.foreign || cfg.names(dir) {
			continue
		}
		ps = append(ps, Problem{File: n.sources[0].path, Message: fmt.Sprintf(
			"%s has a backend but is no project, because of the directory %s in its path; name it in %s if it is one", quote(dir), quote(part), ConfigFile)})
	}
	return ps
}

// names tells that a directory is that of a project, or left out on purpose.
func (cfg Config) names(dir string) bool {
	return slices.ContainsFunc(cfg.Projects, func(p Project) bool { return p.Dir == dir }) ||
		(cfg.Discover == nil && cfg.Source != "") || (cfg.Discover != nil && excluded(cfg.Discover.Exclude, dir))
}
