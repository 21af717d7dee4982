package project

// ConfigFile is where the repository config lies, and the only place where it is looked for.
const ConfigFile = "lockkeeper.yml"

// Config is the projects of a repository.
type Config struct {
	Version  int       `json:"version" yaml:"version"`
	Projects []Project `json:"projects" yaml:"projects"` // in the order of the file; by directory when discovered
	Source   string    `json:"-" yaml:"-"`               // the file's name, or "" when the projects were discovered

	lines map[string]int // key path -> line of Source, for what Validate finds
}
