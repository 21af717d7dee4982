package rego

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
)

// Rules is a directory of rules, compiled. It does not change.
type Rules struct {
	compiler *ast.Compiler
	data     storage.Store
	judging  []judgingRule
}

// Load reads and compiles the rules of a directory: *.rego, and as data *.json,
// *.yaml and *.yml. Names that begin with a dot, tests (*_test.rego) and other
// files are left out. As in OPA, the content of a data file is at the path of
// its directory: "teams/a.yaml" is merged into data.teams.
//
// The error is Mistakes when the rules have some; a directory without a rule
// that judges is one.
func Load(ctx context.Context, fsys fs.FS, dir string) (*Rules, error) {
	found := loader{modules: map[string]*ast.Module{}, data: map[string]any{}}
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		return found.file(fsys, dir, name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Mistakes{{File: dir, Message: "there is no such directory"}}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w", err)
	}
	if len(found.mistakes) > 0 {
		return nil, found.mistakes.orNil()
	}
	judging, mistakes := judgingRules(found.modules)
	if len(mistakes) > 0 {
		return nil, mistakes.orNil()
	}
	if len(judging) == 0 {
		return nil, Mistakes{{File: dir, Message: "there is no rule that judges: one called deny, violation or warn, such as: deny contains msg if { … }"}}
	}
	r := &Rules{data: inmem.NewFromObject(found.data), judging: judging}
	return r, r.compile(ctx, found.modules)
}

type loader struct {
	modules  map[string]*ast.Module
	data     map[string]any
	mistakes Mistakes
}

// file takes in one file. What is wrong with it becomes a mistake.
func (l *loader) file(fsys fs.FS, root, name string) error {
	take := l.module
	switch {
	case strings.HasSuffix(name, "_test.rego"):
		return nil
	case strings.HasSuffix(name, ".rego"):
	case strings.HasSuffix(name, ".json"), strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		take = func(name string, content []byte) { l.document(root, name, content) }
	default:
		return nil
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	take(name, content)
	return nil
}

// module parses Rego v1. A file that is none but good Rego v0, which most
// published rules still are, is read as that.
func (l *loader) module(name string, content []byte) {
	m, err := parse(name, content, ast.RegoV1)
	if err != nil {
		if old, oldErr := parse(name, content, ast.RegoV0); oldErr == nil {
			m, err = old, nil
		}
	}
	switch mistakes, ok := mistakesOf(err); {
	case ok:
		l.mistakes = append(l.mistakes, mistakes...)
	case err != nil:
		l.mistakes = append(l.mistakes, Mistake{File: name, Message: err.Error()})
	default:
		l.modules[name] = m
	}
}

func parse(name string, content []byte, version ast.RegoVersion) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(name, string(content), ast.ParserOptions{RegoVersion: version, Capabilities: capabilities()})
	if err == nil && m == nil {
		return nil, fmt.Errorf("the file is empty")
	}
	return m, err
}

// document merges a data file into what is there.
func (l *loader) document(root, name string, content []byte) {
	var value any
	if err := util.Unmarshal(content, &value); err != nil {
		l.mistakes = append(l.mistakes, Mistake{File: name, Message: "can be read neither as JSON nor as YAML: " + err.Error()})
		return
	}
	document, ok := value.(map[string]any)
	if !ok {
		l.mistakes = append(l.mistakes, Mistake{File: name, Message: "must hold keys with values"})
		return
	}
	at := l.data
	if dir := strings.TrimPrefix(path.Dir(name), root); dir != "" && dir != "." {
		for key := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			below, ok := at[key].(map[string]any)
			if !ok {
				l.mistakes = append(l.mistakes, Mistake{File: name, Message: fmt.Sprintf("the key %q is in another file already", key)})
				return
			}
			at = below
		}
	}
	if key, ok := merge(at, document); !ok {
		l.mistakes = append(l.mistakes, Mistake{File: name, Message: fmt.Sprintf("the key %q is in another file already", key)})
	}
}

// merge copies from into to. It stops at a key that both have and that is not
// an object in both.
func merge(to, from map[string]any) (conflict string, ok bool) {
	for key, value := range from {
		have, taken := to[key]
		if !taken {
			to[key] = value
			continue
		}
		a, isObject := have.(map[string]any)
		b, isToo := value.(map[string]any)
		if !isObject || !isToo {
			return key, false
		}
		if conflict, ok := merge(a, b); !ok {
			return key + "." + conflict, false
		}
	}
	return "", true
}

// compile checks types and references of all modules together.
func (r *Rules) compile(ctx context.Context, modules map[string]*ast.Module) error {
	txn, err := r.data.NewTransaction(ctx)
	if err != nil {
		return fmt.Errorf("reading the rules' data: %w", err)
	}
	defer r.data.Abort(ctx, txn)
	r.compiler = ast.NewCompiler().WithCapabilities(capabilities()).
		SetErrorLimit(0).WithPathConflictsCheck(storage.NonEmpty(ctx, r.data, txn))
	r.compiler.Compile(modules)
	if !r.compiler.Failed() {
		return nil
	}
	mistakes, _ := mistakesOf(r.compiler.Errors)
	return mistakes.orNil()
}
