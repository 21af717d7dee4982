package policy

import "fmt"

// settled: what is being made again is not applied as it was (T23).
func settled(_ Facts, p Project) Reason {
	if len(p.Running) == 0 {
		return good("settled", "")
	}
	return bad("settled", fmt.Sprintf("%s is under way: wait until the result is shown, then comment `/apply`.", quoteAll(p.Running)))
}
