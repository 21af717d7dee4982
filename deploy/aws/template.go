// Package deploy holds the CloudFormation templates of the AWS engine and the
// state machine in one of them.
//
// Place in the flow: people deploy the templates as they are, by `lockkeeper aws
// up` or by hand; tests deploy them on the emulator. It knows nothing of the rest
// of the program.
package deploy

import (
	_ "embed"
	"regexp"
)

var (
	//go:embed base.yaml
	base string
	//go:embed engine.yaml
	engine string
	//go:embed environment.yaml
	environment string
	//go:embed job.asl.json
	stateMachine string
)

// Stack is one CloudFormation stack of a server.
type Stack struct {
	Name, Template string
	Parameters     map[string]string // that make it this one; what else its template takes is people's choice
}

// Stacks are those of a server, in the order in which they are deployed: what it
// stores, what runs its jobs, and one for each environment.
func Stacks(prefix string, environments ...string) []Stack {
	stacks := []Stack{
		{prefix + "-base", base, map[string]string{"NamePrefix": prefix}},
		{prefix + "-engine", engine, map[string]string{"NamePrefix": prefix}},
	}
	for _, name := range environments {
		stacks = append(stacks, Stack{prefix + "-environment-" + name, environment, map[string]string{"NamePrefix": prefix, "Environment": name}})
	}
	return stacks
}

var parameter = regexp.MustCompile(`(?m)^  ([A-Za-z]+):\n    Type: (?:String|Number|CommaDelimitedList|List<)`)

// Takes reports whether the template has a parameter of this name.
func (s Stack) Takes(name string) bool {
	for _, m := range parameter.FindAllStringSubmatch(s.Template, -1) {
		if m[1] == name {
			return true
		}
	}
	return false
}

// Given are the parameters of the stack: its own, and those of the given ones that
// its template takes.
func (s Stack) Given(parameters map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range parameters {
		if s.Takes(name) {
			out[name] = value
		}
	}
	for name, value := range s.Parameters {
		out[name] = value
	}
	return out
}

// StateMachine is the definition of the state machine in Amazon States
// Language. Its ${…} are the template's DefinitionSubstitutions.
func StateMachine() string { return stateMachine }
