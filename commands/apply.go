package commands

const keyConfirm = "confirm"

func apply() Spec {
	return Spec{
		Name:    NameApply,
		Summary: "Apply the stored plans, once the gate allows it",
		Usage:   "/apply [project…] [confirm=project] [-- terraform flags]",
		Examples: []Example{
			{"/apply", "applies every stored plan of this pull request"},
			{"/apply network-prod", "applies the plan of one project"},
			{"/apply confirm=network-prod", "applies a destroy plan, by naming the project that goes away"},
		},
		Details: "Applies exactly the plan that was shown, never a new one. `/why` lists what is still missing.",

		Mutating: true,
		keys:     []key{{name: keyConfirm, value: projectValue}},
		flags:    applyFlags(),
	}
}

// applyFlags are few because a stored plan already fixes what happens.
func applyFlags() []terraformFlag {
	return []terraformFlag{{name: "-parallelism", value: parallelismValue}}
}
