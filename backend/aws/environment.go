package aws

import (
	"fmt"
	"strconv"

	"github.com/lockkeeper/lockkeeper/run"
)

// Environment is where the jobs of one environment run, and who they are: outputs of
// a stack of deploy/aws/environment.yaml. It is the server's choice alone.
type Environment struct {
	Account                         string // that its jobs work in; empty for any
	PlanQueue, ApplyQueue           string // Batch job queues, by name or ARN
	PlanDefinition, ApplyDefinition string // Batch job definitions, with or without a revision
	Function                        string // for short plans, by name or ARN; may be empty
	// Ids of the roles of containers and of the function: what they write begins with
	// it. FunctionRoleID may be empty when no function is used.
	PlanRoleID, ApplyRoleID, FunctionRoleID string
	// Machine of a job; zero for that of the definition.
	VCPU   int
	Memory int // MiB
}

// Batch says in the input of an execution where the state machine runs the job, and
// where the server looks for it and for what it left, whatever its config says by then.
type Batch struct {
	Queue          string    `json:"job_queue"`
	Definition     string    `json:"job_definition"`
	RoleID         string    `json:"role_id"` // of its containers
	Function       string    `json:"function,omitempty"`
	FunctionRoleID string    `json:"function_role_id,omitempty"`
	Overrides      Overrides `json:"overrides"`
}

// Overrides is what a job has otherwise than its definition, with the names that
// Step Functions has for it (AWS Batch API reference, "ContainerOverrides").
type Overrides struct {
	Environment          []Variable    `json:"Environment,omitempty"`
	ResourceRequirements []Requirement `json:"ResourceRequirements,omitempty"`
}

// Variable is one of a container's environment.
type Variable struct{ Name, Value string }

// Requirement is one of a container's.
type Requirement struct{ Type, Value string }

// environment is where the jobs of a document's environment run. What the document
// says about it has to be what the server knows.
func (e *Engine) environment(doc run.JobDocument) (Environment, error) {
	name := doc.Environment.Name
	env, known := e.o.Environments[name]
	switch {
	case !known:
		return env, fmt.Errorf("environment %q runs nowhere: the server's config has no environments.%s.aws", name, name)
	case env.Account != "" && doc.Environment.Account != "" && doc.Environment.Account != env.Account:
		return env, fmt.Errorf("the document is for account %s, and environment %s is in %s", doc.Environment.Account, name, env.Account)
	}
	return env, nil
}

// batch is where a command runs.
func (env Environment) batch(command run.Kind) Batch {
	b := Batch{Queue: env.PlanQueue, Definition: env.PlanDefinition, RoleID: env.PlanRoleID, Function: env.Function, FunctionRoleID: env.FunctionRoleID}
	if Changes(command) {
		b = Batch{Queue: env.ApplyQueue, Definition: env.ApplyDefinition, RoleID: env.ApplyRoleID}
	}
	if env.Memory > 0 {
		memory := strconv.Itoa(env.Memory)
		b.Overrides = Overrides{
			Environment:          []Variable{{"LOCKKEEPER_MEMORY", memory}},
			ResourceRequirements: []Requirement{{"VCPU", strconv.Itoa(env.VCPU)}, {"MEMORY", memory}},
		}
	}
	return b
}

// placed is where a job runs that was started with an Input. What an older version
// started does not say it, and is where the config says.
func (e *Engine) placed(in Input, doc run.JobDocument) (Batch, error) {
	if in.Batch.Queue != "" {
		return in.Batch, nil
	}
	env, err := e.environment(doc)
	return env.batch(doc.Command), err
}
