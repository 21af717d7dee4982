package commands

import "slices"

// Spec describes one command: what it takes and what help says about it.
type Spec struct {
	Name Name
	// Summary is one line for the table of commands, without a full stop.
	Summary string
	// Usage is the shape of the command line.
	Usage    string
	Examples []Example
	// Details is Markdown for the help of this one command.
	Details string
	// Available commands run on this version of the server. The others parse,
	// stay out of help and are answered politely.
	Available bool
	// Mutating commands can change infrastructure or state. /terraform decides
	// by subcommand, see Command.Mutating.
	Mutating bool

	elsewhere bool // a word of other bots, which have it while it is not available here

	takes positional
	keys  []key
	flags []terraformFlag
}

// Example is one command line and what it does.
type Example struct{ Line, Does string }

// positional says what the bare words of a command line are.
type positional int

const (
	takesProjects positional = iota
	takesNothing
	takesTopic
	takesSubcommand
)

// All lists every command in the order in which help shows them.
func All() []Spec {
	return []Spec{
		plan(),
		apply(),
		ephemeral(),
		destroy(),
		terraform(),
		approve(),
		reject(),
		unlock(),
		cancel(),
		status(),
		why(),
		help(),
	}
}

func find(name Name) (Spec, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Spec) bool { return s.Name == name })
	if i < 0 {
		return Spec{}, false
	}
	return all[i], true
}
