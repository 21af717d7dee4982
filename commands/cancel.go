package commands

func cancel() Spec {
	return Spec{
		Name:    NameCancel,
		Summary: "Stop what is running or waiting on this pull request",
		Usage:   "/cancel [project…]",
		Examples: []Example{
			{"/cancel", "stops every job of this pull request"},
			{"/cancel network-prod", "stops the job of one project"},
		},
		Details: "Terraform is asked to stop and gets time to do so.",

		Available: true,
	}
}
