package run

import (
	"slices"
	"time"
)

// Event is something that happened to a run. The set is closed: Prepared,
// PutOff, Refused, Messaged, CancelRequested, PullClosed, NewerCommit, Objected.
type Event interface{ event() }

// Prepared says that facts, projects and source were read: the run is pinned
// to a commit and its jobs are known. Documents have no ids yet.
type Prepared struct {
	At          time.Time
	Preparation Preparation
	// Replaces says, of a plan, that the pull request's comment shows that of another
	// commit, which is not what an apply would be of.
	Replaces bool
}

// Preparation is what preparing a run found.
type Preparation struct {
	HeadSHA, BaseRef, BaseSHA string
	HeadRef                   string // of an apply: the branch whose tip HeadSHA is
	Behind                    int
	Documents                 []JobDocument      // one per project, in the order of their names
	Failed                    map[string]Problem // of a plan, by the project's name: why its job must not run
	Notes                     []string

	Unchanged []string // of an apply: names of projects whose plans change nothing; they have no job
	Untouched []string // of a plan: names of projects that someone named and the pull request does not change
	PlanOnly  []string // of a plan: names of projects that only the head names and that are applied after the merge
	Gate      *Gate    // of a plan: what stands between it and its apply, as far as is known

	Mistakes []Diagnostic // of a plan: in the lockkeeper.yml and the rules that the pull request brings, at most 50

	ConfigMistakes int // of a plan: how many those are

	Unrefreshed []string // of a plan: names of projects for which -refresh=false leaves it a whole plan

	Drafts []string // of a plan: names of projects of which nothing is applied as long as the pull request is a draft
	Parts  []string // of an apply: names of projects whose plans looked at less than everything
}

// PutOff says that what the run needs cannot be read yet, and when to try again.
type PutOff struct{ At, RetryAt time.Time }

// Refused says that the run may not or cannot go on. Silent ones are answered
// with nothing: nobody requested it.
type Refused struct {
	At      time.Time
	Problem Problem
	HeadSHA string // when it is known
	BaseRef string // when it is known
	Silent  bool
}

// Messaged is a message of the backend.
type Messaged struct {
	Message Message
	Gate    *Gate // what stands between the plan and its apply when it is the last message of a plan; nil when nobody judged
}

// CancelRequested says that a person wants the run to end.
type CancelRequested struct {
	At time.Time
	By string
}

// PullClosed says that the pull request was merged or closed.
type PullClosed struct{ At time.Time }

// NewerCommit says that the pull request's head is now SHA.
type NewerCommit struct {
	At  time.Time
	SHA string
}

func (Prepared) event()        {}
func (PutOff) event()          {}
func (Refused) event()         {}
func (Messaged) event()        {}
func (CancelRequested) event() {}
func (PullClosed) event()      {}
func (NewerCommit) event()     {}

// EffectKind is what an effect does.
type EffectKind string

// The effects that exist. Each may be carried out twice with the same result.
const (
	EffectPrepare EffectKind = "prepare" // read facts, projects, source; leads to Prepared or Refused
	EffectStart   EffectKind = "start"   // hand a job to the backend
	EffectCancel  EffectKind = "cancel"  // ask the backend to end a job

	EffectWithdraw EffectKind = "withdraw" // ask the backend to end a job that changes nothing yet
	EffectJudge    EffectKind = "judge"    // find out what stands between a plan and its apply
)

// Effect is something to do outside of the store.
type Effect struct {
	Kind  EffectKind
	RunID string
	JobID string // of start, cancel and withdraw
}

// Next is what follows from an event.
type Next struct {
	Run     Run
	Effects []Effect
	Notices []Notice
}

// Step decides what follows when e happens to r. It is pure, never changes r,
// and takes every event in every state: one that comes late, twice or out of
// order changes nothing.
func Step(r Run, e Event) Next {
	before := r.State
	next := r.clone()
	switch e := e.(type) {
	case Prepared:
		next.prepared(e)
	case PutOff:
		next.putOff(e)
	case Refused:
		next.refused(e)
	case Messaged:
		next.messaged(e.Message)
		if e.Gate != nil && next.State.Final() && !before.Final() {
			next.Gate = e.Gate
		}
	case CancelRequested:
		next.cancelRequested(e)
	case PullClosed:
		next.end(e.At, func() { next.Closed = true })
	case NewerCommit:
		// A run that is not pinned yet will find the new head by itself, unless
		// it was requested by a push of an older one.
		if next.HeadSHA != "" && next.HeadSHA != e.SHA {
			next.end(e.At, func() { next.SupersededBy = e.SHA })
		}
	case Objected:
		next.objected(e)
	}
	effects := added(Pending(r), Pending(next))
	if next.State.Final() && !before.Final() && (next.losesState() || next.GatePreviewed()) {
		effects = append(effects, Effect{Kind: EffectJudge, RunID: next.ID})
	}
	shown := notices(before, next, e)
	if len(shown) == 0 && waitsForMachine(r) != waitsForMachine(next) {
		shown = inProgress(next)
	}
	return Next{Run: next, Effects: effects, Notices: shown}
}

