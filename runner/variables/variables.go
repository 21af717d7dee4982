// Package variables finds out which values the variables of a root module have,
// from what gives them: files, flags and the environment.
//
// Its place in the flow: a plan file holds the values that its plan was given, and an
// apply takes them from there. Programs that ran while planning can exchange them
// and no one sees it, so the runner compares the plan file with what the commit and
// the server give (Terraform itself only warns, or passes over it).
//
// It must not know jobs or plan files, and it reads no file by itself.
package variables

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/msgpack"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

// File is a file with its name, which says whether it is JSON.
type File struct {
	Name    string
	Content []byte
}

// Flag is one argument of terraform plan that gives variables: a file (-var-file), or
// NAME=VALUE (-var) where File is nil.
type Flag struct {
	File *File
	Var  string
}

// Given is everything that gives the variables of a root module their values.
type Given struct {
	Configuration []File   // that the root module consists of
	Auto          []File   // terraform.tfvars, terraform.tfvars.json, *.auto.tfvars and *.auto.tfvars.json
	Flags         []Flag   // in the order of the command line
	Environment   []string // NAME=VALUE; of others than TF_VAR_ nothing is read
}

// Values are what a plan must have recorded: of each variable that something gave a
// value, that value as Terraform encodes it.
type Values struct {
	by map[string]given
}

type given struct {
	encoded  []byte // empty when nothing gave a value
	fallback []byte // the default, which Terraform recorded before 1.1
	foreign  bool   // nothing of the commit and no flag gave it
	secret   bool   // ephemeral: no plan has it
}

const prefix = "TF_VAR_"

// Evaluate finds the values out as Terraform and OpenTofu do: the environment counts
// least, then come files that are read by themselves, then flags as they stand.
func Evaluate(g Given) (Values, error) {
	declared, err := declarations(g.Configuration)
	if err != nil {
		return Values{}, err
	}
	set := map[string]func(declaration) (cty.Value, error){}
	foreign := map[string]bool{}
	for _, v := range g.Environment {
		name, text, _ := strings.Cut(v, "=")
		if name, is := strings.CutPrefix(name, prefix); is {
			set[name], foreign[name] = ofText(name, text), true
		}
	}
	take := func(f File) error {
		values, err := ofFile(f)
		for name, v := range values {
			set[name] = func(declaration) (cty.Value, error) { return valueOf(v.Expr) }
			foreign[name] = false
		}
		return err
	}
	for _, f := range inOrder(g.Auto) {
		if err := take(f); err != nil {
			return Values{}, err
		}
	}
	for _, f := range g.Flags {
		if f.File != nil {
			if err := take(*f.File); err != nil {
				return Values{}, err
			}
			continue
		}
		name, text, _ := strings.Cut(f.Var, "=")
		set[name], foreign[name] = ofText(name, text), false
	}
	out := Values{by: map[string]given{}}
	for name, d := range declared {
		is := given{secret: d.ephemeral, fallback: d.fallback, foreign: true}
		if value, there := set[name]; there && !d.ephemeral {
			v, err := value(d)
			if err == nil {
				is.encoded, err = msgpack.Marshal(v, cty.DynamicPseudoType)
			}
			if err != nil {
				return Values{}, fmt.Errorf("reading the value of the variable %.100q: %w", name, err)
			}
			is.foreign = foreign[name]
		}
		out.by[name] = is
	}
	return out, nil
}

// Differ says in which way the values in a plan are not those that were given; empty
// when they are. of has each value as it lies in the plan. Where the environment of an
// apply is not that of its plan, what only it gave is passed over (sameEnvironment false).
func (v Values) Differ(of map[string][]byte, sameEnvironment bool) string {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		is, declared := v.by[name]
		switch {
		case !declared:
			return fmt.Sprintf("the plan has a variable %.100q, which the configuration does not have", name)
		case is.secret:
			return fmt.Sprintf("the plan has a value of the variable %.100q, which is ephemeral", name)
		case is.foreign && !sameEnvironment:
		case len(is.encoded) == 0 && (len(is.fallback) == 0 || !bytes.Equal(is.fallback, of[name])):
			return fmt.Sprintf("the plan has a value of the variable %.100q, which nothing gave it", name)
		case len(is.encoded) > 0 && !bytes.Equal(is.encoded, of[name]):
			return fmt.Sprintf("the plan has another value of the variable %.100q than it was given", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.by)) {
		if _, there := of[name]; !there && len(v.by[name].encoded) > 0 && (sameEnvironment || !v.by[name].foreign) {
			return fmt.Sprintf("the plan lacks the value of the variable %.100q", name)
		}
	}
	return ""
}

// declaration is what a root module says of a variable, as far as it matters here.
type declaration struct {
	literal   bool // a text is its value, and no expression
	ephemeral bool
	fallback  []byte
}

// ofText is the value that a text of the environment or of -var is.
func ofText(name, text string) func(declaration) (cty.Value, error) {
	return func(d declaration) (cty.Value, error) {
		if d.literal {
			return cty.StringVal(text), nil
		}
		if depth.Exceeded([]byte(text), hclsyntax.LexExpression) {
			return cty.NilVal, errDeep
		}
		expr, diags := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
		if diags.HasErrors() {
			return cty.NilVal, diags
		}
		return valueOf(expr)
	}
}

// ofFile are the values in a file.
func ofFile(f File) (hcl.Attributes, error) {
	body, err := parse(f)
	if err != nil {
		return nil, err
	}
	attributes, diags := body.JustAttributes()
	if diags.HasErrors() {
		return nil, fmt.Errorf("reading %.200q: %w", f.Name, diags)
	}
	return attributes, nil
}

// valueOf is the value of an expression that refers to nothing.
func valueOf(expr hcl.Expression) (cty.Value, error) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return v, nil
}

var errDeep = errors.New("it is nested too deep")

func parse(f File) (hcl.Body, error) {
	var file *hcl.File
	var diags hcl.Diagnostics
	switch {
	case !strings.HasSuffix(f.Name, ".json"):
		if depth.Exceeded(f.Content, hclsyntax.LexConfig) {
			return nil, fmt.Errorf("reading %.200q: %w", f.Name, errDeep)
		}
		file, diags = hclsyntax.ParseConfig(f.Content, f.Name, hcl.InitialPos)
	case !json.Valid(f.Content): // which bounds how deep it is
		return nil, fmt.Errorf("reading %.200q: it is no JSON", f.Name)
	default:
		file, diags = hcljson.Parse(f.Content, f.Name)
	}
	if diags.HasErrors() {
		return nil, fmt.Errorf("reading %.200q: %w", f.Name, diags)
	}
	return file.Body, nil
}

// inOrder sorts files as they are read: the later one counts.
func inOrder(files []File) []File {
	rank := func(f File) int {
		if i := slices.Index([]string{"terraform.tfvars", "terraform.tfvars.json"}, f.Name); i >= 0 {
			return i
		}
		return 2
	}
	return slices.SortedFunc(slices.Values(files), func(a, b File) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
}

// IsAuto reports whether a file of a root module's directory gives values by itself.
func IsAuto(name string) bool {
	base := strings.TrimSuffix(name, ".json")
	return base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars")
}
