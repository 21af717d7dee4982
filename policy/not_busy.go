package policy

// notBusy: one apply at a time.
func notBusy(_ Facts, p Project) Reason {
	if !p.Busy {
		return good("not_busy", "")
	}
	return bad("not_busy", "An apply is under way: wait until its result is shown.")
}
