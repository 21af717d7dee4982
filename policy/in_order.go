package policy

import "fmt"

// inOrder: what a project builds upon is applied first, also when a command
// names only one of them.
func inOrder(_ Facts, p Project) Reason {
	if len(p.Before) == 0 {
		return good("in_order", "")
	}
	return bad("in_order", fmt.Sprintf("%s comes first and is not applied as a whole: comment `/apply` without names, or apply that first; what was planned or applied in part, plan again with `/plan`.", quoteAll(p.Before)))
}
