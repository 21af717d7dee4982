package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Discover says which of the root modules that are found are projects.
type Discover struct {
	Include []Include `json:"include" yaml:"include"`                     // the first that matches a directory counts
	Exclude []string  `json:"exclude,omitempty" yaml:"exclude,omitempty"` // patterns of directories that are left out, with all below
}

// Include makes projects of directories that are found. In texts with placeholders {name}, {workspace} and {environment}
// are replaced by what Dir, Each, EachFile and Cloud found.
type Include struct {
	Dir           string              `json:"dir" yaml:"dir"`                                           // pattern of directories, with placeholders
	Each          map[string][]string `json:"each,omitempty" yaml:"each,omitempty"`                     // placeholder -> values: one project of each
	EachFile      string              `json:"each_file,omitempty" yaml:"each_file,omitempty"`           // pattern of files from the repository's root, with placeholders: one project of each
	Cloud         string              `json:"cloud,omitempty" yaml:"cloud,omitempty"`                   // what the name of the cloud block's workspace is made of
	Name          string              `json:"name,omitempty" yaml:"name,omitempty"`                     // with placeholders; "": {name} or the directory, and what tells its projects apart
	Workspace     string              `json:"workspace,omitempty" yaml:"workspace,omitempty"`           // with placeholders; "": {workspace}, or default
	Environment   string              `json:"environment,omitempty" yaml:"environment,omitempty"`       // with placeholders; "": {environment}, or the server's default
	VarFiles      []string            `json:"var_files,omitempty" yaml:"var_files,omitempty"`           // with placeholders
	BackendConfig map[string]string   `json:"backend_config,omitempty" yaml:"backend_config,omitempty"` // values with placeholders
	Branch        string              `json:"branch,omitempty" yaml:"branch,omitempty"`                 // the following as in Project
	Terraform     string              `json:"terraform,omitempty" yaml:"terraform,omitempty"`
	Tofu          string              `json:"tofu,omitempty" yaml:"tofu,omitempty"`
	WhenChanged   []string            `json:"when_changed,omitempty" yaml:"when_changed,omitempty"`
	Apply         Apply               `json:"apply" yaml:"apply"`
}

// maxFound is how many projects one lockkeeper.yml can make of a commit.
const maxFound = maxProjects

// finder makes projects of the directories of a commit.
type finder struct {
	cfg   Config
	head  *Graph
	base  []File
	found []foundProject
	named map[string]bool // directories that the file names, which are left to it
	left  Problems
	apart []string // the directories that left is about
	idle  Problems // entries that make no project
}

// foundProject is a project that was found.
type foundProject struct {
	Project
	known bool // the base has it, too, or its file alone says the environment, so the pull request did not choose that
}

// find finds the projects of discover, by directory, and what is not taken although it matches.
func (cfg Config) find(ctx context.Context, base Tree, files []File, head *Graph) (*finder, error) {
	all, err := candidates(ctx, base, files, head)
	if err != nil {
		return nil, err
	}
	f := &finder{cfg: cfg, head: head, base: files, named: map[string]bool{}}
	for _, p := range cfg.Projects {
		f.named[p.Dir] = true
	}
	includes, idle := make([]*including, len(cfg.Discover.Include)), make([]bool, len(cfg.Discover.Include))
	for i, in := range cfg.Discover.Include {
		includes[i], idle[i] = newIncluding(in, head.files), true
	}
	for _, c := range all {
		if f.named[c.dir] || excluded(cfg.Discover.Exclude, c.dir) {
			continue
		}
		for i, in := range includes {
			if b, ok := in.takes(c.node); ok {
				before := len(f.found) + len(f.left)
				f.take(i, in, c, b)
				idle[i] = idle[i] && len(f.found)+len(f.left) == before
				break
			}
		}
		if len(f.found) > maxFound {
			return nil, Problems{{File: cfg.Source, Line: cfg.lines["discover"], Key: "discover", Message: fmt.Sprintf("finds more than %d projects", maxFound)}}
		}
	}
	for i, idle := range idle {
		if key := fmt.Sprintf("discover.include[%d]", i); idle && cfg.lines[key] > 0 { // else nobody wrote it
			f.idle = append(f.idle, Problem{File: cfg.Source, Line: cfg.lines[key], Key: key, Message: "makes no project: no root module is there that no entry before takes, or no file of each_file"})
		}
	}
	return f, nil
}

// candidate is a directory that is a root module if a pattern takes it.
type candidate struct {
	*node
	deleted bool // the head has it no more; the node is the base's
}

