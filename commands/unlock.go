package commands

func unlock() Spec {
	return Spec{
		Name:    NameUnlock,
		Summary: "Release the locks that this pull request holds",
		Usage:   "/unlock [project…]",
		Examples: []Example{
			{"/unlock", "releases every lock of this pull request"},
			{"/unlock network-prod", "releases the lock of one project"},
		},
		Details: "The stored plans of those projects are thrown away. A running apply keeps its lock.",

		// Releasing a lock lets somebody else change the same state.
		Mutating: true,
	}
}
