package commands

func plan() Spec {
	return Spec{
		Name:    NamePlan,
		Summary: "Plan the projects that this pull request changes, or those named",
		Usage:   "/plan [project…] [-- terraform flags]",
		Examples: []Example{
			{"/plan", "plans every project that this pull request changes"},
			{"/plan network-prod", "plans one project"},
			{"/plan network-*", "plans the projects whose name matches"},
			{"/plan network-prod -- -target=module.vpc -refresh=false", "passes flags to terraform"},
		},
		Details: "A plan changes nothing and takes the locks of its projects, so that nobody else changes them before you apply. When " +
			"another pull request has them, you wait in the queue and are planned again when it is your turn. " +
			"A new push cancels the plans of older commits and plans again automatically. " +
			"A plan with `-target`, `-refresh-only` or `-refresh=false` is a partial one: it can be applied, and `lockkeeper/apply` waits for a whole plan.",

		Available: true,
		flags:     planFlags(),
	}
}

// planFlags change what a plan looks at and nothing else. Flags that only
// change text (-compact-warnings, -no-color) are left out because the comment
// is made from the plan's JSON.
func planFlags() []terraformFlag {
	return []terraformFlag{
		{name: "-target", value: addressValue, repeat: true},
		{name: "-replace", value: addressValue, repeat: true},
		{name: "-refresh", value: falseValue},
		{name: "-refresh-only"},
		{name: "-parallelism", value: parallelismValue},
	}
}
