package project

import (
	"fmt"
	"time"
)

// Project is one Terraform root module as lockkeeper.yml describes it: a
// directory and a workspace, with a name. Every value comes from the base branch.
// docs/lockkeeper-yml.md explains the keys to people.
type Project struct {
	Name          string            `json:"name" yaml:"name"`
	Dir           string            `json:"dir" yaml:"dir"`                                           // clean, relative to the repository's root; "." is the root itself
	Workspace     string            `json:"workspace" yaml:"workspace"`                               // "default" when not given
	Environment   string            `json:"environment,omitempty" yaml:"environment,omitempty"`       // "" is the server's default environment
	Branch        string            `json:"branch,omitempty" yaml:"branch,omitempty"`                 // base branch it lives on; "" is the default branch, filled in by Load
	Terraform     string            `json:"terraform,omitempty" yaml:"terraform,omitempty"`           // "1.11.4" or "1.11.x"; "" lets the server choose
	Tofu          string            `json:"tofu,omitempty" yaml:"tofu,omitempty"`                     // the same for OpenTofu; never together with Terraform
	VarFiles      []string          `json:"var_files,omitempty" yaml:"var_files,omitempty"`           // relative to Dir, in the order of -var-file
	BackendConfig map[string]string `json:"backend_config,omitempty" yaml:"backend_config,omitempty"` // the -backend-config pairs
	WhenChanged   []string          `json:"when_changed,omitempty" yaml:"when_changed,omitempty"`     // globs relative to Dir; empty: all that the project reaches
	After         []string          `json:"after,omitempty" yaml:"after,omitempty"`                   // names of projects that run first
	Apply         Apply             `json:"apply" yaml:"apply"`
	FromModule    string            `json:"from_module,omitempty" yaml:"from_module,omitempty"` // module source of the root (terraform init -from-module)
	Ephemeral     *Ephemeral        `json:"ephemeral,omitempty" yaml:"ephemeral,omitempty"`     // nil: no ephemeral copies of this project
	Build         *Build            `json:"build,omitempty" yaml:"build,omitempty"`             // nil: nothing to build first
	Found         bool              `json:"-" yaml:"-"`                                         // by discovery, not named by the file
}

// Apply says when a project is applied.
type Apply string

const (
	BeforeMerge Apply = "before_merge" // /apply on the pull request; the default
	AfterMerge  Apply = "after_merge"  // by the merge into Branch
)

// Ephemeral says how a pull request's own copy of a project is made.
type Ephemeral struct {
	Environment string   `json:"environment" yaml:"environment"`
	VarFiles    []string `json:"var_files,omitempty" yaml:"var_files,omitempty"`     // added after the project's own
	DefaultTTL  Duration `json:"default_ttl,omitempty" yaml:"default_ttl,omitempty"` // 0: the server's default
}

// Build names what is built before the plan.
type Build struct {
	CodebuildProject string `json:"codebuild_project" yaml:"codebuild_project"`
	ImageVariable    string `json:"image_variable" yaml:"image_variable"` // terraform variable that gets the image
}

// Duration is a length of time that reads and prints as people write it: 4h, 90m, 1h30m.
type Duration time.Duration

// MarshalText prints whole hours and minutes without zero parts, as 4h instead of 4h0m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads time.ParseDuration's format.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("reading duration %q: %w", text, err)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string {
	v := time.Duration(d)
	if v == 0 {
		return "0s"
	}
	h, m, s := v/time.Hour, v%time.Hour/time.Minute, v%time.Minute
	text := ""
	if h != 0 {
		text += fmt.Sprintf("%dh", h)
	}
	if m != 0 {
		text += fmt.Sprintf("%dm", m)
	}
	if s != 0 {
		text += s.String()
	}
	return text
}
