package commands

func approve() Spec {
	return Spec{
		Name:    NameApprove,
		Summary: "Let a job go on that waits for approval after a merge",
		Usage:   "/approve [project…]",
		Examples: []Example{
			{"/approve", "approves every job of this pull request that waits"},
			{"/approve network-prod", "approves the job of one project"},
		},
		Details: "This answers a waiting job. It is not a review of the pull request.",

		elsewhere: true, // Prow's approve plugin
		// An approved job applies, so the answer passes the same gate.
		Mutating: true,
	}
}
