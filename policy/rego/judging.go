package rego

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// judgingRule is a rule whose messages are the verdict.
type judgingRule struct {
	name  string // package and name, such as "main.deny"
	ref   ast.Ref
	first *ast.Location
	warns bool
}

// judges says what a rule's name makes of it: deny, violation and warn judge,
// alone or with more after an underscore. That is conftest's convention
// (https://www.conftest.dev, "Evaluating policies").
func judges(name string) (warns, yes bool) {
	name, _, _ = strings.Cut(name, "_")
	return name == "warn", name == "deny" || name == "violation" || name == "warn"
}

// judgingRules finds them in every package. One that is no set of messages is a
// mistake: it would pass whatever it says. Such is deny := false, and in Rego v1
// deny[msg] if { … }, which makes an object.
func judgingRules(modules map[string]*ast.Module) (rules []judgingRule, mistakes Mistakes) {
	byName := map[string]judgingRule{}
	for _, m := range modules {
		for _, rule := range m.Rules {
			ref := rule.Head.Ref()
			name := ref[0].Value.String()
			warns, yes := judges(name)
			if !yes {
				continue
			}
			if len(ref) > 1 || rule.Head.RuleKind() != ast.MultiValue {
				mistakes = append(mistakes, mistakeAt(rule.Location, fmt.Sprintf(
					"%s must be a set of messages: write %s contains msg if { … }, or give what is none another name", name, name)))
				continue
			}
			full := m.Package.Path.Append(ast.StringTerm(name))
			found := judgingRule{name: strings.TrimPrefix(full.String(), "data."), ref: full, first: rule.Location, warns: warns}
			if have, ok := byName[found.name]; !ok || found.first.Compare(have.first) < 0 {
				byName[found.name] = found
			}
		}
	}
	for _, rule := range byName {
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b judgingRule) int { return cmp.Compare(a.name, b.name) })
	return rules, mistakes
}
