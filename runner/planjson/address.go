package planjson

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// key is the index of an instance: nil, an int or a string.
type key any

// call is one instance of a module.
type call struct {
	name string
	key  key
}

// address is that of an instance of a resource.
type address struct {
	text             string
	modules          []call
	mode, kind, name string
	key              key
}

// module is the address of the module that it is in; empty for the root module.
func (a address) module() string { return moduleText(a.modules) }

func moduleText(modules []call) string {
	var b strings.Builder
	for i, m := range modules {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString("module." + m.name + keyText(m.key))
	}
	return b.String()
}

// maxAddress is how many bytes an address may have.
const maxAddress = 64 << 10

// parseAddress reads the address of an instance, written as Terraform writes it.
func parseAddress(text string) (address, error) {
	a := address{text: text, mode: "managed"}
	steps, err := stepsOf(text)
	if err != nil {
		return a, err
	}
	a.modules, steps = modulesOf(steps)
	if len(steps) == 3 && steps[0] == (call{name: "data"}) {
		a.mode, steps = "data", steps[1:]
	}
	if len(steps) != 2 || steps[0].key != nil {
		return a, fmt.Errorf("%.200q is no address of a resource", text)
	}
	a.kind, a.name, a.key = steps[0].name, steps[1].name, steps[1].key
	again := a.kind + "." + a.name + keyText(a.key)
	if a.mode == "data" {
		again = "data." + again
	}
	if m := a.module(); m != "" {
		again = m + "." + again
	}
	if again != text || a.mode == "managed" && slices.Contains([]string{"module", "data", "ephemeral", "resource"}, a.kind) {
		return a, fmt.Errorf("%.200q is no address of a resource", text)
	}
	return a, nil
}

// stepsOf reads names with their keys.
func stepsOf(text string) ([]call, error) {
	if len(text) > maxAddress {
		return nil, fmt.Errorf("%.200q is too long for an address", text)
	}
	traversal, diags := hclsyntax.ParseTraversalAbs([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%.200q is no address", text)
	}
	var out []call
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			out = append(out, call{name: step.Name})
		case hcl.TraverseAttr:
			out = append(out, call{name: step.Name})
		case hcl.TraverseIndex:
			last := &out[len(out)-1]
			k, ok := keyOf(step.Key)
			if !ok || last.key != nil {
				return nil, fmt.Errorf("%.200q is no address", text)
			}
			last.key = k
		default:
			return nil, fmt.Errorf("%.200q is no address", text)
		}
	}
	return out, nil
}

// modulesOf takes the calls of modules from the beginning of an address.
func modulesOf(steps []call) (modules, rest []call) {
	for len(steps) >= 2 && steps[0] == (call{name: "module"}) {
		modules, steps = append(modules, steps[1]), steps[2:]
	}
	return modules, steps
}

// parseModule reads the address of a module; empty for the root module.
func parseModule(text string) ([]call, error) {
	if text == "" {
		return nil, nil
	}
	steps, err := stepsOf(text)
	if err != nil {
		return nil, err
	}
	modules, rest := modulesOf(steps)
	if len(rest) > 0 || moduleText(modules) != text {
		return nil, fmt.Errorf("%.200q is no address of a module", text)
	}
	return modules, nil
}

func keyOf(v cty.Value) (key, bool) {
	switch {
	case v.IsNull() || !v.IsKnown():
	case v.Type() == cty.String:
		return v.AsString(), true
	case v.Type() == cty.Number:
		if n, exact := v.AsBigFloat().Int64(); exact == 0 && int64(int(n)) == n {
			return int(n), true
		}
	}
	return nil, false
}

// keyText is the end of an address.
func keyText(k key) string {
	switch k := k.(type) {
	case int:
		return fmt.Sprintf("[%d]", k)
	case string:
		return "[" + quoted(k) + "]"
	}
	return ""
}

// quoted is a string in Terraform's language.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteString(string(r) + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 1<<16:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// compareAddresses is Terraform's order.
func compareAddresses(a, b address) int {
	return cmp.Or(compareModules(a.modules, b.modules), compareNames(a, b), compareKeys(a.key, b.key))
}

// compareNames puts data sources first.
func compareNames(a, b address) int {
	return cmp.Or(cmp.Compare(a.mode, b.mode), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}

func compareModules(a, b []call) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	for i := range a {
		if by := cmp.Or(cmp.Compare(a[i].name, b[i].name), compareKeys(a[i].key, b[i].key)); by != 0 {
			return by
		}
	}
	return 0
}

// compareKeys puts none before numbers, and those before text.
func compareKeys(a, b key) int {
	rank := func(k key) (rank, number int, text string) {
		switch k := k.(type) {
		case int:
			return 1, k, ""
		case string:
			return 2, 0, k
		}
		return 0, 0, ""
	}
	ra, na, ta := rank(a)
	rb, nb, tb := rank(b)
	return cmp.Or(cmp.Compare(ra, rb), cmp.Compare(na, nb), cmp.Compare(ta, tb))
}

// providerOf is the provider of a configuration of one, such as
// registry.terraform.io/hashicorp/aws of provider["registry.terraform.io/hashicorp/aws"].west.
// It is no regular expression because those would be compiled at every start of a runner.
func providerOf(text string) (string, error) {
	rest, ok := text, true
	for ok && strings.HasPrefix(rest, "module.") {
		var name string
		name, rest, ok = strings.Cut(strings.TrimPrefix(rest, "module."), ".")
		ok = ok && plainName(name)
	}
	rest, is := strings.CutPrefix(rest, `provider["`)
	source, alias, closed := strings.Cut(rest, `"]`)
	parts := strings.Split(source, "/")
	ok = ok && is && closed && len(parts) == 3 && !slices.ContainsFunc(parts, func(p string) bool { return !plainName(p) })
	if alias != "" {
		name, dotted := strings.CutPrefix(alias, ".")
		ok = ok && dotted && plainName(name) && !strings.Contains(name, ".")
	}
	if !ok {
		return "", fmt.Errorf("%.200q is no address of a provider", text)
	}
	return source, nil
}

// plainName reports whether nothing in a name has a meaning of its own.
func plainName(s string) bool { return s != "" && !strings.ContainsAny(s, "\"\\[]/ ") }
