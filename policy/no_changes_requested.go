package policy

// noChangesRequested: who may push and asked for changes is heard, until the
// person approves or the review is dismissed. A review of a state that is not
// known counts as one that asks for changes, and so does a permission that is
// not known as one to push. The reviews of f are the deciding ones.
func noChangesRequested(f Facts) Reason {
	var who []string
	for _, r := range f.Reviews {
		switch {
		case r.State == "APPROVED", r.State == "DISMISSED":
		case r.Permission == "read", r.Permission == "none":
		default:
			who = append(who, r.Login)
		}
	}
	if len(who) == 0 {
		return good("no_changes_requested", "Nobody with write access requests changes.")
	}
	return bad("no_changes_requested", "Changes are requested by "+quoteAll(who)+": make them and ask for approval, or have the review dismissed.")
}
