package policy

import (
	"fmt"
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper/selector"
)

// protected: a resource of a type that the server protects is not destroyed or
// replaced in passing.
func protected(f Facts, p Project) Reason {
	addresses := p.protectedChanges()
	if len(addresses) == 0 {
		return good("protected", "")
	}
	gone := fmt.Sprintf("The plan destroys or replaces %s, of protected types", quoteAll(addresses))
	if confirmed(f, p) {
		return exception("protected", fmt.Sprintf("%s, which %s confirmed.", gone, quote(f.Actor)))
	}
	counted, not := approvers(f, p)
	have, want := len(counted), p.Rules.ProtectedApprovals
	switch {
	case want > 0 && have >= want:
		return good("protected", fmt.Sprintf("%s, with %s.", gone, count(have, "approval")))
	case want > 0:
		return bad("protected", fmt.Sprintf("%s: comment %s, or get %s (there are %d).", gone, confirm(p), count(want, "approval"), have)+behind(approveAgain(not)))
	}
	return bad("protected", fmt.Sprintf("%s: comment %s.", gone, confirm(p)))
}

// confirmed reports whether the command names p as one of which it knows that something is
// destroyed: by its name, or by a directory that is of no other project of the command. A
// pattern names none.
func confirmed(f Facts, p Project) bool {
	items := make([]selector.Item, len(f.Projects))
	for i, x := range f.Projects {
		items[i] = selector.Item{Name: x.Name, Dir: path.Clean(x.Dir)}
	}
	named := selector.Exact(f.Confirm, items)
	return f.Confirm != "" && (f.Confirm == p.Name || len(named) == 1 && f.Projects[named[0]].Name == p.Name)
}

func confirm(p Project) string { return quote("/apply " + p.Name + " confirm=" + p.Name) }

// protectedChanges lists addresses. A pattern that cannot be read protects
// everything.
func (p Project) protectedChanges() []string {
	if p.Plan == nil {
		return nil
	}
	var out []string
	for _, c := range p.Plan.Changes {
		if slices.ContainsFunc(p.Rules.Protected, func(pattern string) bool {
			ok, err := path.Match(pattern, c.Type)
			return ok || err != nil
		}) {
			out = append(out, c.Address)
		}
	}
	return out
}
