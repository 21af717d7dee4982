package project

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// relations finds the mistakes that only show between projects. Projects whose own
// values were refused have empty names or dirs and are passed over.
func relations(cfg Config) Problems {
	var ps Problems
	note := func(i int, key, format string, args ...any) {
		at := fmt.Sprintf("projects[%d]", i)
		line := cfg.lines[at]
		if l, ok := cfg.lines[at+"."+key]; ok {
			line = l
		}
		ps = append(ps, Problem{File: cfg.Source, Line: line, Key: at + "." + key, Message: fmt.Sprintf(format, args...)})
	}
	names := map[string]int{}
	states := map[string]int{}
	for i, p := range cfg.Projects {
		if first, twice := names[p.Name]; p.Name != "" && twice {
			note(i, "name", "%q is also the name of projects[%d] on line %d", p.Name, first, cfg.lines[fmt.Sprintf("projects[%d].name", first)])
		} else {
			names[p.Name] = i
		}
		// One directory and workspace may stand for an environment per branch.
		state := strings.Join([]string{p.Dir, p.Workspace, p.Branch}, "\x00")
		if first, twice := states[state]; p.Dir != "" && twice {
			note(i, "dir", "%q with workspace %q is already %s; give one of them another workspace or branch", p.Dir, p.Workspace, quote(cfg.Projects[first].Name))
		} else {
			states[state] = i
		}
	}
	afterProblems(cfg, names, note)
	return ps
}

func afterProblems(cfg Config, names map[string]int, note func(i int, key, format string, args ...any)) {
	all := make([]string, 0, len(names))
	for _, p := range cfg.Projects {
		all = append(all, p.Name)
	}
	for i, p := range cfg.Projects {
		for j, name := range p.After {
			if _, ok := names[name]; ok {
				continue
			}
			hint := ""
			if c := yamlfile.Closest(name, all, 1); len(c) > 0 {
				hint = "; did you mean " + c[0] + "?"
			}
			note(i, fmt.Sprintf("after[%d]", j), "no project is named %q%s", name, hint)
		}
	}
	_, err := Order(cfg.Projects)
	var cycle *CycleError
	if errors.As(err, &cycle) {
		note(names[cycle.Names[0]], "after", "%s", cycle.Error())
	}
}
