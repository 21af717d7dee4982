package project

// Match is a project that a pull request touches.
type Match struct {
	Project Project
	Reason  string // the first changed path that touches it
	Missing bool   // its directory holds no Terraform file in the head commit (any more)
}

// Affected returns the projects of cfg that the changed paths touch, in the order of cfg.
// changed is the complete list of paths from git diff base...head, both names of a rename; graph is
// the head commit's. Projects that live on another branch than baseBranch are left out.
func Affected(cfg Config, graph *Graph, changed []string, baseBranch string) []Match { return nil }
