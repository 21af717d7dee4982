package run

import (
	"errors"
	"time"
)

// JobState is where a job stands.
type JobState string

// The states of a job: queued → running → one of the final ones.
const (
	JobQueued    JobState = "queued"    // the backend has it or will get it; no process runs yet
	JobRunning   JobState = "running"   // the backend said that it started
	JobSucceeded JobState = "succeeded" // Result holds what it made
	JobFailed    JobState = "failed"    // Result.Problem says why
	JobCancelled JobState = "cancelled" // ended on request
	JobSkipped   JobState = "skipped"   // never began, because a project that comes first was not applied
)

// Final reports whether nothing more will happen to a job in this state.
func (s JobState) Final() bool { return s != JobQueued && s != JobRunning }

// Job is the work for one project in one run.
type Job struct {
	ID       string      `json:"id"`
	Document JobDocument `json:"document"`        // what the backend is given
	Needs    []string    `json:"needs,omitempty"` // ids of jobs of the run that must succeed before it starts
	State    JobState    `json:"state"`
	Seq      int         `json:"seq"` // of the last message taken; older ones are ignored
	Result   *Result     `json:"result,omitempty"`

	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	WaitsSince time.Time `json:"waits_since,omitzero"` // of one that has been waiting for a machine for long
	WaitsUntil time.Time `json:"waits_until,omitzero"` // when the engine ends it if none comes; zero when that is not known
}

// WaitsForMachine reports whether a job has been waiting for a machine for long.
func (j Job) WaitsForMachine() bool { return j.State == JobQueued && !j.WaitsSince.IsZero() }

// CodeStateNotSaved and CodeStateNotRemote are the problems of an apply that changed
// something and left its state in a file beside the backend, or without one.
const (
	CodeStateNotSaved  = "state_not_saved"
	CodeStateNotRemote = "state_not_remote"
)

// Astray reports whether what a job made is in no state that the next plan sees.
func (j Job) Astray() bool {
	if j.State == JobSucceeded || j.Result == nil || !j.Result.Began || j.Result.Problem == nil {
		return false
	}
	return j.Result.Problem.Code == CodeStateNotSaved || j.Result.Problem.Code == CodeStateNotRemote
}

// Outcome is how a job ended.
type Outcome string

// The outcomes that exist.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
	OutcomeCancelled Outcome = "cancelled"
)

// Result is what a job leaves behind. It is small: everything large is an
// artifact.
type Result struct {
	Outcome Outcome  `json:"outcome"`
	Problem *Problem `json:"problem,omitempty"` // set unless succeeded
	// Began says, of a mutating job, that something may have been changed, and so
	// that what is not a success is half done or not known. Without it nothing was.
	Began bool `json:"began,omitempty"`

	Decision *Decision `json:"decision,omitempty"` // of a job that waited for approval and was answered

	Counts  *Counts       `json:"counts,omitempty"`  // of a plan, from its JSON; of an apply, the plan's when it succeeded
	Partial bool          `json:"partial,omitempty"` // of a plan: terraform says that it left something out
	Policy  *PolicyResult `json:"policy,omitempty"`  // of a plan that was judged by rules
	Keeping Keeping       `json:"keeping,omitempty"` // of a plan
	// BackendHash is what terraform init noted of the block that configures the backend, of
	// a plan. With it an apply reads the state without an init.
	BackendHash string              `json:"backend_hash,omitempty"`
	PlanRead    PlanRead            `json:"plan_read,omitempty"` // of a plan
	Made        *Made               `json:"made,omitempty"`      // of a plan whose programs left files in the tree of the commit
	Artifacts   map[string]Artifact `json:"artifacts,omitempty"`
	// Diagnostics are the errors in the problem's output, at most 50.
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Terraform   string       `json:"terraform,omitempty"` // what ran, such as "Terraform 1.11.4"
	Steps       []StepTime   `json:"steps,omitempty"`
	// Isolation is the mode in which something ran, when that is best_effort or
	// off, or IsolationFunction, and Missing the properties (package jail) that
	// nothing held then.
	Isolation string   `json:"isolation,omitempty"`
	Missing   []string `json:"missing,omitempty"`
}

// Diagnostic is an error that terraform printed. All of it is untrusted text; Path is a
// file of the commit, from the repository's root, or empty.
type Diagnostic struct {
	Title   string `json:"title"`
	Message string `json:"message,omitempty"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Address string `json:"address,omitempty"` // of the resource that it is about
}

// PlanRead is how what a plan shows came about. It is empty of plans that did not come so
// far, and of those of older servers.
type PlanRead string

// The ways that exist.
const (
	PlanReadShow     PlanRead = "show"     // terraform show
	PlanReadFile     PlanRead = "file"     // from the plan file, without it
	PlanReadCompared PlanRead = "compared" // terraform show, and the other way gave the same
	PlanReadDiffers  PlanRead = "differs"  // terraform show, and the other way gave something else
)

// Keeping is whether the state that an apply of a plan writes outlives its job, by
// the backend in the plan file. It is empty when nobody looked.
type Keeping string

// The answers that exist. Any other means the second one.
const (
	StateKept Keeping = "kept"
	StateLost Keeping = "lost"
)

// IsolationFunction is the Isolation of what ran in a Lambda function, where
// nothing can be kept apart.
const IsolationFunction = "function"

// PolicyResult is what the Rego rules said about a plan. The messages are
// plain text that came from rules and plans: untrusted.
type PolicyResult struct {
	Denied []PolicyFinding `json:"denied,omitempty"`
	Warned []PolicyFinding `json:"warned,omitempty"`
	Rules  int             `json:"rules"` // how many deny and warn rules there were
}

// PolicyFinding is one message of one rule.
type PolicyFinding struct {
	Rule    string `json:"rule"` // package and name, such as "main.deny"
	Message string `json:"message"`
}

// The names of the artifacts of a job (keys of Result.Artifacts).
const (
	ArtifactPlan    = "plan.tfplan"  // terraform's plan file; only an apply reads it
	ArtifactSummary = "summary.json" // a Summary
	ArtifactOutput  = "output.txt"   // what terraform printed, secrets replaced
	// ArtifactErroredState is the state that an apply could not write to its
	// backend; a person pushes it (terraform state push).
	ArtifactErroredState = "errored.tfstate"
	// ArtifactMade is a tar archive, zstd-compressed, of the files that planning made;
	// only the apply of that plan reads it.
	ArtifactMade = "plan.made"
)

// Artifact points to stored bytes. SHA256 is lower-case hex; Size is in bytes;
// Version is the store's own name of these bytes, when it keeps several.
type Artifact struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`

	Version string `json:"version,omitempty"`
}

// ErrSealed means that an artifact is encrypted with a key that the server does
// not have. Trying again does not help.
var ErrSealed = errors.New("it is encrypted with a key that this server does not have")

// StepTime says how long one process of a job took.
type StepTime struct {
	Name         string `json:"name"` // init, plan, show where it was needed, apply
	Milliseconds int64  `json:"ms"`
}

// Artifact is what the job left under a name.
func (j Job) Artifact(name string) (Artifact, bool) {
	if j.Result == nil {
		return Artifact{}, false
	}
	a, ok := j.Result.Artifacts[name]
	return a, ok
}