// candidates returns those of the head commit, and those of the base that the head deletes, by directory.
func candidates(ctx context.Context, base Tree, files []File, head *Graph) ([]candidate, error) {
	all := head.candidates()
	if slices.ContainsFunc(files, func(f File) bool { return isTerraform(f.Path) && !head.holds(path.Dir(f.Path)) }) {
		before, err := head.index.Graph(ctx, base)
		if err != nil {
			return nil, err
		}
		for _, c := range before.candidates() {
			if !head.holds(c.dir) {
				c.deleted = true
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return strings.Compare(a.dir, b.dir) })
	return all, nil
}

func (g *Graph) candidates() []candidate {
	var all []candidate
	for _, n := range g.nodes {
		if n.mayBeRoot() {
			all = append(all, candidate{node: n})
		}
	}
	return all
}

// including is an entry of include that is ready to be compared.
type including struct {
	Include
	dir, cloud pattern
	files      []matchedFile
}

type matchedFile struct {
	path string
	bound
}

func newIncluding(in Include, files []File) *including {
	out := &including{Include: in, dir: newPattern(in.Dir), cloud: newPattern(in.Cloud)}
	if in.EachFile != "" {
		p := newPattern(in.EachFile)
		for _, f := range files {
			if b, ok := p.match(f.Path); ok {
				out.files = append(out.files, matchedFile{f.Path, b})
			}
		}
	}
	return out
}

// takes tells that the entry is about a directory. One that its path sets apart has to be named.
func (in *including) takes(n *node) (bound, bool) {
	b, ok := in.dir.match(n.dir)
	if !ok {
		return nil, false
	}
	if apart(n.dir) == "" && (n.root || !setApart(n.dir)) {
		return b, true
	}
	for part := range strings.SplitSeq(n.dir, "/") {
		if (apart(part) != "" || (setApart(part) && !n.root)) && !in.dir.names(part) {
			return nil, false
		}
	}
	return b, true
}

// variant is one of the projects of a directory.
type variant struct {
	bound
	known bool // see foundProject
}

// take makes the projects of one directory.
func (f *finder) take(i int, in *including, c candidate, b bound) {
	if in.Cloud != "" {
		name := c.cloudName(in.Tofu != "")
		more, matches := in.cloud.match(name)
		joined, agrees := b.with(more)
		switch b = joined; {
		case name == "" || !matches:
			f.leave(i, c.dir, "has no cloud block that names a workspace like %s", quote(in.Cloud))
			return
		case !agrees:
			f.leave(i, c.dir, "says something else than its cloud block, whose workspace is %s", quote(name))
			return
		}
	}
	for _, v := range in.variants(variant{b, f.inBase(c, in.Cloud != "")}, f.base) {
		p := in.project(c.dir, v.bound)
		if wrong := checkFound(p); wrong != "" {
			f.leave(i, c.dir, "%s", wrong)
			continue
		}
		f.found = append(f.found, foundProject{p, v.known || in.saysEnvironment(v.bound)})
	}
}

// saysEnvironment tells that the environment of a project is written down in the entry: no name of a directory, of a file or of
// a cloud workspace is in it.
func (in *including) saysEnvironment(b bound) bool {
	text := in.Environment
	if _, bound := b["environment"]; bound && text == "" {
		text = "{environment}"
	}
	return !slices.ContainsFunc(held(text), func(hold string) bool { return in.Each[hold] == nil })
}

// variants multiplies by the values of each and by the files of each_file.
func (in *including) variants(first variant, base []File) []variant {
	all := []variant{first}
	for _, hold := range slices.Sorted(maps.Keys(in.Each)) {
		var next []variant
		for _, v := range all {
			for _, value := range in.Each[hold] {
				joined, _ := v.with(bound{hold: value}) // nothing else binds it
				next = append(next, variant{joined, v.known})
			}
		}
		all = next
	}
	if in.EachFile == "" {
		return all
	}
	var next []variant
	for _, v := range all {
		for _, file := range in.files {
			joined, ok := v.with(file.bound)
			_, known := fileAt(base, file.path)
			switch i := slices.IndexFunc(next, func(other variant) bool { return maps.Equal(other.bound, joined) }); {
			case !ok:
			case i >= 0:
				next[i].known = next[i].known || (known && v.known)
			default:
				next = append(next, variant{joined, known && v.known})
			}
		}
	}
	return next
}

// inBase tells that the base has the directory, with the same contents where these matter.
func (f *finder) inBase(c candidate, contents bool) bool {
	found := c.deleted
	for _, s := range c.sources {
		file, ok := fileAt(f.base, s.path)
		if contents && (!ok || file.Blob != s.blob) {
			return false
		}
		found = found || ok
	}
	return found
}

func (f *finder) leave(i int, dir, format string, args ...any) {
	key := fmt.Sprintf("discover.include[%d]", i)
	f.apart = append(f.apart, dir)
	f.left = append(f.left, Problem{File: f.cfg.Source, Line: f.cfg.lines[key], Key: key, Message: quote(dir) + " " + fmt.Sprintf(format, args...)})
}

// project fills an entry in.
func (in *including) project(dir string, b bound) Project {
	p := Project{
		Name: in.name(dir, b), Dir: dir, Workspace: b.fill(cmp.Or(in.Workspace, b["workspace"], DefaultWorkspace)), Environment: b.fill(cmp.Or(in.Environment, b["environment"])),
		Branch: in.Branch, Terraform: in.Terraform, Tofu: in.Tofu, WhenChanged: in.WhenChanged, Apply: in.Apply, Found: true,
	}
	for _, name := range in.VarFiles {
		p.VarFiles = append(p.VarFiles, b.fill(name))
	}
	for key, value := range in.BackendConfig {
		if p.BackendConfig == nil {
			p.BackendConfig = map[string]string{}
		}
		p.BackendConfig[key] = b.fill(value)
	}
	return p
}

// name is made as the entry says, or of the directory and of what tells its projects apart.
func (in *including) name(dir string, b bound) string {
	if in.Name != "" {
		return plainName(b.fill(in.Name))
	}
	name := dir
	for _, hold := range placeholders {
		switch value, known := b[hold]; {
		case !known:
		case hold == "name":
			name = value
		case b["name"] != "" || !slices.Contains(in.dir.holds, hold):
			name += "-" + value
		}
	}
	return plainName(name)
}
