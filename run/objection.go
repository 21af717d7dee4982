package run

import "time"

// Objection says why an apply that was allowed should not go on.
type Objection string

// The objections that exist.
const (
	ObjectionDismissed Objection = "dismissed"         // an approval was dismissed
	ObjectionChanges   Objection = "changes_requested" // someone who is heard asks for changes
	ObjectionBase      Objection = "base_changed"      // the pull request goes into another branch now
)

// Objected says that people think otherwise about a pull request than when its
// apply was judged. It ends what has not begun to change anything, as a push
// does, whether or not that approval was needed: asking the gate again takes
// ten calls, in which jobs would begin, and it would refuse every apply that is
// under way, because that has used its plans. Who is stopped for nothing plans
// and applies again.
type Objected struct {
	At        time.Time
	Objection Objection
	Commit    string // that the approval was of; empty when it is about every commit, or nobody knows
	Base      string // that the pull request has now, when its base was changed
}

func (Objected) event() {}

// objected ends a mutating run. One that is not judged yet is refused: it may
// have read the reviews before. Which base it has read is seen when it is judged.
func (r *Run) objected(e Objected) {
	otherCommit := e.Commit != "" && r.HeadSHA != "" && e.Commit != r.HeadSHA
	switch {
	case !r.Kind.Traits().Changes || otherCommit: // an approval of another commit never counted
	case e.Base != "" && r.State == StateAccepted:
		r.BaseNow = e.Base
	case e.Base != "" && e.Base == r.BaseRef: // it was judged for that one
	case r.State == StateAccepted:
		r.refused(Refused{At: e.At, Problem: e.Objection.whileJudged()})
	default:
		r.end(e.At, func() { r.Objection = e.Objection })
	}
}

// onBaseNow is an event, or the refusal of an apply that was judged for another
// base than the pull request has.
func (r *Run) onBaseNow(e Event) Event {
	p, prepared := e.(Prepared)
	if !prepared || r.State != StateAccepted || r.BaseNow == "" || r.BaseNow == p.Preparation.BaseRef {
		return e
	}
	return Refused{At: p.At, Problem: ObjectionBase.whileJudged(), HeadSHA: p.Preparation.HeadSHA}
}

func (o Objection) whileJudged() Problem {
	return Problem{Code: string(o), Message: o.happened() +
		" while this was judged, so nothing was applied. `/why` says what is missing; when nothing is, comment `/apply` again."}
}

// notBegun is what is reported of a job that did not begin because of an objection.
func (o Objection) notBegun() *Problem {
	next := "When it is approved again, comment"
	if o == ObjectionBase {
		next = "Comment"
	}
	return &Problem{Code: string(o), Message: o.happened() + " before this began, so it was not applied and nothing of it was changed. " +
		next + " `/plan`, then `/apply`: its plan was made for one apply."}
}

func (o Objection) happened() string {
	switch o {
	case ObjectionChanges:
		return "Changes were requested"
	case ObjectionBase:
		return "The base of the pull request was changed"
	}
	return "An approval was dismissed"
}
