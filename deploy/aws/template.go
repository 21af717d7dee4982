// Package deploy holds the CloudFormation template of the AWS engine and the
// state machine in it.
//
// Place in the flow: people deploy template.yaml as it is; tests deploy
// Template on the emulator. It knows nothing of the rest of the program.
package deploy

import _ "embed"

//go:embed template.yaml
var template string

//go:embed job.asl.json
var stateMachine string

// Template is the CloudFormation template, with the state machine in it.
func Template() string { return template }

// StateMachine is the definition of the state machine in Amazon States
// Language. Its ${…} are the template's DefinitionSubstitutions.
func StateMachine() string { return stateMachine }
