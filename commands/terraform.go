package commands

import (
	"slices"
	"strings"
)

// Tier says how dangerous a /terraform subcommand is. The zero value never
// runs.
type Tier int

const (
	// TierNever is refused, whoever asks.
	TierNever Tier = iota
	// TierRead neither changes anything nor calls a provider.
	TierRead
	// TierPlanLike calls providers and changes nothing.
	TierPlanLike
	// TierMutating changes state and passes the same gate as apply.
	TierMutating
)

func (t Tier) String() string {
	return [...]string{"never", "read", "plan-like", "mutating"}[t]
}

func terraform() Spec {
	return Spec{
		Name:    NameTerraform,
		Summary: "Run one terraform subcommand from an allow-list",
		Usage:   "/terraform <subcommand> [project…] [-- flags and arguments]",
		Examples: []Example{
			{"/terraform state list network-prod", "lists what is in the state"},
			{"/terraform state rm network-prod -- aws_s3_bucket.logs", "takes one resource out of the state"},
			{"/terraform import network-prod -- aws_s3_bucket.logs my-logs", "takes an existing resource in"},
		},
		Details: terraformDetails(),

		takes: takesSubcommand,
	}
}

// subcommand is one entry of the allow-list of /terraform.
type subcommand struct {
	name  string
	tier  Tier
	flags []terraformFlag
	// require is a flag without which the subcommand is refused.
	require string
	// arguments are the positional arguments, in order; with more set the last
	// one may be repeated or left out.
	arguments []value
	more      bool
	// because says why a TierNever subcommand is refused.
	because string
}

func subcommands() []subcommand {
	address := []value{addressValue}
	dryRun := terraformFlag{name: "-dry-run"}
	return []subcommand{
		{name: "validate", tier: TierRead},
		{name: "fmt", tier: TierRead, require: "-check", flags: []terraformFlag{{name: "-check"}, {name: "-diff"}, {name: "-recursive"}}},
		{name: "version", tier: TierRead},
		{name: "providers", tier: TierRead},
		{name: "modules", tier: TierRead},
		{name: "state list", tier: TierRead, arguments: address, more: true, flags: []terraformFlag{{name: "-id", value: wordValue}}},
		{name: "workspace list", tier: TierRead},
		{name: "workspace show", tier: TierRead},
		{name: "graph", tier: TierRead, flags: []terraformFlag{{name: "-draw-cycles"}, {name: "-type", value: graphValue}}},
		{name: "output", tier: TierRead},

		{name: "plan", tier: TierPlanLike, flags: append(planFlags(), terraformFlag{name: "-destroy"})},

		{name: "import", tier: TierMutating, arguments: []value{addressValue, wordValue}},
		{name: "state mv", tier: TierMutating, arguments: []value{addressValue, addressValue}, flags: []terraformFlag{dryRun}},
		{name: "state rm", tier: TierMutating, arguments: []value{addressValue, addressValue}, more: true, flags: []terraformFlag{dryRun}},
		{name: "taint", tier: TierMutating, arguments: address, flags: []terraformFlag{{name: "-allow-missing"}}},
		{name: "untaint", tier: TierMutating, arguments: address, flags: []terraformFlag{{name: "-allow-missing"}}},
		{name: "force-unlock", tier: TierMutating, arguments: []value{lockIDValue}},
		{name: "workspace new", tier: TierMutating, arguments: []value{workspaceValue}},
		{name: "workspace delete", tier: TierMutating, arguments: []value{workspaceValue}},
		{name: "refresh", tier: TierMutating, flags: []terraformFlag{{name: "-target", value: addressValue, repeat: true}, {name: "-parallelism", value: parallelismValue}}},
		{name: "test", tier: TierMutating},

		{name: "apply", because: "Type `/apply`, which applies the plan that was shown."},
		{name: "destroy", because: "Type `/destroy`."},
		{name: "init", because: "Every job initializes its directory by itself."},
		{name: "get", because: "Every job installs its modules by itself."},
		{name: "console", because: "It can read files of the machine that runs it."},
		{name: "show", because: "It prints values from the state. `/plan` shows what changes."},
		{name: "state show", because: "It prints values from the state. `/terraform state list` shows the addresses."},
		{name: "state pull", because: "It prints the whole state, secrets included."},
		{name: "state push", because: "It overwrites the state."},
		{name: "state replace-provider", because: "It rewrites the whole state. Do it by hand, with a backup."},
		{name: "workspace select", because: "The workspace of a project comes from `lockkeeper.yml`."},
		{name: "login", because: "Credentials come from the server's environments."},
		{name: "logout", because: "Credentials come from the server's environments."},
		{name: "metadata", because: "It says nothing about a project."},
		{name: "metadata functions", because: "It says nothing about a project."},
		{name: "providers lock", because: "Commit the lock file in the pull request."},
		{name: "providers mirror", because: "It writes files outside the project."},
		{name: "providers schema", because: "Its output does not fit a comment."},
	}
}

