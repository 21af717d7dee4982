package project

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
	Found         bool              `json:"-" yaml:"-"`                                         // by discovery, not named by the file
}

// Apply says when a project is applied.
type Apply string

const (
	BeforeMerge Apply = "before_merge" // /apply on the pull request; the default
	AfterMerge  Apply = "after_merge"  // by the merge into Branch; lockkeeper.yml cannot say it yet
)
