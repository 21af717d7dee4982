package project

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/selector"
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
// What a selector means says package selector: an exact name or directory, which is that of every project in it, or a pattern.
// Nothing falls back to some project: a selector without a match is an *UnknownError, and no selector selects nothing.
func Select(cfg Config, selectors []string) ([]Project, error) {
	items := make([]selector.Item, len(cfg.Projects))
	for i, p := range cfg.Projects {
		items[i] = selector.Item{Name: p.Name, Dir: p.Dir}
	}
	wanted := make([]bool, len(cfg.Projects))
	for _, typed := range selectors {
		found, err := selector.Select(typed, items)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, unknown(cfg, typed)
		}
		for _, i := range found {
			wanted[i] = true
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

func unknown(cfg Config, typed string) *UnknownError {
	const most = 5
	wanted := typed
	names := make([]string, len(cfg.Projects))
	for i, p := range cfg.Projects {
		names[i] = p.Name
	}
	if strings.Contains(typed, "/") {
		wanted = strings.Trim(path.Clean(typed), "/")
		for i, p := range cfg.Projects {
			names[i] = p.Dir
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	near := yamlfile.Closest(wanted, names, most)
	for _, name := range names {
		if len(near) < most && len(wanted) >= 3 && strings.Contains(name, strings.ToLower(wanted)) && !slices.Contains(near, name) {
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
