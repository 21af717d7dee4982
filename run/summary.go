package run

// Summary is what a plan would do, read from the plan's JSON inside the job,
// with every sensitive value already masked. It is stored as summary.json.
//
// Counts and the addresses of Changes are always complete. Attributes are what
// gets left out when a plan is too large; DiffOmitted says for how many changes.
type Summary struct {
	Version     int            `json:"version"`
	Counts      Counts         `json:"counts"`
	Partial     bool           `json:"partial,omitempty"` // its JSON says "complete": false
	Changes     []Change       `json:"changes,omitempty"` // destroys, replacements, changes, adds, then the rest; by address within each
	Outputs     []OutputChange `json:"outputs,omitempty"`
	Drift       []string       `json:"drift,omitempty"` // addresses changed outside of Terraform since the last apply; an apply writes that to the state
	Gone        []string       `json:"gone,omitempty"`  // those of Drift that are not there any more
	Checks      []CheckFinding `json:"checks,omitempty"`
	Warnings    []string       `json:"warnings,omitempty"`
	DiffOmitted int            `json:"diff_omitted,omitempty"`
	Digest      string         `json:"digest"` // of Changes, Outputs, Drift and Gone; equal digests are "the same change"
}

// SummaryVersion is the version of Summary that this code writes.
const SummaryVersion = 1

// Counts counts resource changes. A replacement counts once, in Replace.
type Counts struct {
	Add     int `json:"add"`
	Change  int `json:"change"`
	Replace int `json:"replace"`
	Destroy int `json:"destroy"`
	Import  int `json:"import,omitempty"`
	Forget  int `json:"forget,omitempty"`
	Move    int `json:"move,omitempty"`
	Outputs int `json:"outputs,omitempty"` // output values that change
}

// Empty reports whether applying would change nothing at all.
func (c Counts) Empty() bool { return c == Counts{} }

// Plus adds two counts.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Add: c.Add + o.Add, Change: c.Change + o.Change, Replace: c.Replace + o.Replace, Destroy: c.Destroy + o.Destroy,
		Import: c.Import + o.Import, Forget: c.Forget + o.Forget, Move: c.Move + o.Move, Outputs: c.Outputs + o.Outputs,
	}
}

// Action is what happens to one resource.
type Action string

// The actions that exist, worst first.
const (
	ActionDestroy Action = "destroy"
	ActionReplace Action = "replace"
	ActionUpdate  Action = "update"
	ActionCreate  Action = "create"
	ActionForget  Action = "forget"
	ActionRead    Action = "read"
	ActionNone    Action = "none" // only moved or imported
)

// Change is one resource in a plan.
type Change struct {
	Address   string      `json:"address"`
	Type      string      `json:"type"`
	Action    Action      `json:"action"`
	Reason    string      `json:"reason,omitempty"`     // why it is replaced or destroyed, in words
	MovedFrom string      `json:"moved_from,omitempty"` // previous address
	Importing bool        `json:"importing,omitempty"`
	Diff      []Attribute `json:"diff,omitempty"`
	Omitted   bool        `json:"omitted,omitempty"` // Diff was left out for size
	// Digest is keyed (JobDocument.DigestKey), of everything that changes in full,
	// sensitive values too: equal ones of one project are the same change. It is
	// empty when the job had no key.
	Digest string `json:"digest,omitempty"`
}

// Attribute is one changed attribute of a resource, or a part of one. It has
// Before and After, or Lines, or Note.
//
// Before and After are HCL-like renderings: "(sensitive value)" for what is
// masked, "(known after apply)" for what is not known, empty for what does not
// exist on that side. They may hold line breaks.
type Attribute struct {
	Path          string `json:"path"`
	Before        string `json:"before,omitempty"`
	After         string `json:"after,omitempty"`
	Lines         string `json:"lines,omitempty"` // of a text: each begins with - before, + after, a blank for both, # for what is left out
	Note          string `json:"note,omitempty"`  // what there is to say of it in words, where no value changes
	ForcesReplace bool   `json:"forces_replace,omitempty"`
}

// OutputChange is one changed output value of the root module. What changes is
// in Diff where only a part of the value does.
type OutputChange struct {
	Name   string      `json:"name"`
	Action Action      `json:"action"`
	Before string      `json:"before,omitempty"`
	After  string      `json:"after,omitempty"`
	Diff   []Attribute `json:"diff,omitempty"` // paths begin with output.<name>
	Digest string      `json:"digest,omitempty"`
}

// CheckFinding is a failed or unknown check block or condition.
type CheckFinding struct {
	Address string `json:"address"`
	Status  string `json:"status"` // fail, error, unknown
	Message string `json:"message,omitempty"`
}
