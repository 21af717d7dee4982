package run

// Bounds of the files that travel from a plan to its apply. Above them none does.
const (
	MaxMadeFiles = 5_000
	MaxMadeBytes = 64 << 20
)

// Made is what programs left in the tree of the commit while it was planned. An
// apply begins with the commit, too, and gets those of the files that travel with
// the plan (ArtifactMade); without the others it would not be what was planned.
type Made struct {
	Files int      `json:"files,omitempty"` // that travel: new files, links, and directories in which nothing lies
	Bytes int64    `json:"bytes,omitempty"` // of all of them
	Names []string `json:"names,omitempty"` // the first of them, from the root of the commit, a directory's with "/" behind it; untrusted

	Executable  int      `json:"executable,omitempty"`  // files of the commit that were made executable, and are in the apply
	Executables []string `json:"executables,omitempty"` // the first of them; untrusted

	Missed  int          `json:"missed,omitempty"`  // files that an apply would miss
	Missing []MissedFile `json:"missing,omitempty"` // the first of them
}

// MissedFile is a file that an apply would miss.
type MissedFile struct {
	Name string `json:"name"` // untrusted
	Why  Missed `json:"why"`
}

// Missed is why a file does not travel.
type Missed string

// The reasons that exist.
const (
	MissedChanged    Missed = "changed"
	MissedRemoved    Missed = "removed"
	MissedModule     Missed = "module"
	MissedObeyed     Missed = "obeyed"
	MissedLink       Missed = "link"
	MissedSpecial    Missed = "special"
	MissedUnreadable Missed = "unreadable"
	MissedName       Missed = "name"
	MissedBytes      Missed = "bytes"
	MissedFiles      Missed = "files"
)

// Words says it behind the file's name.
func (m Missed) Words() string {
	switch m {
	case MissedChanged:
		return "in Git, and changed"
	case MissedRemoved:
		return "in Git, and removed"
	case MissedModule:
		return "came with a module, and changed"
	case MissedObeyed:
		return "a name that Terraform or Git obeys"
	case MissedLink:
		return "a link to something else than a file of the repository"
	case MissedSpecial:
		return "neither a file nor a link"
	case MissedUnreadable:
		return "cannot be read"
	case MissedName:
		return "its name is too long or not UTF-8"
	case MissedBytes:
		return "with others more than 64 MiB"
	case MissedFiles:
		return "one of more than 5,000"
	}
	return "cannot be taken along"
}

// Lacks reports whether an apply of the plan would miss something. A plan of which
// nothing is reported lacks nothing.
func (m *Made) Lacks() bool { return m != nil && m.Missed > 0 }
