package planjson

import "encoding/json"

// The parts of the JSON, in Terraform's order.
// https://developer.hashicorp.com/terraform/internals/json-format

type document struct {
	FormatVersion    string              `json:"format_version"`
	TerraformVersion string              `json:"terraform_version"`
	Variables        map[string]variable `json:"variables,omitempty"`
	PlannedValues    values              `json:"planned_values"`
	ResourceDrift    []resourceChange    `json:"resource_drift,omitempty"`
	ResourceChanges  []resourceChange    `json:"resource_changes,omitempty"`
	OutputChanges    map[string]change   `json:"output_changes,omitempty"`
	PriorState       *priorState         `json:"prior_state,omitempty"`
	Configuration    configuration       `json:"configuration"`
	Relevant         []relevant          `json:"relevant_attributes,omitempty"`
	Checks           []checked           `json:"checks,omitempty"`
	Timestamp        string              `json:"timestamp"`
	Applyable        bool                `json:"applyable"`
	Complete         bool                `json:"complete"`
	Errored          bool                `json:"errored"`
}

type variable struct {
	Value json.RawMessage `json:"value"`
}

// configuration says which variables are sensitive, and nothing else of what terraform
// has here.
type configuration struct {
	RootModule struct {
		Variables map[string]sensitiveVariable `json:"variables,omitempty"`
	} `json:"root_module"`
}

type sensitiveVariable struct {
	Sensitive bool `json:"sensitive"`
}

type relevant struct {
	Resource  string `json:"resource"`
	Attribute []any  `json:"attribute"`
}

type resourceChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address,omitempty"`
	ModuleAddress   string `json:"module_address,omitempty"`
	Mode            string `json:"mode"`
	Type            string `json:"type"`
	Name            string `json:"name"`
	Index           key    `json:"index,omitempty"`
	ProviderName    string `json:"provider_name"`
	Deposed         string `json:"deposed,omitempty"`
	Change          change `json:"change"`
	ActionReason    string `json:"action_reason,omitempty"`
}

type change struct {
	Actions         []string        `json:"actions"`
	Before          json.RawMessage `json:"before,omitempty"`
	After           json.RawMessage `json:"after,omitempty"`
	AfterUnknown    json.RawMessage `json:"after_unknown,omitempty"`
	BeforeSensitive json.RawMessage `json:"before_sensitive,omitempty"`
	AfterSensitive  json.RawMessage `json:"after_sensitive,omitempty"`
	ReplacePaths    [][]any         `json:"replace_paths,omitempty"`
	Importing       *importing      `json:"importing,omitempty"`
}

type importing struct {
	ID string `json:"id,omitempty"`
}

type values struct {
	Outputs    map[string]output `json:"outputs,omitempty"`
	RootModule module            `json:"root_module"`
}

type module struct {
	Resources    []resource `json:"resources,omitempty"`
	Address      string     `json:"address,omitempty"`
	ChildModules []module   `json:"child_modules,omitempty"`
}

// resource is one in planned_values and prior_state.
type resource struct {
	Address         string          `json:"address"`
	Mode            string          `json:"mode"`
	Type            string          `json:"type"`
	Name            string          `json:"name"`
	Index           key             `json:"index,omitempty"`
	ProviderName    string          `json:"provider_name"`
	SchemaVersion   uint64          `json:"schema_version"`
	Values          map[string]any  `json:"values,omitempty"`
	SensitiveValues json.RawMessage `json:"sensitive_values,omitempty"`
	DependsOn       []string        `json:"depends_on,omitempty"`
	Tainted         bool            `json:"tainted,omitempty"`
	DeposedKey      string          `json:"deposed_key,omitempty"`
}

// output is one in planned_values and prior_state. Terraform puts type and value in two
// different orders.
type output struct {
	Sensitive bool            `json:"sensitive"`
	Type      json.RawMessage `json:"type,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

type priorState struct {
	FormatVersion    string    `json:"format_version"`
	TerraformVersion string    `json:"terraform_version,omitempty"`
	Values           values    `json:"values"`
	Checks           []checked `json:"checks,omitempty"`
}

type checked struct {
	Address   map[string]any `json:"address"`
	Status    string         `json:"status"`
	Instances []checkedOne   `json:"instances,omitempty"`
}

type checkedOne struct {
	Address  map[string]any `json:"address"`
	Status   string         `json:"status"`
	Problems []problem      `json:"problems,omitempty"`
}

type problem struct {
	Message string `json:"message"`
}
