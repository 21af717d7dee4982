package run

// Kind is what a run or a job does.
type Kind string

// The kinds of runs that exist; KindApproval is one of jobs alone.
const (
	KindPlan  Kind = "plan"
	KindApply Kind = "apply" // applies stored plans
)

// Traits are what follows from a kind. Each question is asked where it matters, so
// that a new kind is a row here and not a search for what else an apply is.
type Traits struct {
	// Changes: it may change infrastructure. It has the rights and the time of an
	// apply, and what began is neither started again nor interrupted by a push.
	Changes bool
	// Locks: it works under the locks of its projects, and what it did to them is
	// noted there.
	Locks bool
	// Fresh: it was requested at most MaxCommandAge before it begins.
	Fresh bool
	// Ordered: its jobs wait for those of the projects that come before theirs.
	Ordered bool
}

var kinds = map[Kind]Traits{
	KindPlan:     {},
	KindApproval: {},
	KindApply:    {Changes: true, Locks: true, Fresh: true, Ordered: true},
}

// Traits returns what follows from a kind. Of one that is not known everything does.
func (k Kind) Traits() Traits {
	if t, known := kinds[k]; known {
		return t
	}
	return Traits{Changes: true, Locks: true, Fresh: true, Ordered: true}
}
