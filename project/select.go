package project

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// UnknownError says that a selector names no project.
type UnknownError struct {
	Selector string
	Close    []string // names, or directories if the selector is one, that look alike, best first; otherwise the first of all names; at most 5
	Total    int      // number of projects that could have been named
}

func (e *UnknownError) Error() string {
	if e.Total == 0 {
		return fmt.Sprintf("no project is named %s; there are no projects here", quote(e.Selector))
	}
	return fmt.Sprintf("no project is named %s; of %d projects the closest names are: %s", quote(e.Selector), e.Total, strings.Join(e.Close, ", "))
}

// Select returns the projects that the selectors name, in the order of cfg, each once.
// A selector is an exact name, or a glob with *, ? or [ ] (path.Match). The same of a directory selects every project that
// is in it: one with a slash is a directory, another one is if no project has the name. Nothing falls back to some
// project: a selector without a match is an *UnknownError, and no selector selects nothing.
func Select(cfg Config, selectors []string) ([]Project, error) {
	wanted := make([]bool, len(cfg.Projects))
	for _, selector := range selectors {
		matches, err := matcher(selector)
		if err != nil {
			return nil, err
		}
		found := false
		mark := func(of func(Project) string) {
			for i, p := range cfg.Projects {
				if matches(of(p)) {
					wanted[i], found = true, true
				}
			}
		}
		if !strings.Contains(selector, "/") {
			mark(func(p Project) string { return p.Name })
		}
		if !found {
			mark(func(p Project) string { return p.Dir })
		}
		if !found {
			return nil, unknown(cfg, selector)
		}
	}
	var selected []Project
	for i, p := range cfg.Projects {
		if wanted[i] {
			selected = append(selected, p)
		}
	}
	return selected, nil
}

// matcher tells what a selector means. ./ in front and / at the end, as shells complete directories, do not matter.
func matcher(selector string) (func(string) bool, error) {
	clean := selector
	if strings.Contains(selector, "/") {
		clean = path.Clean(selector)
	}
	if !strings.ContainsAny(clean, "*?[") {
		return func(text string) bool { return text == clean }, nil
	}
	if _, err := path.Match(clean, ""); err != nil {
		return nil, fmt.Errorf("reading %s as a project name or glob: %w", quote(selector), err)
	}
	return func(text string) bool {
		ok, _ := path.Match(clean, text) // its pattern was tried
		return ok
	}, nil
}

func unknown(cfg Config, selector string) *UnknownError {
	const most = 5
	typed := selector
	names := make([]string, len(cfg.Projects))
	for i, p := range cfg.Projects {
		names[i] = p.Name
	}
	if strings.Contains(selector, "/") {
		selector = strings.Trim(path.Clean(selector), "/")
		for i, p := range cfg.Projects {
			names[i] = p.Dir
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	near := yamlfile.Closest(selector, names, most)
	for _, name := range names {
		if len(near) < most && len(selector) >= 3 && strings.Contains(name, strings.ToLower(selector)) && !slices.Contains(near, name) {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		near = names[:min(most, len(names))]
	}
	return &UnknownError{Selector: typed, Close: near, Total: len(cfg.Projects)}
}

// CycleError says that projects wait for each other.
type CycleError struct {
	Names []string // each runs after the next, the last after the first
}

func (e *CycleError) Error() string {
	return "these projects wait for each other: " + strings.Join(append(slices.Clone(e.Names), e.Names[0]), " after ")
}

// Order sorts projects into stages: a project stands in a later stage than each project of the list
// that it names in After; names that are not in the list are passed over. Projects of one
// stage may run side by side and keep their order. The error is a *CycleError, which
// Parse refuses too.
func Order(projects []Project) ([][]Project, error) {
	o := ordering{byName: map[string]int{}, projects: projects, stage: make([]int, len(projects))}
	for i, p := range projects {
		o.byName[p.Name] = i
	}
	var stages [][]Project
	for i, p := range projects {
		if err := o.visit(i); err != nil {
			return nil, err
		}
		for len(stages) < o.stage[i] {
			stages = append(stages, nil)
		}
		stages[o.stage[i]-1] = append(stages[o.stage[i]-1], p)
	}
	return stages, nil
}

type ordering struct {
	byName   map[string]int
	projects []Project
	stage    []int // 0: not known yet; -1: being looked at; otherwise the stage, from 1
	path     []int // the projects being looked at
}

func (o *ordering) visit(i int) error {
	if o.stage[i] > 0 {
		return nil
	}
	if o.stage[i] < 0 {
		cycle := &CycleError{}
		for _, j := range o.path[slices.Index(o.path, i):] {
			cycle.Names = append(cycle.Names, o.projects[j].Name)
		}
		return cycle
	}
	o.stage[i] = -1
	o.path = append(o.path, i)
	stage := 1
	for _, name := range o.projects[i].After {
		j, ok := o.byName[name]
		if !ok {
			continue // not part of this run, so there is nothing to wait for
		}
		if err := o.visit(j); err != nil {
			return err
		}
		stage = max(stage, o.stage[j]+1)
	}
	o.path = o.path[:len(o.path)-1]
	o.stage[i] = stage
	return nil
}
