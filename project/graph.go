package project

// Graph is how the directories of one commit refer to each other. It does not change
// and is safe for concurrent use.
type Graph struct{}

// Reach returns the directories (each with everything below it) and single files that
// the root module at dir needs: dir itself, the local modules it calls, and the
// files that it or they refer to. Sorted, clean, without entries covered by others; "." is the whole repository.
// Paths that do not exist (any more) are in it too.
func (g *Graph) Reach(dir string) []string { return nil }

// Needs is Reach of the project's directory and its variable files, those for ephemeral copies included.
func (g *Graph) Needs(p Project) []string { return nil }

// Files returns the files of the commit that Needs covers, sorted by path: the source snapshot
// of the project. Symlinks and forbidden names are among them; the writer decides (see [Forbidden]).
func (g *Graph) Files(p Project) []File { return nil }

// Problems lists broken HCL, modules that do not resolve and references that leave the
// repository, in the whole commit, by file and line.
func (g *Graph) Problems() Problems { return nil }
