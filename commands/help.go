package commands

import (
	"fmt"
	"strings"
)

// keyTopic is where the parser keeps the command that /help names. It is not a
// key that can be typed.
const keyTopic = "command"

func help() Spec {
	return Spec{
		Name:    NameHelp,
		Summary: "Show the commands, or how to use one of them",
		Usage:   "/help [command]",
		Examples: []Example{
			{"/help", "shows the commands"},
			{"/help plan", "shows how to use `/plan`"},
		},
		Details: "It starts nothing.",

		Available: true,
		takes:     takesTopic,
	}
}

// Help is the answer to a bare /help: the available commands, in Markdown.
func Help() string {
	var b strings.Builder
	b.WriteString("### Commands\n\n| command | does |\n|---|---|\n")
	for _, s := range available() {
		fmt.Fprintf(&b, "| `/%s` | %s |\n", s.Name, s.Summary)
	}
	b.WriteString("\n**Examples**\n\n")
	for _, s := range available() {
		fmt.Fprintf(&b, "- `%s` %s\n", s.Examples[0].Line, s.Examples[0].Does)
	}
	b.WriteString("\nA command is the first line of a new comment, one per comment. `/help plan` shows how to use one command.\n")
	return b.String()
}

// HelpFor is the answer to /help for one command, in Markdown. A name that is
// no command gets the overview.
func HelpFor(name Name) string {
	s, known := find(name)
	if !known {
		return Help()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### `/%s`\n\n%s.\n\n", s.Name, s.Summary)
	if !s.Available {
		b.WriteString("_Not available on this server yet._\n\n")
	}
	fmt.Fprintf(&b, "Usage: `%s`\n\n", s.Usage)
	for _, e := range s.Examples {
		fmt.Fprintf(&b, "- `%s` %s\n", e.Line, e.Does)
	}
	fmt.Fprintf(&b, "\n%s\n", s.Details)
	if len(s.flags) > 0 {
		b.WriteString("\nTerraform flags, after `--`:\n\n")
		for _, f := range s.flags {
			fmt.Fprintf(&b, "- %s\n", f.describe())
		}
	}
	return b.String()
}

func available() []Spec {
	var out []Spec
	for _, s := range All() {
		if s.Available {
			out = append(out, s)
		}
	}
	return out
}