func findSubcommand(name string) (subcommand, bool) {
	all := subcommands()
	i := slices.IndexFunc(all, func(s subcommand) bool { return s.name == name })
	if i < 0 {
		return subcommand{}, false
	}
	return all[i], true
}

// splitSubcommand takes the longest known subcommand off the front of words.
// Without one it returns the first word, for the refusal to name.
func splitSubcommand(words []string) (name string, rest []string) {
	if len(words) >= 2 {
		if two := words[0] + " " + words[1]; isSubcommand(two) {
			return two, words[2:]
		}
	}
	if len(words) == 0 {
		return "", nil
	}
	return words[0], words[1:]
}

func isSubcommand(name string) bool {
	_, known := findSubcommand(name)
	return known
}

// parseSubcommand reads what follows /terraform before "--" and returns the
// subcommand and the words after it.
func parseSubcommand(words []string) (sub subcommand, rest []string, problem string) {
	name, rest := splitSubcommand(words)
	if name == "" {
		return sub, nil, "a terraform subcommand is missing"
	}
	sub, known := findSubcommand(name)
	if !known {
		return sub, nil, quote(name) + " is not a subcommand that can be passed on"
	}
	if sub.tier == TierNever {
		return sub, nil, quote(name) + " is never passed on. " + sub.because
	}
	return sub, rest, ""
}

// check looks at everything after "--" of this subcommand.
func (s subcommand) check(tail []string) (problem string) {
	split := slices.IndexFunc(tail, func(w string) bool { return !strings.HasPrefix(w, "-") })
	if split < 0 {
		split = len(tail)
	}
	flags, arguments := tail[:split], tail[split:]
	if problem := checkFlags(flags, s.flags); problem != "" {
		return problem
	}
	if s.require != "" && !slices.Contains(flags, s.require) {
		return "`" + s.name + "` needs `" + s.require + "` after `--`"
	}
	return s.checkArguments(arguments)
}

func (s subcommand) checkArguments(arguments []string) (problem string) {
	least := len(s.arguments)
	if s.more {
		least--
	}
	if len(arguments) < least {
		return "`" + s.name + "` needs " + s.arguments[len(arguments)].describe + " after `--`"
	}
	for i, argument := range arguments {
		if i >= len(s.arguments) && !s.more {
			return quote(argument) + " is one argument too many for `" + s.name + "`"
		}
		want := s.arguments[min(i, len(s.arguments)-1)]
		if !want.ok(argument) {
			return quote(argument) + " is not " + want.describe
		}
	}
	return ""
}

func terraformDetails() string {
	var b strings.Builder
	b.WriteString("Subcommands:\n\n")
	for _, tier := range []struct {
		Tier
		does string
	}{
		{TierRead, "Only read"},
		{TierPlanLike, "Plan without keeping the plan"},
		{TierMutating, "Change state, and pass the same gate as `/apply`"},
	} {
		b.WriteString("- " + tier.does + ": " + codeList(namesOf(tier.Tier)) + "\n")
	}
	b.WriteString("\nEverything else is refused. Flags come first after `--`, then arguments.")
	return b.String()
}

func namesOf(tier Tier) []string {
	var out []string
	for _, s := range subcommands() {
		if s.tier == tier {
			out = append(out, s.name)
		}
	}
	return out
}
