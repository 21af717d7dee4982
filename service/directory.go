package service

import (
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// placed is a project and the directory that it is in.
type placed struct{ project, dir string }

// byDirectory replaces each directory among the names that somebody typed by the
// projects in it, as project.Select does: a name with a slash is a directory, and
// another one is when no project has it. A directory in which there is nothing of own
// is looked for in others, and there a pattern is none. What is neither stays.
func byDirectory(names []string, own, others []placed) []string {
	var out []string
	for _, name := range names {
		projects := inDirectory(name, own, run.SelectedBy)
		if projects == nil {
			projects = inDirectory(name, others, func(dir string) func(string) bool { return func(typed string) bool { return typed == dir } })
		}
		if projects == nil {
			projects = []string{name}
		}
		out = append(out, projects...)
	}
	return out
}

// inDirectory is what stands for a name among the known ones; nil when they do not know
// it.
func inDirectory(name string, known []placed, matches func(of string) func(typed string) bool) (projects []string) {
	if !strings.Contains(name, "/") && slices.ContainsFunc(known, func(p placed) bool { return matches(p.project)(name) }) {
		return []string{name}
	}
	for _, p := range known {
		if matches(p.dir)(path.Clean(name)) && !slices.Contains(projects, p.project) {
			projects = append(projects, p.project)
		}
	}
	return projects
}

// lockedPlaces are the projects of h's repository that h has a lock of, those that it
// waits for, and those of which others have one.
func lockedPlaces(locks run.Locks, h run.Holder) (own, waiting, others []placed) {
	for _, l := range locks.Locks {
		dir, is := run.DirOfKey(l.Key, h.Repository.ID)
		switch {
		case l.Free() || !is:
		case l.Holder.Is(h):
			own = append(own, placed{l.Project, dir})
		default:
			others = append(others, placed{l.Project, dir})
		}
	}
	for _, w := range locks.Waiters {
		for _, p := range w.Projects {
			for _, key := range p.Keys {
				if dir, is := run.DirOfKey(key, h.Repository.ID); is && w.Holder.Is(h) {
					waiting = append(waiting, placed{p.Project, dir})
				}
			}
		}
	}
	return own, waiting, others
}

// plannedPlaces are the projects that runs are about.
func plannedPlaces(runs []run.Run) []placed {
	var out []placed
	for _, r := range runs {
		for _, j := range r.Jobs {
			out = append(out, placed{j.Document.Project.Name, path.Clean(j.Document.Project.Dir)})
		}
	}
	return out
}
