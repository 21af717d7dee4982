package commands

const (
	keyConfirm  = "confirm"
	keyOverride = "override"
)

func apply() Spec {
	return Spec{
		Name:    NameApply,
		Summary: "Apply the stored plans, once the gate allows it",
		Usage:   "/apply [project…] [confirm=project] [override=policy] [-- terraform flags]",
		Examples: []Example{
			{"/apply", "applies every stored plan of this pull request"},
			{"/apply network-prod", "applies the plan of one project"},
			{"/apply confirm=network-prod", "applies a plan that destroys what the server protects, by naming its project"},
			{"/apply override=policy", "applies although plan policy denies it, for those whom the server lets; everybody sees who did"},
		},
		Details: "Applies exactly the plan that was shown, never a new one, and each plan once. When something is missing, " +
			"nothing is applied and the answer lists all of it; `/why` lists it, too, and does nothing.",

		Available: true,
		Mutating:  true,
		keys:      []key{{name: keyConfirm, value: projectValue}, {name: keyOverride, value: overrideValue}},
		flags:     applyFlags(),
	}
}

// applyFlags are few because a stored plan already fixes what happens.
func applyFlags() []terraformFlag {
	return []terraformFlag{{name: "-parallelism", value: parallelismValue}}
}
