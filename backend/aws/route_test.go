package aws

import (
	"encoding/json"
	"strings"
	"testing"

	deploy "github.com/lockkeeper/lockkeeper/deploy/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// choice is a rule of a Choice state, as far as Route needs the language.
type choice struct {
	Variable     string
	StringEquals *string
	IsPresent    *bool
	And, Or      []choice
	Next         string
}

func (c choice) holds(input map[string]string) bool {
	value, given := input[strings.TrimPrefix(c.Variable, "$.")]
	switch {
	case c.And != nil:
		for _, part := range c.And {
			if !part.holds(input) {
				return false
			}
		}
		return true
	case c.Or != nil:
		for _, part := range c.Or {
			if part.holds(input) {
				return true
			}
		}
		return false
	case c.IsPresent != nil:
		return given == *c.IsPresent
	}
	return given && c.StringEquals != nil && value == *c.StringEquals
}

// T36: the engine looks for containers where the state machine puts them, and a
// function does only what the engine would send there. What the state machine
// does not know counts as something that changes.
func TestT36_TheEngineAgreesWithTheRouteOfTheStateMachine(t *testing.T) {
	var machine struct {
		States map[string]struct {
			Choices    []choice
			Default    string
			Resource   string
			Parameters map[string]any
			Catch      []struct{ Next string }
		}
	}
	if err := json.Unmarshal([]byte(deploy.StateMachine()), &machine); err != nil {
		t.Fatal(err)
	}
	route := func(input map[string]string) string {
		for _, c := range machine.States["Route"].Choices {
			if c.holds(input) {
				return c.Next
			}
		}
		return machine.States["Route"].Default
	}
	where := Environment{PlanQueue: "p", ApplyQueue: "a", PlanDefinition: "pd", ApplyDefinition: "ad", Function: "f"}
	e := &Engine{o: Options{Environments: map[string]Environment{"": where}, Lambda: func(run.JobDocument) bool { return true }}}
	for command, want := range map[run.Kind]string{
		run.KindPlan: "ReadOnBatch", run.KindApply: "ApplyOnBatch", "exec": "NotAvailable", run.KindApproval: "WaitForApproval",
		"deploy": "NotAvailable", "ephemeral": "NotAvailable", "destroy": "NotAvailable", "frobnicate": "NotAvailable",
	} {
		state := route(map[string]string{"command": string(command), "compute": "batch"})
		if state != want {
			t.Errorf("%s goes to %s, want %s", command, state, want)
		}
		if on := machine.States[state]; strings.Contains(on.Resource, "batch") && (on.Parameters["JobQueue.$"] != "$.batch.job_queue" || on.Parameters["JobDefinition.$"] != "$.batch.job_definition") {
			t.Errorf("%s runs where %v says", command, on.Parameters)
		}
		if want == "NotAvailable" && !Changes(command) {
			t.Errorf("%s, which the state machine does not know, counts as harmless", command)
		}
		in, err := e.newInput(t.Context(), run.JobDocument{Command: command})
		if err != nil {
			t.Fatal(err)
		}
		if (in.Batch.Queue == "a") != Changes(command) || (in.Batch.Definition == "ad") != Changes(command) || (in.Batch.Function == "") != Changes(command) {
			t.Errorf("%s runs in %+v", command, in.Batch)
		}
		input := map[string]string{"command": string(command), "compute": in.Compute}
		on := machine.States[route(input)]
		if asked := input["compute"] == "lambda"; asked && Changes(command) || strings.Contains(on.Resource, "lambda") != (want == "ReadOnBatch") {
			t.Errorf("%s is computed by %s: %s", command, input["compute"], on.Resource)
		}
		if len(on.Catch) == 1 && strings.Contains(on.Resource, "lambda") && on.Catch[0].Next != want {
			t.Errorf("%s goes on in %s after the function", command, on.Catch[0].Next)
		}
	}
}
