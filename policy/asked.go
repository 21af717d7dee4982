package policy

// personAsked: nothing that changes something begins by itself.
func personAsked(f Facts) Reason {
	if f.Asked {
		return good("asked", "")
	}
	return bad("asked", "A person has to ask for this: comment the command.")
}
