package policy

// Keeping says whether the state of a project outlives the job that writes it.
// What is none of these is not known.
type Keeping string

// The answers that exist. All but the first two are lost.
const (
	KeepingUnknown Keeping = ""
	StateKept      Keeping = "kept"
	NoBackend      Keeping = "no_backend"    // none is named
	RelativePath   Keeping = "relative_path" // the local backend writes into the job's directory
	JobsMachine    Keeping = "jobs_machine"  // the local backend writes a file of a machine that ends with the job
	StateLost      Keeping = "lost"          // for another reason, or as the plan says
)

// stateSaved: the next plan would know nothing of what this one makes, and make it
// once more. What the plan says is a job's word, so it counts only against, and
// where the commit does not tell. A plan that changes nothing writes no state.
func stateSaved(_ Facts, p Project) Reason {
	keeping := p.Keeping
	if p.Plan != nil {
		if p.Plan.Empty && p.Plan.Complete {
			return good("state_kept", "")
		}
		if keeping == KeepingUnknown || keeping == StateKept && p.Plan.Keeping != KeepingUnknown {
			keeping = p.Plan.Keeping
		}
	}
	const lost, then = "so its state would be lost with the job that writes it: ", ", push, and comment `/apply` when the new plan is shown."
	switch keeping {
	case StateKept:
		return good("state_kept", "")
	case NoBackend:
		return bad("state_kept", "The project names no backend, "+lost+"add one to its `terraform` block, such as `backend \"s3\" {}` with its settings, or a `cloud` block"+then)
	case RelativePath:
		return bad("state_kept", "The local backend has no absolute `path` (`workspace_dir` for a workspace other than `default`), here or from the server, "+lost+
			"name another backend, or give it such a path"+then)
	case JobsMachine:
		return bad("state_kept", "The local backend writes a file, and here each job has a machine that ends with it, "+lost+"name another backend"+then)
	case StateLost:
		return bad("state_kept", "The backend of the plan is a file in the job's own directory or keeps nothing, "+lost+"name another backend"+then)
	}
	if p.Plan == nil {
		return good("state_kept", "") // the plan will say it
	}
	return bad("state_kept", "Neither the commit nor the plan tells whether the state outlives the job that writes it: comment `/plan`.")
}
