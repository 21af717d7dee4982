package commands

func cancel() Spec {
	return Spec{
		Name:    NameCancel,
		Summary: "Stop what is running or waiting on this pull request",
		Usage:   "/cancel",
		Examples: []Example{
			{"/cancel", "stops every job of this pull request"},
		},
		Details: "Terraform is asked to stop and gets time to do so. An apply that is stopped has changed some resources and not " +
			"others: its locks stay, and `/plan` shows what is left to do.",

		Available: true,
		takes:     takesNothing,
	}
}
