package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/variables"
)

// maxVariables is how many bytes of files with values of variables are read.
const maxVariables = 64 << 20

// noteGiven notes the values that the variables of the project's root module have,
// by the commit, the flags and the environment, while nothing hostile has run that
// could change them. Terraform says by itself what is wrong with them.
func (j *job) noteGiven() {
	given, err := j.givenBy()
	if err == nil {
		j.values, err = variables.Evaluate(given)
	}
	j.valuesErr = err
}

// exchangedValue says in which way the variables of a plan have other values than
// they were given; empty when they do not. The environment of an apply may be another
// one than that of its plan, whose job has compared it.
func (j *job) exchangedValue(plan planFile) string {
	if j.valuesErr != nil {
		return fmt.Sprintf("the values of variables cannot be compared with the commit: %v", j.valuesErr)
	}
	return j.values.Differ(plan.given, j.doc.Command == run.KindPlan)
}

// givenBy gathers what gives variables their values.
func (j *job) givenBy() (variables.Given, error) {
	dir := path.Clean(j.doc.Project.Dir)
	g := variables.Given{Environment: j.env}
	left := int64(maxPlanConfiguration)
	if err := j.configuration(dir, &left, func(name string, content []byte) {
		g.Configuration = append(g.Configuration, variables.File{Name: name, Content: content})
	}); err != nil {
		return g, err
	}
	left = maxVariables
	read := func(name string) (variables.File, error) {
		content, err := readLinked(j.tree, dir+"/"+name, left) // not clean: what .. means a link may decide
		left -= int64(len(content))
		return variables.File{Name: name, Content: content}, err
	}
	entries, err := fs.ReadDir(j.tree.FS(), dir)
	if err != nil {
		return g, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !variables.IsAuto(entry.Name()) {
			continue
		}
		f, err := read(entry.Name())
		if errors.Is(err, fs.ErrNotExist) { // a link that leads to nothing
			continue
		}
		if err != nil {
			return g, err
		}
		g.Auto = append(g.Auto, f)
	}
	for _, name := range j.doc.Project.VarFiles {
		f, err := read(name)
		if err != nil {
			return g, err
		}
		g.Flags = append(g.Flags, variables.Flag{File: &f})
	}
	for _, f := range j.doc.Flags {
		if name, value, _ := strings.Cut(strings.TrimLeft(f, "-"), "="); name == "var" {
			g.Flags = append(g.Flags, variables.Flag{Var: value})
		}
	}
	return g, nil
}
