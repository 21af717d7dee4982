package commands

func why() Spec {
	return Spec{
		Name:    NameWhy,
		Summary: "Show every reason for and against applying, for you, without doing anything",
		Usage:   "/why [project…]",
		Examples: []Example{
			{"/why", "explains every project of this pull request"},
			{"/why network-prod", "explains one project"},
		},
		Details: "It only reads, and starts nothing.",

		Available: true,
	}
}
