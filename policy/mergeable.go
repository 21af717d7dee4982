package policy

import "fmt"

// mergeable: what cannot be merged is not applied, or the base branch would
// never say what is there. It asks about conflicts alone: whether GitHub allows
// the merge depends on required checks, and lockkeeper/apply is one of them
// that stays red until something is applied.
func mergeable(f Facts) Reason {
	switch {
	case f.Conflicts:
		return bad("mergeable", fmt.Sprintf("The branch has conflicts with %s: resolve them, push, and comment `/apply` when the new plan is shown.", quote(f.BaseRef)))
	case f.Unmergeable:
		return bad("mergeable", fmt.Sprintf("GitHub has not worked out yet whether the branch merges into %s: comment the command again in a moment.", quote(f.BaseRef)))
	}
	return good("mergeable", fmt.Sprintf("The branch merges into %s without conflicts.", quote(f.BaseRef)))
}
