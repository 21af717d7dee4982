package project

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// config reads the top of lockkeeper.yml.
func (r *reader) config(n ast.Node) Config {
	cfg := Config{Projects: []Project{}}
	r.Mapping(n, "", map[string]yamlfile.Read{
		"version": func(n ast.Node, key string) {
			if v, _ := yamlfile.Scalar(n); v != "1" || yamlfile.Kind(n) != "a number" {
				r.Note(yamlfile.Line(n), key, "must be 1")
			}
			cfg.Version = 1
		},
		"discover": func(n ast.Node, key string) {
			cfg.Discover = r.discover(n, key)
		},
		"projects": func(n ast.Node, key string) {
			r.Items(n, key, maxProjects, func(item ast.Node, key string) {
				cfg.Projects = append(cfg.Projects, r.project(item, key))
			})
		},
	})
	r.Require(n, "", "version")
	if cfg.Discover == nil {
		r.Require(n, "", "projects")
	}
	return cfg
}

func (r *reader) project(n ast.Node, key string) Project {
	p := Project{Workspace: DefaultWorkspace, Apply: BeforeMerge}
	apply := string(p.Apply)
	r.Mapping(n, key, map[string]yamlfile.Read{
		"name":           r.text(&p.Name, checkName),
		"dir":            r.text(&p.Dir, checkDir),
		"workspace":      r.text(&p.Workspace, checkWorkspace),
		"environment":    r.text(&p.Environment, checkEnvironment),
		"branch":         r.text(&p.Branch, checkBranch),
		"terraform":      r.text(&p.Terraform, checkVersion),
		"tofu":           r.text(&p.Tofu, checkVersion),
		"var_files":      r.texts(&p.VarFiles, checkPath),
		"backend_config": r.scalars(&p.BackendConfig, checkIdentifier, checkPlainText),
		"when_changed":   r.texts(&p.WhenChanged, checkGlob),
		"after":          r.texts(&p.After, checkName),
		"apply":          r.text(&apply, checkApply),
		"from_module":    r.text(&p.FromModule, checkModuleSource),
	})
	r.Require(n, key, "name", "dir")
	p.Dir, p.Apply = cleanDir(p.Dir), Apply(apply)
	if p.Terraform != "" && p.Tofu != "" {
		r.Note(r.Lines[yamlfile.Join(key, "tofu")], yamlfile.Join(key, "tofu"), "cannot stand together with terraform; keep one of them")
	}
	r.pathsStay(key, p)
	return p
}

// everyDirectory is what include is when it is not given.
var everyDirectory = Include{Dir: "**", Apply: BeforeMerge}

func (r *reader) discover(n ast.Node, key string) *Discover {
	d := &Discover{}
	r.Mapping(n, key, map[string]yamlfile.Read{
		"include": func(n ast.Node, key string) {
			d.Include = []Include{}
			r.Items(n, key, maxListItems, func(item ast.Node, key string) {
				d.Include = append(d.Include, r.include(item, key))
			})
		},
		"exclude": r.texts(&d.Exclude, checkExclude),
	})
	if d.Include == nil {
		d.Include = []Include{everyDirectory}
	}
	return d
}

// include reads an entry, which may be the pattern alone.
func (r *reader) include(n ast.Node, key string) Include {
	in := Include{Apply: BeforeMerge}
	if _, ok := yamlfile.Scalar(n); ok {
		r.text(&in.Dir, checkPattern)(n, key)
		return in
	}
	apply := string(in.Apply)
	r.Mapping(n, key, map[string]yamlfile.Read{
		"dir":            r.text(&in.Dir, checkPattern),
		"each":           r.each(&in.Each),
		"each_file":      r.text(&in.EachFile, checkPattern),
		"cloud":          r.text(&in.Cloud, checkCloud),
		"name":           r.text(&in.Name, checkFilled(checkName)),
		"workspace":      r.text(&in.Workspace, checkFilled(checkWorkspace)),
		"environment":    r.text(&in.Environment, checkFilled(checkEnvironment)),
		"var_files":      r.texts(&in.VarFiles, checkFilled(checkPath)),
		"backend_config": r.scalars(&in.BackendConfig, checkIdentifier, checkFilled(checkPlainText)),
		"branch":         r.text(&in.Branch, checkBranch),
		"terraform":      r.text(&in.Terraform, checkVersion),
		"tofu":           r.text(&in.Tofu, checkVersion),
		"when_changed":   r.texts(&in.WhenChanged, checkGlob),
		"apply":          r.text(&apply, checkApply),
	})
	r.Require(n, key, "dir")
	in.Apply = Apply(apply)
	if in.Terraform != "" && in.Tofu != "" {
		r.Note(r.Lines[yamlfile.Join(key, "tofu")], yamlfile.Join(key, "tofu"), "cannot stand together with terraform; keep one of them")
	}
	r.placeholders(key, in)
	return in
}

