package policy

import "fmt"

// planFiles: an apply gets what its plan got. Without a file that planning made it
// would fail in the middle, or make something else.
func planFiles(_ Facts, p Project) Reason {
	if p.Plan == nil || p.Plan.Missed == 0 {
		return good("plan_files", "")
	}
	shown := make([]string, 0, listed)
	for _, m := range p.Plan.Missing[:min(len(p.Plan.Missing), listed)] {
		shown = append(shown, fmt.Sprintf("%s (%s)", quote(m.Name), m.Why.Words()))
	}
	what := andMore(shown, p.Plan.Missed)
	if len(shown) == 0 {
		what = count(p.Plan.Missed, "file")
	}
	return bad("plan_files", fmt.Sprintf("The apply would miss what planning made or changed, %s: have programs make new files of at most 64 MiB together, "+
		"and in `$TMPDIR` what only the plan needs, and push.", what))
}
