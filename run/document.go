package run

// DocumentVersion is the version of JobDocument that this code writes. A runner
// refuses a document with another version.
const DocumentVersion = 1

// JobDocument is the whole input of a job in every backend. It carries
// pointers, no secret but the key of its own digests, and never the source itself,
// and its JSON form is published as docs/job-document.schema.json.
type JobDocument struct {
	Version      int    `json:"version"`
	JobID        string `json:"job_id"`
	RunID        string `json:"run_id"`
	Fence        int64  `json:"fence"` // of the project's lock; 0 when it is not locked
	Command      Kind   `json:"command"`
	Repository   string `json:"repository"` // owner/name
	RepositoryID int64  `json:"repository_id"`
	Commit       string `json:"commit"`
	BaseCommit   string `json:"base_commit"`
	PullRequest  int    `json:"pull_request,omitempty"`
	Actor        string `json:"actor"`

	Project     JobProject     `json:"project"`
	Environment JobEnvironment `json:"environment"`
	Source      Artifact       `json:"source"`           // tar.zst of the whole tree of the commit
	Plan        *JobPlan       `json:"plan,omitempty"`   // what an apply applies, or an approval is about
	Policy      *Artifact      `json:"policy,omitempty"` // tar.zst of Rego rules that a plan is judged by
	Flags       []string       `json:"flags,omitempty"`
	Limits      JobLimits      `json:"limits"`
	// DigestKey keys the digests of a plan's values (Change.Digest): 64 characters of
	// lower-case hex, of this project alone, so that nobody can try out passwords
	// against digests of other projects. A worker adds it where a job starts; it is
	// not stored with the run.
	DigestKey string `json:"digest_key,omitempty"`
}

// JobPlan is one stored plan and what it is bound to.
type JobPlan struct {
	JobID     string   `json:"job_id"` // that made it
	File      Artifact `json:"file"`
	Binding   string   `json:"binding"`   // Binding of the document that it was made from
	Terraform string   `json:"terraform"` // what made it, such as "Terraform 1.11.4"
	// Made is an archive of files that planning made, for the apply; nil for none.
	Made *Artifact `json:"made,omitempty"`
	// BackendHash is that of the result of the job that made it.
	BackendHash string `json:"backend_hash,omitempty"`
}

// PlanOf is what a plan job that succeeded left behind, for the document of its
// apply.
func PlanOf(j Job) *JobPlan {
	left := j.Result
	p := &JobPlan{JobID: j.ID, File: left.Artifacts[ArtifactPlan], Binding: j.Document.Binding(), Terraform: left.Terraform, BackendHash: left.BackendHash}
	if made, there := left.Artifacts[ArtifactMade]; there {
		p.Made = &made
	}
	return p
}

// JobProject is the part of a project's configuration that a job needs. Dir
// and VarFiles are slash-separated; Dir is relative to the repository root,
// VarFiles are relative to Dir.
type JobProject struct {
	Name          string            `json:"name"`
	Dir           string            `json:"dir"`
	Workspace     string            `json:"workspace"`
	Terraform     string            `json:"terraform,omitempty"` // version; "tofu 1.10.1" selects OpenTofu; empty is the server's default
	VarFiles      []string          `json:"var_files,omitempty"`
	BackendConfig map[string]string `json:"backend_config,omitempty"`
	FromModule    string            `json:"from_module,omitempty"`
	After         []string          `json:"after,omitempty"` // names of projects of the same run that come first
	// State identifies where the state is (backend type and its settings), as
	// far as the configuration says; empty when it does not. Two projects with
	// equal ones have the same state.
	State      string `json:"state,omitempty"`
	AfterMerge bool   `json:"after_merge,omitempty"` // applied by the merge, not by /apply
}

// JobEnvironment names the target. Its secrets are resolved where the job
// runs, by name.
type JobEnvironment struct {
	Name      string `json:"name"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
	PlanRole  string `json:"plan_role,omitempty"`
	ApplyRole string `json:"apply_role,omitempty"`
	// Variables of terraform's environment, for engines that resolve them where
	// the job runs.
	Variables []JobVariable `json:"variables,omitempty"`
}

// JobVariable is one variable of terraform's environment: a plain value, or the
// name of a secret.
type JobVariable struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret string `json:"secret,omitempty"` // in AWS Secrets Manager: name or ARN, then #key for one key of a JSON object
	For    string `json:"for,omitempty"`    // plan or apply; empty is both
}

// JobLimits bound a job.
type JobLimits struct {
	Seconds   int   `json:"seconds"`    // wall time of all its processes together, or of the wait for approval
	PlanBytes int64 `json:"plan_bytes"` // size of the plan file
}
