package policy

import (
	"fmt"
	"path"
	"slices"
)

// TrustedBase: what grants power is read from the base branch, so the author
// must not choose it among all branches (T08). Case matters, as for git.
func TrustedBase(f Facts) Reason {
	trusted := f.Branches
	if len(trusted) == 0 && f.DefaultBranch != "" {
		trusted = []string{literal(f.DefaultBranch)}
	}
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, f.BaseRef)
		return err == nil && ok
	}
	if f.BaseRef != "" && slices.ContainsFunc(trusted, matches) {
		return good("trusted_base", "")
	}
	if len(f.Branches) == 0 {
		trusted = []string{f.DefaultBranch}
	}
	r := bad("trusted_base", fmt.Sprintf("This pull request goes into %s, and Lockkeeper works only for those into %s, because it takes its rules from the base: choose such a base, "+
		"or have the server's config list this one in `branches` if GitHub protects it.", quote(f.BaseRef), quoteAll(trusted)))
	r.Silent = !f.ByPerson
	return r
}

// literal is the pattern that matches a name and nothing else.
func literal(name string) string {
	var out []rune
	for _, c := range name {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
