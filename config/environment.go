package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Environment is one target: what its jobs get and where its state is.
type Environment struct {
	// Repositories may use it, owner/name or owner/*; empty: all that are served.
	Repositories []string `yaml:"repositories"`
	// Variables of the environment of terraform's process.
	Variables map[string]Variable `yaml:"variables"`
	// BackendConfig goes to terraform init. Values may hold {owner}, {repo},
	// {project}, {dir} and {workspace}.
	BackendConfig map[string]string `yaml:"backend_config"`
	// TerraformVariables are given to terraform as TF_VAR_name.
	TerraformVariables map[string]string `yaml:"terraform_variables"`
	// Directories of this machine that jobs may reach.
	Directories Directories `yaml:"directories"`
	// Policy is what must hold before something is planned or applied.
	Policy Policy `yaml:"policy"`

	// Where the aws engine's jobs work: the roles that they assume.
	Account   string `yaml:"account"` // that the roles must be in
	Region    string `yaml:"region"`
	PlanRole  string `yaml:"plan_role"`
	ApplyRole string `yaml:"apply_role"`
	// AWS is where they run.
	AWS EnvironmentAWS `yaml:"aws"`
	// Lambda makes plans begin in a Lambda function, which is there at once and may
	// last 15 minutes; what does not fit goes to Batch. Nothing keeps what a plan
	// runs apart from the credentials of the function, and from its other plans.
	Lambda bool `yaml:"lambda"`
}

// ServesRepository reports whether a repository (owner/name) may use the environment.
func (e Environment) ServesRepository(repository string) bool {
	owner, _, _ := strings.Cut(repository, "/")
	return len(e.Repositories) == 0 || slices.ContainsFunc(e.Repositories, func(name string) bool {
		return strings.EqualFold(name, repository) || strings.EqualFold(name, owner+"/*")
	})
}

// powerful reports whether an environment has what not everybody may have: secrets,
// or roles.
func (e Environment) powerful() bool {
	for _, v := range e.Variables {
		if v.Env != "" || v.File != "" || v.Secret != "" {
			return true
		}
	}
	return e.PlanRole != "" || e.ApplyRole != ""
}

// ForAll are the environments with secrets or roles that every repository may use
// although the server works for more than one: anyone who writes to any of these takes
// them by naming them in its lockkeeper.yml.
func (c Config) ForAll() (names []string) {
	if len(c.Repositories) == 1 && !strings.HasSuffix(c.Repositories[0].Name, "/*") {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		if e := c.Environments[name]; len(e.Repositories) == 0 && e.powerful() {
			names = append(names, name)
		}
	}
	return names
}

// Variable is one value and who gets it. Exactly one of Env, File, Secret and
// Value is set.
type Variable struct {
	Env    string `yaml:"env"`    // name of a variable of the server's environment
	File   string `yaml:"file"`   // path; a line end at the end is not part of the value
	Secret string `yaml:"secret"` // in AWS Secrets Manager: name or ARN, then #key for one key of a JSON object
	Value  string `yaml:"value"`  // as it is; not for secrets
	For    string `yaml:"for"`    // plan, apply or both; empty means both
}

// Resolve reads the variables that a run of this kind gets, as the environment
// of its terraform process. Values are read each time, so that a rotated
// secret counts at once. An unknown kind is an error.
func (e Environment) Resolve(kind string, getenv func(string) string) (map[string]string, error) {
	phase, err := phaseOf(kind)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, value := range e.TerraformVariables {
		out["TF_VAR_"+name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		v := e.Variables[name]
		if v.For == "plan" || v.For == "apply" {
			if v.For != phase {
				continue
			}
		}
		if out[name], err = v.read(getenv); err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
	}
	return out, nil
}

// Inputs are the names of Terraform's variables that runs get a value of.
func (e Environment) Inputs() []string {
	names := slices.Collect(maps.Keys(e.TerraformVariables))
	for name := range e.Variables {
		if input, ok := strings.CutPrefix(name, "TF_VAR_"); ok {
			names = append(names, input)
		}
	}
	slices.Sort(names)
	return names
}

// phaseOf gives the credentials of plan to what only looks.
func phaseOf(kind string) (string, error) {
	switch kind {
	case "plan":
		return "plan", nil
	case "apply", "deploy", "ephemeral", "destroy":
		return "apply", nil
	}
	return "", fmt.Errorf("resolving variables: no run is of kind %q", kind)
}

func (v Variable) read(getenv func(string) string) (string, error) {
	switch {
	case v.Env != "":
		value := getenv(v.Env)
		if value == "" {
			return "", fmt.Errorf("environment variable %s of the server is not set", v.Env)
		}
		return value, nil
	case v.File != "":
		return readSecretFile(v.File)
	}
	return v.Value, nil
}

func readSecretFile(path string) (string, error) {
	text, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	return withoutLineEnd(string(text)), nil
}

func withoutLineEnd(text string) string { return strings.TrimRight(text, "\r\n") }

var (
	isVariable  = atMost(128, `^[A-Za-z_][A-Za-z0-9_]*$`)
	isInput     = atMost(128, `^[A-Za-z_][A-Za-z0-9_-]*$`)
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
)

// placeholders are what a value of backend_config may hold.
var placeholders = []string{"{owner}", "{repo}", "{project}", "{dir}", "{workspace}"}

// isReserved reports whether a variable steers the job itself, so that an
// environment must not set it.
func isReserved(name string) bool {
	switch name {
	case "PATH", "HOME", "TMPDIR", "TF_DATA_DIR", "TF_WORKSPACE", "TF_IN_AUTOMATION", "TF_INPUT", "TF_PLUGIN_CACHE_DIR", "TF_LOG", "TF_LOG_PATH":
		return true
	}
	return strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "TF_CLI_") || strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "LOCKKEEPER_")
}
