package policy

import (
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// Facts is what the predicates may look at, all read at one moment. A fact that
// could not be read never reaches a predicate: that is an error before.
type Facts struct {
	Now      time.Time
	ByPerson bool // a person requested it; false for what starts automatically
	Button   bool // with a button of a check run, and not in a comment

	Actor      string // login of the requester
	Permission string // of the actor on the repository: admin, write, read or none
	Repository string // owner/name

	// The pull request.
	Number       int
	Open         bool
	Merged       bool // and so not open
	Fork         bool // its commits come from another repository, or nobody can say
	Draft        bool
	Conflicts    bool // GitHub says that it cannot be merged
	Unmergeable  bool // GitHub has not worked out yet whether it can be merged
	Author       string
	Requested    []string // logins, and teams as org/team, that are asked to review and have not done so
	Contributors []string // logins of who wrote its commits: authors, committers, co-authors
	// Unattributed counts commits with an author or co-author that GitHub knows
	// no account of, and commits that could not be listed (GitHub lists 250 of a
	// pull request): nobody can tell then whether who approves wrote them.
	Unattributed int
	// Pushers are the logins of who pushed the head commit or one that it brings,
	// anywhere in the repository. The names in a commit are what its maker wrote
	// there, so who pushed it is taken for one of its authors. Empty: nobody knows
	// who pushed the head, so that it may have been anybody who may write.
	Pushers []string
	// PushedFor are those of them that push for people: accounts of Apps that the
	// server does not list as pushing by themselves alone. Whoever may push may have
	// had it done.
	PushedFor []string
	HeadSHA   string
	BaseRef   string // branch
	// DefaultBranch is the repository's; Branches are those that the server lists
	// as bases, names or patterns of path.Match. Empty: the default branch alone.
	DefaultBranch string
	Branches      []string

	BaseSHA string // tip of the base branch
	Behind  int    // commits of the base branch that the head does not have

	// CommentChanged says that the command's comment was edited or deleted since
	// it was delivered (T14).
	CommentChanged bool
	Reviews        []Review // in the order in which they were given
	Checks         []Check  // of the head commit, the newest of each name
	// Members lists the logins of each team that a rule or CODEOWNERS names, by
	// "org/team" in lower case.
	Members map[string][]string
	Unseen  []string // teams, as keys of Members, that GitHub does not show: there are none, or the App may not see them

	LockAtApply bool      // an apply takes the locks, and a plan neither takes them nor waits for them
	Projects    []Project // that the command is about, by name
	Confirm     string    // project that confirm= names
	Override    bool      // override=policy was typed
}

// Review is one review of the pull request.
type Review struct {
	Login      string
	State      string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING
	Commit     string
	Permission string    // of the reviewer on the repository now: admin, write, read or none; "" when nobody needed to ask
	Bot        bool      // an App or a machine account of GitHub's own
	At         time.Time // when it was submitted, by GitHub's clock; matters for plans with flags
}

// Check is the newest check run of one name.
type Check struct {
	Name       string
	AppID      int64
	Status     string // queued, in_progress or completed
	Conclusion string // of completed ones
}

// Project is what is known of one project of the command.
type Project struct {
	Name        string
	Dir         string
	Environment string
	AfterMerge  bool // applied by the merge, not by a command; leave it out when nobody named it
	HeadOnly    bool // only the head of the pull request names it
	Rules       Rules
	// Owners are the CODEOWNERS of the project's directory on the base branch, as
	// written: @login, @org/team or an e-mail address. The groups of several
	// lines do not add up: the last match counts (GitHub documentation, "About
	// code owners").
	Owners []string
	// Touched says that the pull request changes the project at its head.
	Touched bool
	// BaseChanged lists paths that the project can reach and that changed on the
	// base branch since the pull request last took it in; at most 20.
	BaseChanged []string

	// Keeping says, by the commit alone, whether the state outlives a job.
	Keeping Keeping

	Plan *StoredPlan // newest at the head; nil when there is none
	// Seen is what those who approve the head had been shown of the project when they
	// did, by login in lower case; it matters where approvals are of plans.
	Seen   map[string]Seen
	Held   bool // the pull request holds the project's locks as it did at the plan; where an apply takes them, nobody else does
	HeldBy int  // pull request that holds them otherwise; 0 when nobody does
	Place  int  // of this pull request in the line of those who wait; 0 when it does not
	// With is a project that the pull request waits for together with this one, which
	// nobody holds, and WithHeldBy who holds that.
	With       string
	WithHeldBy int
	Busy       bool // an apply of the project is under way
	Astray     bool // what an earlier apply made is in no backend
	// AstrayIn is a file with it, below the server's data directory; empty when none is known.
	AstrayIn string
	Applied  bool // the newest plan is applied, or changes nothing
	// Before lists projects that come first (after: in lockkeeper.yml), are changed in
	// this pull request, neither applied nor empty at its head and base, and not part of
	// the command; Unplanned are those of them that have no plan there.
	Before    []string
	Unplanned []string
	Running   []string // commands of the pull request that are under way for it, such as "/plan"
}

// StoredPlan is the newest plan of a project.
type StoredPlan struct {
	HeadSHA     string
	BaseSHA     string
	At          time.Time // when it was finished
	Complete    bool      // it succeeded and its file is there
	Sealed      bool      // its file is there, and encrypted with a key that the server does not have
	Empty       bool      // it changes nothing
	Speculative bool      // made without the lock; never where an apply takes it
	Used        bool      // given to an apply before
	Flags       []string  // of terraform that somebody typed behind /plan
	Changes     []Change  // that destroy or replace
	Denied      []string  // plan policy's messages, plain text
	Warned      []string
	Keeping     Keeping // whether its state outlives the job of its apply, as its own job says
	Judged      bool    // plan policy judged it, or there is none
	Ruled       bool    // there is one
	Shown       bool    // the pull request's comment is known to have shown it

	Missed  int              // files that planning made and the apply would miss
	Missing []run.MissedFile // the first of them
}

// Change is a resource that a plan destroys or replaces.
type Change struct {
	Address string
	Type    string
	Replace bool
}

// Current says how current a branch must be to be applied.
type Current string

// How current a branch must be.
const (
	CurrentStrict  Current = "strict"  // it has every commit of the base branch
	CurrentProject Current = "project" // nothing that the project can reach changed on the base branch
	CurrentOff     Current = "off"
)

// NewProjects says what happens to a project that only the head of a pull request names.
type NewProjects string

// What may happen to it. Anything else is the first one.
const (
	NewNone  NewProjects = "none"  // it is listed
	NewPlan  NewProjects = "plan"  // it is planned, and applied after the merge
	NewApply NewProjects = "apply" // it is planned and applied as any other
)

// Rules is what the server's config demands for one environment. The zero
// value of a rule demands nothing, but Plan and Apply with nobody in them mean
// people who may write to the repository, Unlock and Override with nobody in
// them mean nobody, a Current that is none of the three denies, and approvals are
// of plans.
type Rules struct {
	ApprovalOf     ApprovalOf
	Approvals      int      // of people with write access who are neither author nor contributors
	CodeOwners     bool     // one approval is by an owner of the project's directory
	ApprovedBy     []string // teams (org/team) or logins (@login) one approval of which is needed
	Plan           []string // teams or logins who may plan; empty: write access
	Apply          []string // teams or logins who may apply, besides having write access
	Unlock         []string // teams or logins who may take a lock from another pull request
	Override       []string // teams or logins who may apply in spite of plan policy
	Current        Current
	RequiredChecks []string
	// Protected are patterns of resource types (path.Match) whose destruction or
	// replacement needs confirm= or ProtectedApprovals approvals.
	Protected          []string
	ProtectedApprovals int
	MaxPlanAge         time.Duration // 0: no limit
	Drafts             bool          // drafts may be applied
	NoApply            bool          // nothing is applied from pull requests
	NewProjects        NewProjects   // what happens to a project that only the head of a pull request names
	Unrefreshed        bool          // a plan with -refresh=false is taken for a whole one
	NoButtons          bool          // what changes something is requested in a comment, not with a button
}
