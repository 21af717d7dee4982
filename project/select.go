package project

import "errors"

// UnknownError says that a selector names no project.
type UnknownError struct {
	Selector string
	Close    []string // names that look alike, best first; otherwise some of all names
	Total    int      // number of projects that could have been named
}

func (e *UnknownError) Error() string { return "no project is named " + e.Selector }

// Select returns the projects that the selectors name, in the order of cfg, each once.
// A selector is an exact name, or a glob with *, ? or [ ]. Nothing falls back to some
// project: a selector without a match is an *UnknownError, and no selector selects nothing.
func Select(cfg Config, selectors []string) ([]Project, error) {
	return nil, errors.New("selecting: not built yet")
}

// Order sorts projects into stages: a project stands in a later stage than each project of the list
// that it names in After. Projects of one stage may run side by side. The
// error names a cycle, which Parse refuses too.
func Order(projects []Project) ([][]Project, error) { return nil, nil }
