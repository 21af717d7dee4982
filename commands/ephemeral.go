package commands

const (
	keyTTL    = "ttl"
	keyExtend = "extend"
)

func ephemeral() Spec {
	return Spec{
		Name:    NameEphemeral,
		Summary: "Create this pull request's own copy of a project for a limited time",
		Usage:   "/ephemeral [project…] [ttl=4h | extend=2h] [-- terraform flags]",
		Examples: []Example{
			{"/ephemeral ttl=4h", "creates the copy and destroys it four hours later"},
			{"/ephemeral extend=2h", "moves the end by two hours"},
		},
		Details: "Times are a number and a unit, `m` for minutes or `h` for hours, at least `15m`. The server sets the longest time.",

		Mutating: true,
		keys: []key{
			{name: keyTTL, value: ttlValue, excludes: keyExtend},
			{name: keyExtend, value: ttlValue, excludes: keyTTL},
		},
		flags: applyFlags(),
	}
}
