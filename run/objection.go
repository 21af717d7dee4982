package run

import (
	"context"
	"time"
)

// Objection says why an apply that was allowed should not go on.
type Objection string

// The objections that exist.
const (
	ObjectionDismissed Objection = "dismissed"         // an approval was dismissed
	ObjectionChanges   Objection = "changes_requested" // somebody who is heard asks for changes
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
}

func (Objected) event() {}

// Object tells the active applies of a pull request about an objection. It is
// idempotent.
func (w *Worker) Object(ctx context.Context, repositoryID int64, pull int, o Objection, commit string) error {
	_, err := w.tell(ctx, repositoryID, pull, Objected{At: w.Now(), Objection: o, Commit: commit})
	return err
}

// objected ends a mutating run. One that is not judged yet is refused: it may
// have read the reviews before.
func (r *Run) objected(e Objected) {
	otherCommit := e.Commit != "" && r.HeadSHA != "" && e.Commit != r.HeadSHA
	switch {
	case !r.Kind.Mutating() || otherCommit: // an approval of another commit never counted
	case r.State == StateAccepted:
		r.refused(Refused{At: e.At, Problem: Problem{Code: string(e.Objection), Message: e.Objection.happened() +
			" while this was judged, so nothing was applied. `/why` says what is missing; when nothing is, comment `/apply` again."}})
	default:
		r.end(e.At, func() { r.Objection = e.Objection })
	}
}

// notBegun is what is said of a job that did not begin because of an objection.
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
