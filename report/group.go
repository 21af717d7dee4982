package report

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
)

// groupNames is how many names a row shows.
const groupNames = 5

// namesOf writes the projects of a group with write; all but a few are counted
// when there are many.
func namesOf(g view.Group, write func(string) string) string {
	var out []string
	for _, s := range g.Projects {
		out = append(out, s.Project)
	}
	return fewNames(out, write)
}

// dirsOf is the directories of a group's projects whose names do not say them, in parentheses with a space in front; empty for none.
func dirsOf(g view.Group, write func(string) string) string {
	var dirs []string
	for _, s := range g.Projects {
		dir := s.Plan.Document.Project.Dir
		if !saysDir(s.Project, dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return ""
	}
	return " (" + fewNames(dirs, write) + ")"
}

// saysDir reports whether a project's name tells people its directory.
func saysDir(project, dir string) bool {
	return dir == "" || dir == "." || strings.Contains(project, strings.ToLower(path.Base(dir)))
}

// fewNames writes names; all but a few are counted when there are many.
func fewNames(names []string, write func(string) string) string {
	var out []string
	for i, one := range names {
		if i == groupNames-1 && len(names) > groupNames {
			return strings.Join(out, ", ") + " and " + number(len(names)-i) + " more"
		}
		out = append(out, write(one))
	}
	return strings.Join(out, ", ")
}

// environmentsOf writes the names of the environments, each once.
func environmentsOf(g view.Group) string {
	var out []string
	for _, s := range g.Projects {
		if e := name(s.Plan.Document.Environment.Name); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if len(out) > groupNames {
		return many(len(out), "environment")
	}
	return strings.Join(out, ", ")
}
