// Package commands turns the text of a pull request comment into one Command.
//
// Its place in the flow: server hands it the body of a newly created comment
// and gets back a command to carry out, a reply to post, or silence. The
// package is pure. It must not know who wrote the comment, on which repository
// or whether it may run: whether an author is a bot, a comment is an edit or a
// project exists is decided by others.
package commands

import "time"

// Name is the word after the slash.
type Name string

// The names of all commands, available or not.
const (
	NamePlan      Name = "plan"
	NameApply     Name = "apply"
	NameEphemeral Name = "ephemeral"
	NameDestroy   Name = "destroy"
	NameTerraform Name = "terraform"
	NameApprove   Name = "approve"
	NameReject    Name = "reject"
	NameUnlock    Name = "unlock"
	NameCancel    Name = "cancel"
	NameStatus    Name = "status"
	NameWhy       Name = "why"
	NameHelp      Name = "help"
)

// Command is one well-formed command line. Everything in it has passed the
// grammar of its command: values are typed, flags are on the allow-list.
type Command struct {
	Name Name
	// Projects are the selectors the person typed, in order and without
	// repeats: exact names or path.Match globs. Empty means no selection.
	// They are to be looked up among known projects, never joined to a path.
	Projects []string
	// Args holds the key=value arguments; see the accessors for their types.
	Args map[string]string
	// Flags is what follows "--": terraform flags, and for /terraform the
	// positional arguments after them, each one argv element.
	Flags []string
	// Subcommand of /terraform, such as "state list"; otherwise empty.
	Subcommand string
	// Line is the command line as typed, without line end: printable ASCII, and letters of
	// any script in names of directories and keys of resources.
	Line string
}

// Outcome is what a comment asks for. Exactly one of three cases holds:
// Command is set, Reply is set, or neither and the comment is not for us.
type Outcome struct {
	Command *Command
	// Reply is Markdown for the person who wrote the comment. It quotes their
	// words only inside code spans and mentions nobody.
	Reply string
}

// Ignored reports whether the comment is not for us and gets no answer.
func (o Outcome) Ignored() bool { return o.Command == nil && o.Reply == "" }

// Mutating reports whether carrying out the command can change infrastructure
// or state, so that it must pass the gate of apply. What is not known mutates.
func (c *Command) Mutating() bool {
	if c.Name == NameTerraform {
		tier := c.Tier()
		return tier != TierRead && tier != TierPlanLike
	}
	spec, known := find(c.Name)
	return !known || spec.Mutating
}

// TTL is the ttl= of /ephemeral; ok is false when it was not typed.
func (c *Command) TTL() (ttl time.Duration, ok bool) { return c.duration(keyTTL) }

// Extend is the extend= of /ephemeral; ok is false when it was not typed.
func (c *Command) Extend() (extend time.Duration, ok bool) { return c.duration(keyExtend) }

func (c *Command) duration(key string) (time.Duration, bool) {
	d, err := parseTTL(c.Args[key])
	return d, err == nil
}

// Confirm is the project that /apply confirm= names; empty when not typed.
func (c *Command) Confirm() string { return c.Args[keyConfirm] }

// Reason is what /unlock reason= gives; empty when not typed.
func (c *Command) Reason() string { return c.Args[keyReason] }

// Override reports whether /apply override=policy was typed.
func (c *Command) Override() bool { return c.Args[keyOverride] == "policy" }

// Topic is the command that /help asks about; empty asks for the overview.
func (c *Command) Topic() Name { return Name(c.Args[keyTopic]) }

// Tier is the tier of the /terraform subcommand. Anything that is not a known
// subcommand is TierNever.
func (c *Command) Tier() Tier {
	if sub, known := findSubcommand(c.Subcommand); known {
		return sub.tier
	}
	return TierNever
}
