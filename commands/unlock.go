package commands

const keyReason = "reason"

func unlock() Spec {
	return Spec{
		Name:    NameUnlock,
		Summary: "Release the locks that this pull request holds, or a named one of another",
		Usage:   `/unlock [project…] [reason="text"]`,
		Examples: []Example{
			{"/unlock", "releases every lock of this pull request"},
			{"/unlock network-prod", "releases the lock of one project"},
			{"/unlock network-prod reason=\"the author left\"", "releases the lock of another pull request, when the server lets you, or of what is applied and not merged; everybody sees why"},
		},
		Details: "The plans that the lock was for cannot be applied any more, and the next pull request in the queue gets it. " +
			"A running apply keeps its lock. What is applied and not merged needs a reason: the next plan of another pull request would undo it. " +
			"On a pull request that was merged without its apply, or closed after one, it says with a reason that this may stay so.",

		Available: true,
		// Releasing a lock lets somebody else change the same state.
		Mutating: true,
		keys:     []key{{name: keyReason, value: reasonValue}},
	}
}
