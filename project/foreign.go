package project

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Foreign is a changed file that another tool would plan.
type Foreign struct {
	Tool string // Terragrunt, CDKTF or OpenTofu
	Path string
}

// tools are the files by which a directory is known to be for a tool that is not run here.
var tools = map[string]string{
	"terragrunt.hcl": "Terragrunt", "root.hcl": "Terragrunt", "terragrunt.stack.hcl": "Terragrunt", "terragrunt.values.hcl": "Terragrunt",
	"cdktf.json": "CDKTF", "cdk.tf.json": "CDKTF",
}

// ForeignChanges lists the changed files that only another tool plans, the first of each tool: those of Terragrunt and CDKTF, and what lies in
// their directories outside of projects; .tofu files of directories that are not planned by OpenTofu. tofu says that a project that asks
// for no version is. What discover excludes is left out: something else plans it.
func ForeignChanges(cfg Config, g *Graph, changed []string, tofu bool) []Foreign {
	f := foreign{cfg: cfg, graph: g, tofu: tofu, dirs: map[string]string{}, planned: map[string]bool{}}
	for _, file := range g.files {
		if tool := tools[path.Base(file.Path)]; tool != "" {
			f.dirs[path.Dir(file.Path)] = tool
		}
	}
	for _, p := range cfg.Projects {
		f.planned[p.Dir] = true
	}
	w := newWatch(g)
	for i, p := range cfg.Projects {
		w.add(i, p)
	}
	var out []Foreign
	for _, c := range changed {
		if cfg.Discover != nil && excluded(cfg.Discover.Exclude, path.Dir(c)) || apart(path.Dir(c)) != "" {
			continue
		}
		clear(w.reasons)
		w.touch(c)
		tool := f.tool(c, len(w.reasons) > 0)
		if tool != "" && !slices.ContainsFunc(out, func(x Foreign) bool { return x.Tool == tool }) {
			out = append(out, Foreign{tool, c})
		}
	}
	return out
}

// foreign lists what only other tools plan: the first file of each, and projects whose directory holds nothing that Terraform reads.
func (g *Graph) foreign(cfg Config) Problems {
	var ps Problems
	seen := map[string]bool{}
	for _, f := range g.files {
		tool := tools[path.Base(f.Path)]
		if tool == "" || seen[tool] || apart(path.Dir(f.Path)) != "" || cfg.Discover != nil && excluded(cfg.Discover.Exclude, path.Dir(f.Path)) {
			continue
		}
		seen[tool] = true
		ps = append(ps, Problem{File: f.Path, Message: fmt.Sprintf("is a file of %s, which Lockkeeper does not plan; plan and apply its directories elsewhere, and name them under discover: exclude: in %s", tool, ConfigFile)})
	}
	for _, p := range cfg.Projects {
		if p.Tofu == "" && g.OnlyTofu(p) {
			ps = append(ps, Problem{File: p.Dir, Message: fmt.Sprintf("holds .tofu files alone, which Terraform does not read; give the project a tofu: version in %s, unless OpenTofu is what the server runs", ConfigFile)})
		}
	}
	return ps
}

type foreign struct {
	cfg     Config
	graph   *Graph
	tofu    bool
	dirs    map[string]string // directories of other tools
	planned map[string]bool   // directories of projects
}

// tool names what would plan a changed file; "" for nothing else. read says that a project is touched by it.
func (f foreign) tool(changed string, read bool) string {
	if tool := tools[path.Base(changed)]; tool != "" {
		return tool
	}
	if strings.HasSuffix(strings.TrimSuffix(changed, ".json"), ".tofu") && !f.tofuPlans(path.Dir(changed)) {
		return "OpenTofu"
	}
	hidden := strings.HasPrefix(path.Base(changed), ".") && path.Base(changed) != ".terraform.lock.hcl"
	if isDocument(changed) || hidden || read && !isUnitsHCL(changed) {
		return ""
	}
	for dir := path.Dir(changed); ; dir = path.Dir(dir) {
		switch tool := f.dirs[dir]; {
		case f.planned[dir]:
			return ""
		case tool == "CDKTF", tool != "" && f.isFor(dir, changed):
			return tool // a CDKTF project is written in any language
		case dir == "." || dir == "/":
			return f.readByTerragrunt(changed)
		}
	}
}