// each reads the values of placeholders.
func (r *reader) each(to *map[string][]string) yamlfile.Read {
	return func(n ast.Node, key string) {
		values := map[string]*[]string{"name": {}, "workspace": {}, "environment": {}}
		r.Mapping(n, key, map[string]yamlfile.Read{
			"name":        r.texts(values["name"], checkName),
			"workspace":   r.texts(values["workspace"], checkWorkspace),
			"environment": r.texts(values["environment"], checkEnvironment),
		})
		*to = map[string][]string{}
		for name, list := range values {
			if at := yamlfile.Join(key, name); r.Lines[at] != 0 {
				(*to)[name] = *list
				if len(*list) == 0 {
					r.Note(r.Lines[at], at, "is empty; give at least one value")
				}
			}
		}
	}
}

// placeholders notes those that nothing binds, that are bound twice, and those without which projects would share a workspace.
func (r *reader) placeholders(key string, in Include) {
	note := func(name, format string, args ...any) {
		at := yamlfile.Join(key, name)
		r.Note(cmp.Or(r.Lines[at], r.Lines[key]), at, format, args...)
	}
	binds := slices.Concat(held(in.Dir), held(in.Cloud), held(in.EachFile))
	for name := range in.Each {
		if slices.Contains(binds, name) {
			note("each."+name, "{%s} comes from a pattern already", name)
		}
		binds = append(binds, name)
	}
	uses := map[string]string{"name": in.Name, "workspace": in.Workspace, "environment": in.Environment}
	for i, text := range in.VarFiles {
		uses[fmt.Sprintf("var_files[%d]", i)] = text
	}
	for name, text := range in.BackendConfig {
		uses["backend_config."+name] = text
	}
	for _, at := range slices.Sorted(maps.Keys(uses)) {
		for _, hold := range held(uses[at]) {
			if !slices.Contains(binds, hold) {
				note(at, "nothing says what {%s} stands for; dir, each, each_file or cloud can", hold)
			}
		}
	}
	workspace := cmp.Or(in.Workspace, "{workspace}")
	for _, hold := range slices.Concat(slices.Sorted(maps.Keys(in.Each)), held(in.EachFile)) {
		if !slices.Contains(held(in.Dir), hold) && !slices.Contains(held(in.Cloud), hold) && !slices.Contains(held(workspace), hold) {
			note("workspace", "does not contain {%s}, so all projects of a directory would have one state; a directory and workspace belong to one project", hold)
		}
	}
}

// checkFilled checks a text with placeholders as if they stood for letters.
func checkFilled(ok check) check {
	return func(v string) string {
		if wrong := checkHolds(v); wrong != "" {
			return wrong
		}
		return ok(placeholder.ReplaceAllString(v, "x"))
	}
}

// checkCloud accepts how the name of an HCP Terraform workspace is made.
func checkCloud(v string) string {
	switch names := held(v); {
	case checkHolds(v) != "":
		return checkHolds(v)
	case len(names) == 0:
		return "has no placeholder"
	case !isWorkspace(placeholder.ReplaceAllString(v, "x")):
		return "is no name of a workspace with placeholders"
	case len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names):
		return "has a placeholder twice"
	}
	return ""
}

// pathsStay notes paths that, taken from the project's directory, leave the repository.
func (r *reader) pathsStay(key string, p Project) {
	if p.Dir == "" {
		return // already noted
	}
	lists := map[string][]string{"var_files": p.VarFiles, "when_changed": p.WhenChanged}
	for name, paths := range lists {
		for i, at := range (Config{lines: r.Lines, refused: r.Problems}).places(yamlfile.Join(key, name), len(paths)) {
			path := paths[i]
			if _, ok := within(p.Dir, globOf(path)); !ok {
				r.Note(r.Lines[at], at, "%s leaves the repository when taken from %s", quote(path), quote(p.Dir))
			}
		}
	}
}
