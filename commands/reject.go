package commands

func reject() Spec {
	return Spec{
		Name:    NameReject,
		Summary: "Stop a job that waits for approval after a merge",
		Usage:   "/reject [project…]",
		Examples: []Example{
			{"/reject", "stops every job of this pull request that waits"},
			{"/reject network-prod", "stops the job of one project"},
		},
		Details: "Nothing is applied, and the project's lock is released.",
	}
}
