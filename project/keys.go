package project

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// config reads the top of lockkeeper.yml.
func (r *reader) config(n ast.Node) Config {
	cfg := Config{Projects: []Project{}}
	r.mapping(n, "", map[string]readKey{
		"version": func(n ast.Node, key string) {
			if v, _ := scalarOf(n); v != "1" || kindOf(n) != "a number" {
				r.note(lineOf(n), key, "must be 1")
			}
			cfg.Version = 1
		},
		"projects": func(n ast.Node, key string) {
			r.items(n, key, maxProjects, func(item ast.Node, key string) {
				cfg.Projects = append(cfg.Projects, r.project(item, key))
			})
		},
	})
	r.require(n, "", "version", "projects")
	return cfg
}

func (r *reader) project(n ast.Node, key string) Project {
	p := Project{Workspace: DefaultWorkspace, Apply: BeforeMerge}
	apply := string(p.Apply)
	r.mapping(n, key, map[string]readKey{
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
		"ephemeral": func(n ast.Node, key string) {
			p.Ephemeral = r.ephemeral(n, key)
		},
		"build": func(n ast.Node, key string) {
			p.Build = r.build(n, key)
		},
	})
	r.require(n, key, "name", "dir")
	p.Dir, p.Apply = cleanDir(p.Dir), Apply(apply)
	if p.Terraform != "" && p.Tofu != "" {
		r.note(r.lines[join(key, "tofu")], join(key, "tofu"), "cannot stand together with terraform; keep one of them")
	}
	r.pathsStay(key, p)
	return p
}

func (r *reader) ephemeral(n ast.Node, key string) *Ephemeral {
	e := &Ephemeral{}
	r.mapping(n, key, map[string]readKey{
		"environment": r.text(&e.Environment, checkEnvironment),
		"var_files":   r.texts(&e.VarFiles, checkPath),
		"default_ttl": r.duration(&e.DefaultTTL),
	})
	r.require(n, key, "environment")
	return e
}

func (r *reader) build(n ast.Node, key string) *Build {
	b := &Build{}
	r.mapping(n, key, map[string]readKey{
		"codebuild_project": r.text(&b.CodebuildProject, checkCodebuildProject),
		"image_variable":    r.text(&b.ImageVariable, checkIdentifier),
	})
	r.require(n, key, "codebuild_project", "image_variable")
	return b
}

func (r *reader) duration(to *Duration) readKey {
	return func(n ast.Node, key string) {
		var value string
		r.text(&value, checkTTL)(n, key)
		if value != "" {
			*to, _ = parseTTL(value)
		}
	}
}

// pathsStay notes paths that, taken from the project's directory, leave the repository.
func (r *reader) pathsStay(key string, p Project) {
	if p.Dir == "" {
		return // already noted
	}
	lists := map[string][]string{"var_files": p.VarFiles, "when_changed": p.WhenChanged}
	if p.Ephemeral != nil {
		lists["ephemeral.var_files"] = p.Ephemeral.VarFiles
	}
	for name, paths := range lists {
		for i, path := range paths {
			if _, ok := within(p.Dir, globOf(path)); !ok {
				at := fmt.Sprintf("%s.%s[%d]", key, name, i)
				r.note(r.lines[at], at, "%s leaves the repository when taken from %s", quote(path), quote(p.Dir))
			}
		}
	}
}
