package policy

import (
	"fmt"
	"slices"
	"strings"
)

// among reports whether a person is one of those that a rule or CODEOWNERS
// names: a login, or a member of a team. GitHub compares logins and teams
// without regard to case. A team whose members nobody read has none, and an
// e-mail address names nobody, because GitHub does not tell whose it is.
func (f Facts) among(login string, named []string) bool {
	if login == "" {
		return false
	}
	for _, name := range named {
		name = strings.TrimPrefix(name, "@")
		people := []string{name}
		if strings.Contains(name, "/") {
			people = f.Members[strings.ToLower(name)]
		}
		if contains(people, login) {
			return true
		}
	}
	return false
}

// unseen is a sentence, with a space in front, about the teams among those named that
// GitHub does not show; empty when it shows them all.
func (f Facts) unseen(named []string, where string) string {
	gone := slices.DeleteFunc(slices.Clone(named), func(name string) bool { return !contains(f.Unseen, strings.TrimPrefix(name, "@")) })
	if len(gone) == 0 {
		return ""
	}
	return fmt.Sprintf(" %s names %s, which GitHub does not show: correct it there, or let the App read the members of its organization.", where, names(gone))
}

func contains(logins []string, login string) bool {
	return slices.ContainsFunc(logins, func(l string) bool { return strings.EqualFold(l, login) })
}

// names lists teams and logins for people, without the @ that would notify
// them.
func names(named []string) string {
	plain := make([]string, len(named))
	for i, n := range named {
		plain[i] = strings.TrimPrefix(n, "@")
	}
	return quoteAll(plain)
}

// writes reports whether a permission allows to push. It is GitHub's legacy
// value, where maintain counts as write and triage as read (REST, "Get
// repository permissions for a user").
func writes(permission string) bool { return permission == "admin" || permission == "write" }
