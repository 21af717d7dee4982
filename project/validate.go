package project

import (
	"fmt"
	"path"

	"github.com/lockkeeper/lockkeeper/project/forbidden"
)

// Validate checks cfg against a commit, as far as one can without running Terraform: directories hold a
// root module, var_files are there, the files that projects reach can be read, their local modules
// resolve, and no name is forbidden. Its error is a [Problems]. For a complete answer graph comes from an [Index] with CheckAll.
func Validate(cfg Config, graph *Graph) error {
	v := &validation{cfg: cfg, graph: graph, reached: map[string]bool{}}
	var known []Project
	for i, p := range cfg.Projects {
		if p.Dir != "" { // else it was refused
			v.project(i, p)
			known = append(known, p)
		}
	}
	for _, p := range graph.Problems() {
		if v.reaches(p.File) {
			v.problems = append(v.problems, p)
		}
	}
	for _, f := range graph.files {
		if forbidden.Name(f.Path) && graph.needed(known, f.Path) {
			v.problems = append(v.problems, Problem{File: f.Path, Message: "must not be in the repository: Terraform keeps this name for its own data, and a committed file would change what runs"})
		}
	}
	if len(v.problems) == 0 {
		return nil
	}
	return v.problems
}

type validation struct {
	cfg      Config
	graph    *Graph
	reached  map[string]bool // module directories that projects reach
	problems Problems
}

func (v *validation) project(i int, p Project) {
	at := fmt.Sprintf("projects[%d]", i)
	if p.Found {
		at = "discover"
	}
	if v.graph.missing(p) && !v.cfg.isRefused(at+".from_module") {
		v.note(at+".dir", "%s holds no Terraform file", quote(p.Dir))
	}
	v.files(at+".var_files", p, p.VarFiles)
	for _, dir := range v.graph.reach(p.Dir).modules {
		v.reached[dir] = true
	}
}

func (v *validation) files(key string, p Project, names []string) {
	for i, at := range v.cfg.places(key, len(names)) {
		name := names[i]
		if v.cfg.isRefused(at) {
			continue
		}
		to, _ := within(p.Dir, name)
		real, _ := v.graph.links.real(to)
		f, ok := fileAt(v.graph.files, real)
		switch {
		case !ok:
			v.note(at, "%s is not there; it is looked for at %s", quote(name), quote(to))
		case !f.Regular():
			v.note(at, "%s is no file", quote(name))
		}
	}
}

func (v *validation) note(key, format string, args ...any) {
	line := v.cfg.lines[key]
	if line == 0 {
		line = v.cfg.lines["discover"] // what was found has no line of its own
	}
	v.problems = append(v.problems, Problem{File: v.cfg.Source, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// reaches tells that a Terraform file is loaded by one of the projects.
func (v *validation) reaches(file string) bool { return v.reached[path.Dir(file)] }
