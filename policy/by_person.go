package policy

// byPerson: nothing that changes something begins by itself.
func byPerson(f Facts) Reason {
	if f.ByPerson {
		return good("by_person", "")
	}
	return bad("by_person", "A person has to ask for this: comment the command.")
}