// waitsForMachine reports whether some job has been waiting for a machine for long.
func waitsForMachine(r Run) bool {
	return r.State == StateRunning && slices.ContainsFunc(r.Jobs, Job.WaitsForMachine)
}

// inProgress shows how far a run is. The comment is about a plan when that is made.
func inProgress(r Run) []Notice {
	if r.Kind.Traits().Changes {
		return []Notice{RefreshComment(r.Repository, r.PullRequest), RefreshCheck(r)}
	}
	return []Notice{RefreshCheck(r)}
}

// losesState reports whether a plan that may be applied found that the state would
// be lost: what stands in its way may be more than was foreseen.
func (r *Run) losesState() bool {
	return r.Kind == KindPlan && r.OfPull() && !r.Ending() && slices.ContainsFunc(r.Jobs, func(j Job) bool {
		return j.State == JobSucceeded && j.Result.Keeping != "" && j.Result.Keeping != StateKept
	})
}

// GatePreviewed reports whether nobody has compared a plan yet with what people approved.
func (r *Run) GatePreviewed() bool {
	return r.Kind == KindPlan && !r.Ending() && r.Gate != nil && r.Gate.Preview &&
		slices.ContainsFunc(r.Jobs, func(j Job) bool { return j.State == JobSucceeded })
}

// Pending is everything that must be under way for a run in its present state.
// A worker that starts again issues all of it.
func Pending(r Run) []Effect {
	switch r.State {
	case StateAccepted:
		return []Effect{{Kind: EffectPrepare, RunID: r.ID}}
	case StateRunning:
	default:
		return nil
	}
	var out []Effect
	for _, j := range r.Jobs {
		switch {
		case j.State.Final():
		case r.Ending():
			out = append(out, Effect{Kind: r.ending(), RunID: r.ID, JobID: j.ID})
		case j.State == JobQueued && r.ready(j):
			out = append(out, Effect{Kind: EffectStart, RunID: r.ID, JobID: j.ID})
		}
	}
	return out
}

func added(before, after []Effect) []Effect {
	had := make(map[Effect]bool, len(before))
	for _, e := range before {
		had[e] = true
	}
	var out []Effect
	for _, e := range after {
		if !had[e] {
			out = append(out, e)
		}
	}
	return out
}

func (r *Run) prepared(e Prepared) {
	if r.State != StateAccepted {
		return
	}
	p := e.Preparation
	r.HeadSHA, r.BaseRef, r.BaseSHA, r.Behind, r.Notes = p.HeadSHA, p.BaseRef, p.BaseSHA, p.Behind, p.Notes
	r.HeadRef, r.Gate, r.Unchanged, r.Untouched, r.Unrefreshed = p.HeadRef, p.Gate, p.Unchanged, p.Untouched, p.Unrefreshed
	r.Mistakes = p.Mistakes
	r.ConfigMistakes, r.Drafts, r.Parts, r.PlanOnly = p.ConfigMistakes, p.Drafts, p.Parts, p.PlanOnly
	r.State, r.PreparedAt = StateRunning, e.At
	if r.NewerHead == r.HeadSHA {
		r.NewerHead = ""
	}
	r.Jobs = make([]Job, len(p.Documents))
	for i, doc := range p.Documents {
		doc.Version, doc.RunID, doc.JobID = DocumentVersion, r.ID, JobID(r.ID, i)
		r.Jobs[i] = Job{ID: doc.JobID, Document: doc, State: JobQueued}
		if problem, failed := p.Failed[doc.Project.Name]; failed {
			r.Jobs[i].State, r.Jobs[i].FinishedAt = JobFailed, e.At
			r.Jobs[i].Result = &Result{Outcome: OutcomeFailed, Problem: &problem}
		}
	}
	r.order()
	r.finish(e.At)
}

