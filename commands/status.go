package commands

func status() Spec {
	return Spec{
		Name:    NameStatus,
		Summary: "Show what is running, waiting and planned on this pull request",
		Usage:   "/status [project…]",
		Examples: []Example{
			{"/status", "shows every project of this pull request"},
			{"/status network-prod", "shows one project"},
		},
		Details: "It only reads, and starts nothing.",

		Available: true,
	}
}
