package project

// ConfigFile is where the repository config lies, and the only place where it is looked for.
const ConfigFile = "lockkeeper.yml"

// Config is the projects of a repository.
type Config struct {
	Version  int       `json:"version" yaml:"version"`
	Discover *Discover `json:"discover,omitempty" yaml:"discover,omitempty"` // nil: the file names all projects
	Projects []Project `json:"projects" yaml:"projects"`                     // in the order of the file, then those that were found, by directory
	Source   string    `json:"-" yaml:"-"`                                   // the file's name, or "" when there is none

	lines map[string]int // key path -> line of Source, for what Validate finds
	left  Problems       // what discover does not take although it matches
	apart []string       // the directories that left is about
	idle  Problems       // entries of discover that make no project

	refused Problems // of the file itself, of whose keys nothing is known
}
