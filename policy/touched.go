package policy

import "fmt"

// touched: who approved the commit approved what it changes, so nothing else is
// applied from it (T21, T23).
func touched(f Facts, p Project) Reason {
	if p.Touched {
		return good("touched", "Changed by this pull request.")
	}
	return bad("touched", fmt.Sprintf("The pull request does not change this project at %s: comment `/apply` without names, or with those of projects that it changes.", sha(f.HeadSHA)))
}
