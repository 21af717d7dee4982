package policy

// noChangesRequested: who may push and requested changes is heard, until the
// person approves or the review is dismissed. A review of a state that is not
// known counts as one that asks for changes. The reviews of f are the deciding
// ones.
func noChangesRequested(f Facts) Reason {
	var who []string
	for _, r := range f.Reviews {
		switch {
		case r.State == "APPROVED", r.State == "DISMISSED":
		case !Heard(r.Permission):
		default:
			who = append(who, r.Login)
		}
	}
	if len(who) == 0 {
		return good("no_changes_requested", "Nobody with write access requests changes.")
	}
	return bad("no_changes_requested", "Changes are requested by "+quoteAll(who)+": make them and ask for approval, or have the review dismissed.")
}

// Heard reports whether a request for changes by somebody with a permission on
// the repository counts. One that is not known counts as one to push.
func Heard(permission string) bool { return permission != "read" && permission != "none" }
