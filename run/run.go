package run

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Repository names one repository. ID is the identity; Owner and Name may
// change when someone renames it.
type Repository struct {
	ID             int64  `json:"id"`
	Owner          string `json:"owner"`
	Name           string `json:"name"`
	InstallationID int64  `json:"installation_id"` // of the GitHub App; authorizes every call about this repository
}

// FullName is "owner/name".
func (r Repository) FullName() string { return r.Owner + "/" + r.Name }

// Trigger says what requested the run.
type Trigger string

// The triggers that exist.
const (
	TriggerComment Trigger = "comment" // a person wrote a command
	TriggerPush    Trigger = "push"    // a pull request was opened, pushed to, reopened or made ready
	TriggerButton  Trigger = "button"  // a person pressed a check run's button, or "Re-run"
	TriggerTurn    Trigger = "turn"    // a lock became free for a pull request that waited for it
	TriggerQueue   Trigger = "queue"   // GitHub's merge queue requested it for a merge group
)

// ByPerson reports whether a person requested the run, and so gets an answer.
func (t Trigger) ByPerson() bool { return t == TriggerComment || t == TriggerButton }

// State is where a run stands.
type State string

// The states of a run: accepted → running → one of the final ones.
const (
	StateAccepted   State = "accepted"   // stored; facts, projects and source not read yet
	StateRunning    State = "running"    // pinned to a commit, has jobs
	StateSucceeded  State = "succeeded"  // every job succeeded, or there was nothing to do
	StateFailed     State = "failed"     // at least one job did not succeed
	StateRefused    State = "refused"    // not allowed, or it requests something that does not exist; Problem says why
	StateCancelled  State = "cancelled"  // a person cancelled it or objected, or the pull request was closed
	StateSuperseded State = "superseded" // superseded by a newer commit
)

// Final reports whether nothing more will happen to a run in this state.
func (s State) Final() bool { return s != StateAccepted && s != StateRunning }

// Problem is something that a person has to know. Message is one or more
// sentences that end with what to do next; it is Markdown whose untrusted parts
// have been quoted by its author. Detail is verbatim output, shown in a
// fence.
type Problem struct {
	Code    string `json:"code"` // stable, snake_case: for tests, metrics and links to documentation
	Message string `json:"message"`
	Detail  string `json:"detail,omitempty"`
	Why     string `json:"why,omitempty"` // of a refusal: the same for the log, without what rules said of a plan
}

// CodeBase is the problem of a pull request into a branch whose rules do not
// count. What was planned of its head for another base says nothing about it.
const CodeBase = "trusted_base"

// CodeConfig is the problem of a pull request whose base branch has mistakes in its
// lockkeeper.yml.
const CodeConfig = "config"