// isFor tells that a file in a directory of Terragrunt, or below, is for it. At the top lie files of everything else, too.
func (f foreign) isFor(dir, changed string) bool {
	if dir == "." || dir == "/" {
		return isConfiguration(changed) || path.Dir(changed) == dir && (isData(changed) || path.Ext(changed) == ".tfvars")
	}
	return true
}

// readByTerragrunt: where units of Terragrunt are and no project is touched by a Terraform file or what lies beside one, it is most likely of
// a module of theirs. Files of HCL, and what lies above units, are what they include and read, under any name.
func (f foreign) readByTerragrunt(changed string) string {
	module := isConfiguration(changed) || f.inCode(changed)
	for dir, tool := range f.dirs {
		above := path.Dir(changed) != "." && isBelow(dir, path.Dir(changed))
		if tool == "Terragrunt" && (module || above || isUnitsHCL(changed)) {
			return tool
		}
	}
	return ""
}

// inCode tells a file in a directory with code of Terraform, or below one.
func (f foreign) inCode(name string) bool {
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if n := f.graph.nodes[dir]; n != nil && len(n.sources) > 0 {
			return true
		}
	}
	return false
}

// isUnitsHCL tells a file of HCL that units may include, such as account.hcl: no other program has the name.
func isUnitsHCL(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || !strings.HasSuffix(base, ".hcl") {
		return false
	}
	switch path.Ext(strings.TrimSuffix(base, ".hcl")) {
	case ".pkr", ".pkrvars", ".nomad", ".tftest", ".tfmock", ".tfquery", ".tofutest":
		return false
	}
	return true
}

// isData tells a file of values that programs read.
func isData(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(path.Base(name), ".")
	}
	return false
}

// tofuPlans tells that OpenTofu plans a project that reads this directory, or that none reads it.
func (f foreign) tofuPlans(dir string) bool {
	reads := false
	for _, p := range f.cfg.Projects {
		if p.Dir != dir && !slices.Contains(f.graph.reach(p.Dir).modules, dir) {
			continue
		}
		if reads = true; f.plansWithTofu(p) {
			return true
		}
	}
	return !reads
}

func (f foreign) plansWithTofu(p Project) bool { return p.Tofu != "" || (p.Terraform == "" && f.tofu) }

// OnlyTofu tells that the directory of p holds nothing that Terraform reads.
func (g *Graph) OnlyTofu(p Project) bool {
	n := g.nodes[p.Dir]
	return n != nil && p.FromModule == "" && len(n.configuration(false)) == 0
}

// Unnamed lists the directories with changed files that look like root modules and are no projects, as far as that is news to people:
// those that the base does not have, and those with a backend. Any file of these counts that is no document, as it would for a project.
func Unnamed(cfg Config, g *Graph, base []File, changed []string) []string {
	var out []string
	covered := cfg.covered()
	for _, c := range changed {
		n := g.holder(c)
		if n == nil || !n.mayBeRoot() || slices.Contains(out, n.dir) || covered(n.dir) {
			continue
		}
		if !isTerraform(c) && (!n.root || isDocument(c) || n.dir == "." && path.Dir(c) != ".") { // below the top lies the whole repository
			continue
		}
		isNew := !slices.ContainsFunc(n.sources, func(s source) bool { _, ok := fileAt(base, s.path); return ok })
		found := apart(n.dir) == "" && (n.root || !setApart(n.dir))
		if (isNew && found) || n.root {
			out = append(out, n.dir)
		}
	}
	return out
}

// holder is the innermost directory of Terraform in which a file lies.
func (g *Graph) holder(file string) *node {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if n := g.nodes[dir]; n != nil || dir == "." || dir == "/" {
			return n
		}
	}
}

// Left lists the directories that match what discover includes but are not taken, and why.
func (cfg Config) Left() Problems { return cfg.left }
