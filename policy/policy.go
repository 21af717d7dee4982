// Package policy decides: facts in, verdict out. It is pure.
//
// Place in the flow: pull read the facts, policy says whether the command may
// go on and lists every reason, good and bad, run acts on it and report shows
// it. Each predicate has a file of its own; the gates below say which command
// has to pass which.
//
// The package must not read anything: no GitHub, no store, no clock. A fact
// that could not be read never reaches it, because that is an error before.
package policy

// Reason is what one predicate found. Text is a Markdown sentence whose
// untrusted parts are safe; a bad reason's text says what to do. A good reason
// without a text is not worth telling.
type Reason struct {
	Predicate string // stable name, snake_case
	OK        bool
	Silent    bool // a bad reason that is not worth a comment when nobody requested it
	Exception bool // a good reason only because somebody who may decided so; shown with the result
	Text      string
	Note      string // of a good reason: the part of Text that people see unasked
}

// Verdict is what policy says. Its zero value denies.
type Verdict struct {
	Allowed bool
	Reasons []Reason // about the pull request
	Parts   []Part   // one per project; Allowed covers them
	// Ready are projects that could go now when not all of them can, as far as whoever
	// knows their order says so.
	Ready []string
}

// Part is the verdict about one project.
type Part struct {
	Project string
	Verdict
}

// gate is the list of predicates that a command has to pass.
type gate struct {
	pull    []func(Facts) Reason          // once
	project []func(Facts, Project) Reason // for each project
	// enough is judged before the others of a project; when it is good, they are
	// not judged. It may be nil.
	enough func(Project) Reason
}

// Plan says whether a plan may run. A caller that does not know the projects
// yet asks without them, and again when it does.
func Plan(f Facts) Verdict { return planGate().judge(f) }

func planGate() gate {
	return gate{
		pull:    []func(Facts) Reason{pullRequestOpen, sameRepository, TrustedBase, mayWrite, commentUnchanged},
		project: []func(Facts, Project) Reason{mayPlan},
	}
}

// Apply says whether the stored plans of the projects may be applied: of all
// of them, or of none.
func Apply(f Facts) Verdict { return applyGate().judge(f) }

func applyGate() gate {
	return gate{
		pull: []func(Facts) Reason{
			pullRequestOpen, sameRepository, TrustedBase, byPerson, mayWrite, commentUnchanged, anyProject, mergeable, noChangesRequested,
		},
		enough: alreadyApplied,
		project: []func(Facts, Project) Reason{
			appliesFromPullRequests, takesButtons, beforeMerge, newProjects, touched, mayApply, notDraft,
			planPresent, planComplete, planFiles, planOfHead, planFresh, planUnused, planHeldLock, planOfBase, stateSaved, lockHeld, notBusy, settled, stateFound, inOrder,
			branchCurrent, checksGreen, approved, ownerApproved, approvedByNamed, planPolicy, protected,
		},
	}
}

// Unlock says whether the actor may release the locks of a pull request: own is
// true when the command stands on that pull request itself. That nothing is
// being changed under a lock is for whoever releases it to see, at that moment.
func Unlock(f Facts, own bool) Verdict { return unlockGate(own).judge(f) }

func unlockGate(own bool) gate {
	if own {
		return gate{
			pull:    []func(Facts) Reason{byPerson, mayWrite},
			project: []func(Facts, Project) Reason{takesButtons},
		}
	}
	return gate{
		pull:    []func(Facts) Reason{byPerson, mayWrite, anyProject},
		project: []func(Facts, Project) Reason{mayUnlock},
	}
}

// Cancel says whether running work may be cancelled.
func Cancel(f Facts) Verdict { return cancelGate().judge(f) }

func cancelGate() gate { return gate{pull: []func(Facts) Reason{byPerson, mayWrite}} }

// judge asks every predicate, so that a person learns at once of everything
// that is missing.
func (g gate) judge(f Facts) Verdict {
	f.Reviews = deciding(f.Reviews) // once, for all predicates
	var reasons []Reason
	for _, ask := range g.pull {
		reasons = append(reasons, ask(f))
	}
	v := all(reasons...)
	if len(g.project) == 0 {
		return v
	}
	for _, p := range f.Projects {
		part := Part{Project: p.Name, Verdict: g.judgeProject(f, p)}
		v.Allowed = v.Allowed && part.Allowed
		v.Parts = append(v.Parts, part)
	}
	return v
}

func (g gate) judgeProject(f Facts, p Project) Verdict {
	if g.enough != nil {
		if r := g.enough(p); r.OK {
			return all(r)
		}
	}
	reasons := make([]Reason, len(g.project))
	for i, ask := range g.project {
		reasons[i] = ask(f, p)
	}
	return all(reasons...)
}

// all is allowed when every reason is good, and never without a reason.
func all(reasons ...Reason) Verdict {
	v := Verdict{Allowed: len(reasons) > 0, Reasons: reasons}
	for _, r := range reasons {
		v.Allowed = v.Allowed && r.OK
	}
	return v
}

// good is a reason that stands in nobody's way.
func good(predicate, text string) Reason { return Reason{Predicate: predicate, OK: true, Text: text} }

// bad is a reason that denies; its text says what to do next.
func bad(predicate, text string) Reason { return Reason{Predicate: predicate, Text: text} }

// exception is a good reason that somebody answers for.
func exception(predicate, text string) Reason {
	return Reason{Predicate: predicate, OK: true, Exception: true, Text: text}
}
