package policy

// personAsked: nothing that changes something begins by itself.
func personAsked(f Facts) Reason {
	if f.Asked {
		return good("asked", "")
	}
	return bad("asked", "Nobody asked for this, and it does not begin by itself: comment the command.")
}
