package project

import (
	"fmt"
	"path"
	"slices"
)

// Keeping says whether the state of a project outlives the job that writes it.
type Keeping string

// The answers that exist.
const (
	KeepingUnknown Keeping = ""           // the commit does not tell, or Terraform will refuse it
	Kept           Keeping = "kept"       // in a backend that is somewhere else
	KeptInFile     Keeping = "file"       // in a file by an absolute path: kept where the machine outlives the job
	NoBackend      Keeping = "no_backend" // lost, because no backend is named
	RelativePath   Keeping = "relative"   // lost, because the local backend writes into the job's directory
	InMemory       Keeping = "memory"     // lost, because the backend keeps nothing
)

// Keeping tells whether the state of p outlives a job, as far as the commit and s tell. Where it is lost, why is one sentence for people.
func (g *Graph) Keeping(p Project, s Settings) (k Keeping, why Problem) {
	n := g.nodes[p.Dir]
	if n == nil || p.FromModule != "" {
		return KeepingUnknown, Problem{}
	}
	sources := n.configuration(s.Tofu)
	b, found := merged(sources)
	if !found {
		unclear := func(s source) bool { return s.Mistake != "" || len(s.Backends) > 0 }
		if len(sources) == 0 || slices.ContainsFunc(sources, unclear) || g.hasUnread(n) {
			return KeepingUnknown, Problem{}
		}
		return NoBackend, Problem{File: sources[0].path, Message: fmt.Sprintf("%s names no backend, so its state would be lost with each job; add a backend or cloud block", quote(p.Dir))}
	}
	lost := func(format string, args ...any) Problem {
		return Problem{File: b.File, Line: b.Line, Message: fmt.Sprintf(format, args...)}
	}
	if b.Type == "inmem" {
		return InMemory, lost("the backend inmem of %s keeps nothing, so its state would be lost with each job; name another backend", quote(p.Dir))
	}
	if b.Type != "local" {
		return Kept, Problem{}
	}
	key := localKey(p)
	b = b.with(s.Backend)
	switch {
	case path.IsAbs(b.Values[key]):
		return KeptInFile, Problem{}
	case slices.Contains(b.Unknown, key):
		return KeepingUnknown, Problem{}
	}
	return RelativePath, lost(
		"the local backend of %s has no absolute %s, here or from the server's config, so its state would be lost with each job; give it one, or name another backend", quote(p.Dir), key)
}

// localKey is the setting of the local backend that says where the state of p is: path is for the default workspace
// alone (Terraform language, backend "local").
func localKey(p Project) string {
	if p.Workspace != DefaultWorkspace && p.Workspace != "" {
		return "workspace_dir"
	}
	return "path"
}

// stateFile is the file by an absolute path in which the local backend has the state of p; "" when it has none, or the commit
// does not tell.
func (g *Graph) stateFile(p Project, s Settings) string {
	n := g.nodes[p.Dir]
	if n == nil || p.FromModule != "" {
		return ""
	}
	b, ok := merged(n.configuration(s.Tofu))
	if !ok || b.Type != "local" {
		return ""
	}
	key := localKey(p)
	file := b.with(s.Backend).Values[key]
	switch {
	case !path.IsAbs(file):
		return ""
	case key == "path":
		return path.Clean(file)
	}
	return path.Join(file, p.Workspace, "terraform.tfstate")
}

// hasUnread reports whether the directory has a configuration file whose content the commit does not hold, such as a link into a submodule.
func (g *Graph) hasUnread(n *node) bool {
	dir := path.Dir(n.sources[0].path) // n.dir may be another name of it
	unread := func(link string) bool {
		return path.Dir(link) == dir && isTerraform(link) && !slices.ContainsFunc(n.sources, func(s source) bool { return s.path == link })
	}
	for link := range g.links.to {
		if unread(link) {
			return true
		}
	}
	for link := range g.links.out {
		if unread(link) {
			return true
		}
	}
	return false
}