func (r *Run) putOff(e PutOff) {
	if r.State != StateAccepted {
		return
	}
	if r.TriedAt.IsZero() {
		r.TriedAt = e.At
	}
	r.RetryAt, r.Tries = e.RetryAt, r.Tries+1
}

func (r *Run) refused(e Refused) {
	if r.State != StateAccepted {
		return
	}
	problem := e.Problem
	r.State, r.Problem, r.FinishedAt = StateRefused, &problem, e.At
	if e.HeadSHA != "" {
		r.HeadSHA = e.HeadSHA
	}
	if e.BaseRef != "" {
		r.BaseRef = e.BaseRef
	}
}

func (r *Run) messaged(m Message) {
	j := r.Job(m.JobID)
	if j == nil || r.State.Final() || j.State.Final() || m.Seq <= j.Seq || m.Fence != j.Document.Fence {
		return
	}
	j.Seq = m.Seq
	switch m.Kind {
	case MessageWaiting:
		j.WaitsSince, j.WaitsUntil = m.At, m.Until
	case MessageStarted:
		j.State, j.StartedAt = JobRunning, m.At
	case MessageFinished:
		j.finished(m)
		if r.Objection != "" && j.State == JobCancelled && !j.Result.Began {
			result := *j.Result // an engine knows only that it was withdrawn
			result.Problem = r.Objection.notBegun()
			j.Result = &result
		}
		r.skip(m.At)
		r.finish(m.At)
	}
}

func (j *Job) finished(m Message) {
	j.Result, j.FinishedAt = m.Result, m.At
	if j.Result == nil {
		j.Result = &Result{Outcome: OutcomeFailed, Problem: &Problem{
			Code:    "no_result",
			Message: "The job ended without saying how. Comment the command again.",
		}}
	}
	switch j.Result.Outcome {
	case OutcomeSucceeded:
		j.State = JobSucceeded
	case OutcomeCancelled:
		j.State = JobCancelled
	default:
		j.State = JobFailed
	}
}

// end begins the end of a run that is not over; it is over at once when
// nothing has been started for it.
func (r *Run) end(at time.Time, mark func()) {
	if r.State.Final() || r.Ending() {
		return
	}
	mark()
	if r.State == StateAccepted {
		r.State, r.FinishedAt = r.endState(), at
	}
}

// finish gives a running run its final state once all of its jobs have theirs.
func (r *Run) finish(at time.Time) {
	state := StateSucceeded
	for _, j := range r.Jobs {
		switch j.State {
		case JobSucceeded:
		case JobFailed, JobSkipped:
			state = StateFailed
		case JobCancelled:
			if state != StateFailed {
				state = StateCancelled
			}
		default:
			return
		}
	}
	if r.Ending() && state != StateSucceeded {
		state = r.endState()
	}
	r.State, r.FinishedAt = state, at
}

func (r *Run) endState() State {
	if r.SupersededBy != "" && r.CancelledBy == "" {
		return StateSuperseded
	}
	return StateCancelled
}

// notices says what people should see of the way from one state to the next.
func notices(before State, r Run, e Event) []Notice {
	if before == r.State {
		return nil
	}
	shown := []Notice{RefreshComment(r.Repository, r.PullRequest), RefreshCheck(r)}
	switch r.State {
	case StateRunning:
		if r.Kind.Traits().Changes {
			return shown // what the comment offered is under way
		}
		if p, ok := e.(Prepared); ok && p.Replaces {
			return shown
		}
		return []Notice{RefreshCheck(r)}
	case StateRefused:
		return refusal(r, e)
	case StateCancelled, StateSuperseded:
		if before == StateAccepted {
			shown = nil // nothing of it was ever shown
		}
		if r.State == StateSuperseded && !r.Kind.Traits().Changes && before != StateAccepted {
			shown = []Notice{RefreshCheck(r)} // the comment belongs to the newer commit now
		}
	}
	if r.Kind.Traits().Changes && r.Trigger.ByPerson() {
		return append(shown, Answer(r))
	}
	return shown
}

// refusal answers the requester; when no person is one, the pull request's
// own comment says it.
func refusal(r Run, e Event) []Notice {
	if e, ok := e.(Refused); ok && e.Silent {
		return nil
	}
	if !r.Trigger.ByPerson() {
		return []Notice{RefreshComment(r.Repository, r.PullRequest), RefreshCheck(r)}
	}
	return []Notice{Answer(r)}
}
