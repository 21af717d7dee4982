package policy

import (
	"fmt"
	"strings"
)

// own is how the names of this server's check runs begin. One of them waits for
// the apply, so waiting for it here would be for ever.
const own = "lockkeeper/"

// checksGreen: what the server requires to be green is. A name that several
// apps use has to be green of each.
func checksGreen(f Facts, p Project) Reason {
	var wrong, required []string
	for _, name := range p.Rules.RequiredChecks {
		if strings.HasPrefix(name, own) {
			continue
		}
		required = append(required, name)
		if state := f.check(name); state != "" {
			wrong = append(wrong, quote(name)+" "+state)
		}
	}
	switch {
	case len(wrong) > 0:
		return bad("checks", fmt.Sprintf("Required checks are not green on %s (%s): make them green, then comment `/apply`.",
			sha(f.HeadSHA), andMore(wrong[:min(len(wrong), listed)], len(wrong))))
	case len(required) > 0:
		return good("checks", fmt.Sprintf("Required checks are green: %s.", quoteAll(required)))
	}
	return good("checks", "")
}

// check says how a check is not green; it is empty when it is.
func (f Facts) check(name string) string {
	state := "is missing"
	for _, c := range f.Checks {
		switch {
		case c.Name != name:
			continue
		case c.Status != "completed":
			return "has not ended"
		case c.Conclusion != "success" && c.Conclusion != "neutral" && c.Conclusion != "skipped":
			return "ended with " + quote(c.Conclusion)
		}
		state = ""
	}
	return state
}