// Error makes a Problem usable as the error of a preparation.
func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// Run is one accepted command on one commit. It has one job per project.
//
// Everything that its reports show is in it or in the artifacts that its jobs
// name, so that a report can be built again at any time.
type Run struct {
	ID  string `json:"id"`
	Key string `json:"key"` // what requested it, unique: the same comment or push makes one run however often it is delivered
	Subject

	Kind      Kind     `json:"kind"`
	Selectors []string `json:"selectors,omitempty"` // project names or globs as typed; none means "what the pull request changes"
	Flags     []string `json:"flags,omitempty"`     // terraform flags, already checked against the allow-list
	Line      string   `json:"line,omitempty"`      // the command as typed, for people
	Confirm   string   `json:"confirm,omitempty"`   // project that /apply confirm= named
	Override  bool     `json:"override,omitempty"`  // /apply override=policy: the actor requested an apply in spite of plan policy

	Trigger   Trigger `json:"trigger"`
	Actor     string  `json:"actor"`
	CommentID int64   `json:"comment_id,omitempty"` // of the command; 0 when nobody typed one
	Comment   string  `json:"comment,omitempty"`    // SHA-256 (hex) of the comment's body as delivered; what depends on the requester compares (T14)

	HeadSHA string `json:"head_sha,omitempty"` // pinned when prepared; a push's own commit before that
	HeadRef string `json:"head_ref,omitempty"` // branch of the pull request, whose tip is looked at again before an apply
	BaseRef string `json:"base_ref,omitempty"`
	BaseSHA string `json:"base_sha,omitempty"` // tip of the base branch when prepared
	Behind  int    `json:"behind,omitempty"`   // commits of the base branch that the head does not have

	State   State    `json:"state"`
	Problem *Problem `json:"problem,omitempty"`
	Notes   []string `json:"notes,omitempty"` // Markdown sentences for the report that are no failure, such as "the config changes with the merge"
	Jobs    []Job    `json:"jobs,omitempty"`

	Unchanged      []string `json:"unchanged,omitempty"`       // of an apply: projects whose plans change nothing, which counts as applied
	Untouched      []string `json:"untouched,omitempty"`       // of a plan: projects that were named and that the pull request does not change
	ConfigMistakes int      `json:"config_mistakes,omitempty"` // of a plan: in the lockkeeper.yml and the rules that the pull request brings
	// Mistakes are where they are, at most 50.
	Mistakes []Diagnostic `json:"mistakes,omitempty"`
	// Unrefreshed are, of a plan, the projects whose environment takes a plan with
	// -refresh=false for a whole one.
	Unrefreshed []string `json:"unrefreshed,omitempty"`
	// Drafts are, of a plan, the projects of which nothing is applied while the pull
	// request is a draft; Parts, of an apply, those whose plans were not whole.
	Drafts []string `json:"drafts,omitempty"`
	Parts  []string `json:"parts,omitempty"`
	// PlanOnly are, of a plan, the projects that only the head of the pull request names
	// and that nothing is applied of before the merge.
	PlanOnly []string `json:"plan_only,omitempty"`

	// Blocked is set for a speculative plan: the locks of its projects were not
	// free, so it cannot be applied and is made again when they are.
	Blocked []Blocked `json:"blocked,omitempty"`
	// Gate is what stood between a plan and its apply when it was last judged;
	// nil when nobody judged it.
	Gate *Gate `json:"gate,omitempty"`
	// ShownAt is, of a plan, when the pull request's comment first showed how it ended,
	// by GitHub's clock as far as that can be known, in whole seconds; zero when it is
	// not known to have been shown.
	ShownAt time.Time `json:"shown_at,omitzero"`
	// Merged says that this apply merged its pull request.
	Merged bool `json:"merged,omitempty"`

	CancelledBy  string `json:"cancelled_by,omitempty"`  // login of the requester; set as soon as cancelling begins
	SupersededBy string `json:"superseded_by,omitempty"` // newer head commit; set as soon as cancelling begins
	// NewerHead is, of a plan, the head that its pull request got later and that nothing
	// planned automatically; empty when it is of the head, or that was planned.
	NewerHead string `json:"newer_head,omitempty"`

	Closed bool `json:"closed,omitempty"` // the pull request was closed; set as soon as cancelling begins

	// Objection is why an apply stops before what has not begun; set as soon as
	// stopping begins.
	Objection Objection `json:"objection,omitempty"`
	// BaseNow is the base that GitHub said a pull request has while its apply was
	// judged; empty when it was not changed.
	BaseNow string `json:"base_now,omitempty"`

	// Joined are those who requested the same before the run began; its result is
	// their answer, too.
	Joined []Asker `json:"joined,omitempty"`

	// TriedAt is when preparing it was first put off, RetryAt until when, and Tries
	// how often: what waits must be found again after a restart, and holds nothing
	// up meanwhile.
	TriedAt time.Time `json:"tried_at,omitzero"`
	RetryAt time.Time `json:"retry_at,omitzero"`
	Tries   int       `json:"tries,omitempty"`

	CreatedAt  time.Time `json:"created_at"`
	PreparedAt time.Time `json:"prepared_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// Ending reports whether the run was requested to end before its time.
func (r *Run) Ending() bool {
	return r.CancelledBy != "" || r.SupersededBy != "" || r.Closed || r.Objection != ""
}

// Whose says on whose behalf the run works.
func (r *Run) Whose() Whose {
	return Whose{InstallationID: r.Repository.InstallationID, RepositoryID: r.Repository.ID, Person: r.Actor}
}

// AllProjects reports whether a run is about everything that its commit changes, so
// that no earlier plan of the commit counts beside it.
func (r *Run) AllProjects() bool { return len(r.Selectors) == 0 && !r.PreparedAt.IsZero() }

// Gate is a verdict about applying the plans of a run, for people. It grants
// nothing: an apply reads and judges everything again.
type Gate struct {
	Allowed bool      `json:"allowed"`
	Missing []string  `json:"missing,omitempty"` // Markdown sentences, safe to show
	At      time.Time `json:"at"`
	// Preview says that it was judged before the plan was there, although someone
	// approves: what they saw is compared with the plan when it is.
	Preview bool `json:"foreseen,omitempty"`
	// Notes are what else people have to know of it, as Missing.
	Notes []string `json:"notes,omitempty"`
	// Projects are those that were judged, when they are others than the run's own.
	Projects []string `json:"projects,omitempty"`
	// Ready are projects that an apply could take now, when it cannot take all.
	Ready []string `json:"ready,omitempty"`
}

// Job finds the job with an id.
func (r *Run) Job(id string) *Job {
	i := slices.IndexFunc(r.Jobs, func(j Job) bool { return j.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Jobs[i]
}

// UnmarshalJSON reads a stored run. One that began when runs had no needs gets them:
// without, its jobs would start in no order.
func (r *Run) UnmarshalJSON(document []byte) error {
	type stored Run
	if err := json.Unmarshal(document, (*stored)(r)); err != nil {
		return err
	}
	if !r.State.Final() && !slices.ContainsFunc(r.Jobs, func(j Job) bool { return len(j.Needs) > 0 }) {
		r.order()
	}
	return nil
}

// clone copies a run so that Step never changes its argument.
func (r Run) clone() Run {
	r.Jobs = slices.Clone(r.Jobs)
	return r
}

// NewID returns an identifier that sorts by creation time (milliseconds) and
// has 80 random bits: 27 characters of 0-9 and a-z, so it is safe in a path, a
// URL and an execution name.
func NewID(now time.Time) string {
	return fmt.Sprintf("%011x%s", now.UnixMilli(), strings.ToLower(rand.Text()[:16]))
}

// JobID names the n-th job of a run, counted from 0.
func JobID(runID string, n int) string { return fmt.Sprintf("%s-%d", runID, n) }

// RunOfJob is the run that a job id belongs to; empty when it is no job id.
func RunOfJob(jobID string) string {
	i := strings.LastIndexByte(jobID, '-')
	if i < 0 {
		return ""
	}
	return jobID[:i]
}
