package run

import (
	"errors"
	"strconv"
	"time"
)

// Holder is who holds or waits for a lock: a pull request, by its repository's
// ID and its number.
type Holder struct {
	Repository  Repository `json:"repository"`
	PullRequest int        `json:"pull_request"`
}

// Is reports whether two holders are the same pull request. Names may change.
func (h Holder) Is(o Holder) bool {
	return h.Repository.ID == o.Repository.ID && h.PullRequest == o.PullRequest
}

// Lock is the exclusive right to change one state. A project has one or two:
// see LockKeys. A free lock is kept for its Fence.
type Lock struct {
	Key      string
	Fence    int64  // grows with each grant of this key and never goes back
	Holder   Holder // zero when the lock is free
	Project  string // that it was taken for; for people
	TakenAt  time.Time
	UsedAt   time.Time // of the holder's last run under it
	WarnedAt time.Time // when the holder was told that it will expire; zero before
	Busy     string    // id of the run whose mutating step is under way; such a lock is never released
	Closing  bool      // the pull request is over: released as soon as it is not busy
	Dirty    bool      // the last apply under it failed or was interrupted: a merge does not release it
}

// Free reports whether nobody holds the lock.
func (l Lock) Free() bool { return l.Holder.PullRequest == 0 }

// Waiter is a pull request that waits for all locks of its projects at once.
// Waiters of one key are served in the order of ID.
type Waiter struct {
	ID       int64 // grows; given by Claim
	Holder   Holder
	Projects []Claimed
	Since    time.Time
}

// Claimed is a project and the keys that it needs.
type Claimed struct {
	Project string   `json:"project"`
	Keys    []string `json:"keys"`
}

// Blocked says why a project's lock was not given.
type Blocked struct {
	Project string `json:"project"`
	Holder  Holder `json:"holder"` // who has it; zero when only earlier waiters stand before
	Place   int    `json:"place"`  // in the line of those who wait, counted from 1
}

// Locks is every lock and everybody who waits. Its methods decide and change
// nothing but the value; the Store saves it in the transaction that loaded it.
type Locks struct {
	Locks   []Lock
	Waiters []Waiter

	// Consumed lists plans that this change gives to an apply; the Store refuses
	// the whole change with ErrConsumed when one was given before.
	Consumed []Consumed
}

// Consumed says that a plan was given to an apply. A plan is given once, ever.
type Consumed struct{ PlanJob, ApplyJob string }

// ErrConsumed means that a plan was already given to an apply.
var ErrConsumed = errors.New("the plan was already given to an apply")

// ErrFence means that a lock is not held as it was when the plan was made.
var ErrFence = errors.New("the lock is not held any more as it was when the plan was made")

// LockKeys are the keys that a job's project needs: its directory and workspace
// in its repository and, when the configuration tells, where its state is, so
// that two projects with one state exclude each other.
func LockKeys(doc JobDocument) []string {
	keys := []string{"dir:" + strconv.FormatInt(doc.RepositoryID, 10) + ":" + doc.Project.Dir + ":" + doc.Project.Workspace}
	if doc.Project.State != "" {
		keys = append(keys, "state:"+doc.Project.State)
	}
	return keys
}

// Claims is what a run's jobs need, in their order.
func Claims(docs []JobDocument) []Claimed {
	out := make([]Claimed, len(docs))
	for i, doc := range docs {
		out[i] = Claimed{Project: doc.Project.Name, Keys: LockKeys(doc)}
	}
	return out
}

// Claim gives h the locks of all projects, or of none. When all keys are free or
// h's own, and nobody who waits longer wants one of them, every key that was
// free gets the next fence and fences says, by project, which one its first key
// has. Otherwise h waits, in the place it had before if it then waited for all
// of these already, and blocked says for each project that is not free why.
// What h no longer needs it neither holds nor waits for any more when whole says
// that projects is everything its pull request is about, except locks that are
// busy or dirty.
func (l *Locks) Claim(h Holder, projects []Claimed, whole bool, now time.Time) (fences map[string]int64, blocked []Blocked) {
	panic("not written yet")
}

// Begin marks the locks of the jobs of a mutating run as busy, all or none. It
// is ErrFence when one is not held by h with the fence of its document, or is
// busy already.
func (l *Locks) Begin(h Holder, runID string, docs []JobDocument, now time.Time) error {
	panic("not written yet")
}

// End ends what Begin began; dirty names the projects whose apply failed or was
// interrupted after it began, clean those that were applied. Locks that are
// Closing and not dirty become free.
func (l *Locks) End(runID string, clean, dirty []string, now time.Time) {
	panic("not written yet")
}

// Release frees what h holds, of the named projects or of all when there are no
// names, and ends its waiting for them. Locks that are busy stay and are
// returned as busy: the projects' names.
func (l *Locks) Release(h Holder, projects []string) (released, busy []string) {
	panic("not written yet")
}

// Close ends the interest of a pull request that was merged or closed: it waits
// no more, and holds nothing more as soon as nothing is busy. Merged alone does
// not free a lock that is dirty.
func (l *Locks) Close(h Holder, merged bool) { panic("not written yet") }

// Turns gives locks to waiters whose turn it is, in order, until nobody else can
// have all that it waits for, and returns them; they wait no more.
func (l *Locks) Turns(now time.Time) []Waiter { panic("not written yet") }

// Expired lists holders none of whose locks was used since before, is busy or
// dirty. Idle lists those whose locks are to be warned about: not used since
// before and not warned yet.
func (l *Locks) Expired(before time.Time) []Holder { panic("not written yet") }

// Idle is described at Expired.
func (l *Locks) Idle(before time.Time) []Holder { panic("not written yet") }

// Held is what h holds, by project, in the order of the names.
func (l Locks) Held(h Holder) []Lock { panic("not written yet") }

// Place is the place of h in the line for a project's locks, counted from 1; 0
// when it does not wait for it.
func (l Locks) Place(h Holder, project string) int { panic("not written yet") }
