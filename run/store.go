package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/fair"
)

// ErrNotFound is returned by a Store for something that it does not hold.
var ErrNotFound = errors.New("not found")

// Store is the durable state of one Lockkeeper. Every method that changes
// something is one transaction, on disk when it returns nil, and not done at
// all when it returns an error. A cancelled context ends a call with its error.
type Store interface {
	// PutDelivery stores a webhook delivery. One whose GUID or DedupKey is already
	// there is left as it is; added is false then.
	PutDelivery(ctx context.Context, d Delivery) (added bool, err error)
	// PendingDeliveries lists deliveries that are not done and due at now, in
	// order of receipt, the oldest limit of each repository, without their payloads.
	PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// DeliveryPayload returns the payload of a delivery that is not done, or
	// ErrNotFound.
	DeliveryPayload(ctx context.Context, guid string) ([]byte, error)
	// DoneDelivery marks a delivery as acted on and forgets its payload. Doing
	// it twice is no error.
	DoneDelivery(ctx context.Context, guid string) error
	// RetryDelivery notes when to act on it again, why, and how often acting went wrong.
	RetryDelivery(ctx context.Context, guid string, at time.Time, attempts int, cause string) error

	// SubmitRun stores a new run and its notices. When r can join (CanJoin) and
	// joins reports true of an active run of its pull request, the oldest such is
	// stored with one more asker (WithAsker) instead. A Key that has a run, or has
	// joined one, is left as it is; added is false then and nothing is stored.
	SubmitRun(ctx context.Context, r Run, notices []Notice, joins func(Run) bool) (stored Run, added bool, err error)
	// UpdateRun loads a run for update, lets change alter it, and saves it with
	// the notices that change returns. When change returns an error nothing is
	// saved and the error is returned as it is. It returns the saved run. What
	// slices and pointers of a run refer to is shared: change replaces them
	// instead of altering it, as Step does.
	UpdateRun(ctx context.Context, id string, change func(*Run) ([]Notice, error)) (Run, error)
	// UpdateRunAndLocks is UpdateRun with UpdateLocks, in one transaction.
	UpdateRunAndLocks(ctx context.Context, id string, change func(*Run, *Locks) (Saved, error)) (Run, error)
	// UpdateLocks loads all locks and waiters, lets change alter them with the
	// methods of Locks, and saves them with what it returns. ErrConsumed is
	// returned, and nothing saved, when a plan in Locks.Consumed was given to
	// another apply; giving it to the same one again is no error. A change that
	// loses a lock or takes a fence back is an error, too.
	UpdateLocks(ctx context.Context, change func(*Locks) (Saved, error)) error
	// Locks returns all locks, free ones too, and all waiters, as of one moment.
	// The caller may alter them; nothing comes of it.
	Locks(ctx context.Context) (Locks, error)

	// Run returns one run, or ErrNotFound.
	Run(ctx context.Context, id string) (Run, error)
	// ActiveRuns lists the runs that are not final, oldest first.
	ActiveRuns(ctx context.Context) ([]Run, error)
	// PullRuns lists the runs of a pull request, newest first, at most limit.
	PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]Run, error)
	// CommitRuns lists the runs of a pull request that say how it stands at a commit,
	// newest first: the newest RecentRuns whatever they are of, and those before them
	// that count at the commit (Counted). An empty sha is the commit of the newest plan
	// that knows its own.
	CommitRuns(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]Run, error)
	// PullApplies lists the applies among the newest limit runs of a pull request that
	// are over, newest first.
	PullApplies(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]Run, error)

	// PutPushes stores who pushed which commits where. One that is there is left as
	// it is, but for New and Confirmed, which become and stay true.
	PutPushes(ctx context.Context, pushes []Push) error
	// Pushes lists who is known to have pushed these commits to a repository.
	Pushes(ctx context.Context, repositoryID int64, shas []string) ([]Push, error)

	// PutNotices adds notices that belong to no change of a run, such as the
	// answer to /help.
	PutNotices(ctx context.Context, notices []Notice) error
	// DueNotices lists notices to send at now, oldest first, the oldest limit of
	// each repository and reactions only if there is room.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]Notice, error)
	// SentNotice marks a notice as sent, unless it was added again since it was
	// listed (its Version grew): then it stays due.
	SentNotice(ctx context.Context, n Notice) error
	// RetryNotice notes that sending went wrong and when to try again.
	RetryNotice(ctx context.Context, n Notice, at time.Time, cause string) error

	// CountWrites adds to how often something is written to GitHub for a
	// repository in a minute, and Writes lists it from a moment on, oldest first.
	CountWrites(ctx context.Context, r Repository, minute time.Time, n int) error
	Writes(ctx context.Context, since time.Time) ([]Writes, error)

	// Posted returns what was posted under a name (see Posted), or ErrNotFound.
	Posted(ctx context.Context, name string) (Posted, error)
	// PutPosted stores it, replacing what was there.
	PutPosted(ctx context.Context, p Posted) error
}

// Saved is what a change saves beside what it altered. A run whose Key exists
// is left out.
type Saved struct {
	Notices []Notice
	Runs    []Run
}

// Delivery is one webhook delivery as received and verified.
type Delivery struct {
	GUID        string // X-GitHub-Delivery: the same for every attempt at one event
	DedupKey    string // names what it reports, if that must be acted on once under whatever GUID it comes; else empty. Not given out
	Event       string // X-GitHub-Event
	Whose       Whose
	OrderingKey string // what it is about: deliveries of one key are acted on in order
	Payload     []byte
	ReceivedAt  time.Time
	Attempts    int // times that acting on it went wrong
}

// Writes is how often something was written to GitHub for a repository in the
// minute that begins at Minute.
type Writes struct {
	InstallationID, RepositoryID int64
	Minute                       time.Time
	N                            int
}

// Whose says on whose behalf something is done, so that it is done fairly; zero
// when that is not known.
type Whose struct {
	InstallationID int64
	RepositoryID   int64
	Person         string // login
}

// Key is how package fair knows it.
func (w Whose) Key() fair.Key {
	return fair.Key{Installation: strconv.FormatInt(w.InstallationID, 10), Repository: strconv.FormatInt(w.RepositoryID, 10), Person: w.Person}
}

// Posted remembers an object that a report made on GitHub, so that the next
// report edits it. Name is the report's own, such as "comment/<repository id>/<number>".
type Posted struct {
	Name   string
	ID     int64  // on GitHub
	Digest string // of what was posted last: the same again need not be sent
	// Buttons are the identifiers of those that a check run was posted with,
	// separated by spaces; empty for everything else.
	Buttons string
}

// PostedCheck is the name of a check run's Posted. The commit is where the check
// run stands.
func PostedCheck(repositoryID int64, commit, check string) string {
	return fmt.Sprintf("check/%d/%s/%s", repositoryID, commit, check)
}

// Offers reports whether a check run was posted with a button.
func (p Posted) Offers(button string) bool {
	return button != "" && slices.Contains(strings.Fields(p.Buttons), button)
}
