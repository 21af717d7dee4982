package policy

import "fmt"

// inOrder: what a project builds upon is applied first, also when a command
// names only one of them, and when nobody knows whether there is something to apply.
func inOrder(f Facts, p Project) Reason {
	switch {
	case len(p.Before)+len(p.Unplanned) == 0:
		return good("in_order", "")
	case len(p.Unplanned) > 0:
		what := "comes first and is"
		if len(p.Unplanned) > 1 {
			what = "come first and are"
		}
		return bad("in_order", fmt.Sprintf("%s %s not planned at %s: comment `/plan`, then `/apply`, both without names.", quoteAll(p.Unplanned), what, sha(f.HeadSHA)))
	}
	return bad("in_order", fmt.Sprintf("%s comes first and is not applied as a whole: comment `/apply` without names, or apply that first; what was planned or applied in part, plan again with `/plan`.", quoteAll(p.Before)))
}
