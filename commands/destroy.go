package commands

func destroy() Spec {
	return Spec{
		Name:    NameDestroy,
		Summary: "Destroy this pull request's ephemeral environments now",
		Usage:   "/destroy [project…] [-- terraform flags]",
		Examples: []Example{
			{"/destroy", "destroys every ephemeral environment of this pull request"},
			{"/destroy network-prod", "destroys the ephemeral copy of one project"},
		},
		Details: "For a project that is not ephemeral this makes a destroy plan, where the server allows that; `/apply confirm=project` carries it out after approval.",

		Mutating: true,
		flags:    applyFlags(),
	}
}
