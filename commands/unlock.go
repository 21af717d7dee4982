package commands

func unlock() Spec {
	return Spec{
		Name:    NameUnlock,
		Summary: "Release the locks that this pull request holds, or a named one of another",
		Usage:   "/unlock [project…]",
		Examples: []Example{
			{"/unlock", "releases every lock of this pull request"},
			{"/unlock network-prod", "releases the lock of one project, also another pull request's when the server lets you"},
		},
		Details: "The plans that the lock was for cannot be applied any more, and the next pull request in line gets it. " +
			"A running apply keeps its lock.",

		Available: true,
		// Releasing a lock lets somebody else change the same state.
		Mutating: true,
	}
}
