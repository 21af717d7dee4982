package run

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lock is the exclusive right to change one state. A project has one or two:
// see LockKeys. A free lock is kept for its Fence.
type Lock struct {
	Key      string
	Fence    int64   // grows with each grant of this key and never goes back
	Holder   Subject // zero when the lock is free
	Project  string  // that it was taken for; for people
	TakenAt  time.Time
	UsedAt   time.Time // of the holder's last run under it
	WarnedAt time.Time // when the holder was notified that it will expire; zero before
	Busy     string    // id of the run whose mutating step is under way; such a lock is never released
	Closing  bool      // the pull request is over: released as soon as it is neither busy nor dirty
	Dirty    bool      // the last apply under it failed or was interrupted: a merge does not release it
	Astray   bool      // what an apply under it made is in no backend: only a person or a close releases it, and nothing is applied before
	Applied  bool      // something was applied under it that is not merged yet: only a merge, a close or a person releases it
	Merged   bool      // of one that is Closing: the pull request was merged
	Idle     bool      // nothing can be applied under it: the plan failed, changes nothing or is a draft's. Anyone who wants it may have it
	Plan     string    // id of the plan run that claimed it last; empty when none did since the grant
	Place    int64     // in the queue, from which it was taken; its holder has it again when it is given on
	Last     Applied   // what changed the state last under this key; a free lock remembers it, too
	Settled  time.Time // of the newest plan or apply after which what runs was what the base branch said then; a free lock remembers it, too
}

// Applied is the last apply that changed a state.
type Applied struct {
	By     Subject // zero when there is none
	At     time.Time
	Merged bool // what it made is on the base branch, as far as is known
}

// Foreign reports whether the state holds what another pull request than h made
// and did not merge.
func (a Applied) Foreign(h Subject) bool { return !a.By.IsZero() && !a.By.Is(h) && !a.Merged }

// Free reports whether nobody holds the lock.
func (l Lock) Free() bool { return l.Holder.IsZero() }

// used reports whether something was or is being changed under the lock, so
// that its holder keeps it without requesting it again.
func (l Lock) used() bool { return l.Busy != "" || l.Dirty || l.Astray || l.Applied }

// Yields reports whether its holder makes way for anyone who wants the lock.
func (l Lock) Yields() bool { return !l.Free() && l.Idle && !l.used() && !l.Closing }

func (l *Lock) free() { *l = Lock{Key: l.Key, Fence: l.Fence, Last: l.Last, Settled: l.Settled} }

// Waiter is a pull request that waits for all locks of its projects at once. A
// pull request has one place in the queue: waiters are served in the order of ID,
// those that are Idle behind the others.
type Waiter struct {
	ID       int64 // grows; a pull request that gives its locks on has the one again from which it took them
	Holder   Subject
	Projects []Claimed
	Since    time.Time
	Idle     bool // it gave its locks on, because nothing could be applied under them: it stands before nobody
}

// Claimed is a project and the keys that it needs.
type Claimed struct {
	Project string   `json:"project"`
	Keys    []string `json:"keys"`
}

// Blocked says why a project's lock was not given.
type Blocked struct {
	Project string  `json:"project"`
	Holder  Subject `json:"holder"` // who has it; zero when only earlier waiters stand before
	Place   int     `json:"place"`  // in the queue, counted from 1
}

// Locks is every lock and everybody who waits. Its methods decide and change
// nothing but the value; the Store saves it in the transaction that loaded it.
// Slices inside of waiters are shared: replace them, as the methods do.
type Locks struct {
	Locks      []Lock   // in the order of Key
	Waiters    []Waiter // in the order of ID
	LastWaiter int64    // the greatest place that was ever given
	Closed     []Closed // pull requests that were closed not long ago; see Close
	Left       []Left   // what is left to put right of pull requests that are over
	Done       []Done   // whose checks count a project as done

	// Consumed lists plans that this change gives to an apply; the Store refuses
	// the whole change with ErrConsumed when one was given before.
	Consumed []Consumed
}

// Clone copies what the methods of Locks alter in place.
func (l Locks) Clone() Locks {
	l.Locks, l.Waiters, l.Closed = slices.Clone(l.Locks), slices.Clone(l.Waiters), slices.Clone(l.Closed)
	l.Left, l.Done = slices.Clone(l.Left), slices.Clone(l.Done)
	return l
}

// Closed remembers that a pull request was closed or merged.
type Closed struct {
	Holder Subject // without names
	At     time.Time
}

// Consumed says that a plan was given to an apply. A plan is given once, ever.
type Consumed struct{ PlanJob, ApplyJob string }

// ErrConsumed means that a plan was already given to an apply.
var ErrConsumed = errors.New("the plan was already given to an apply")

// ErrFence means that a lock is not held as it was when the plan was made.
var ErrFence = errors.New("the lock is not held any more as it was when the plan was made")

// ErrSameState means that one run wants to change one state twice.
var ErrSameState = errors.New("two of the projects have the same state")

// LockKeys are the keys that a job's project needs: its directory and workspace
// in its repository and, when the configuration says so, where its state is, so
// that two projects with one state exclude each other.
//
// A clean directory has no "//" inside, so that no two projects share a key by
// the way they are spelled.
func LockKeys(doc JobDocument) []string {
	keys := []string{keysOfDirs(doc.RepositoryID) + doc.Project.Dir + "//" + doc.Project.Workspace}
	if doc.Project.State != "" {
		keys = append(keys, "state:"+doc.Project.State)
	}
	return keys
}

// keysOfDirs begins the keys of a repository's directories.
func keysOfDirs(repository int64) string { return "dir:" + strconv.FormatInt(repository, 10) + ":" }

// DirOfKey is the directory of a repository that a lock's key stands for; is is false when
// it stands for something else.
func DirOfKey(key string, repository int64) (dir string, is bool) {
	rest, is := strings.CutPrefix(key, keysOfDirs(repository))
	if at := strings.LastIndex(rest, "//"); is && at >= 0 {
		return rest[:at], true
	}
	return "", false
}

// Claims is what a run's jobs need, in their order.
func Claims(docs []JobDocument) []Claimed {
	out := make([]Claimed, len(docs))
	for i, doc := range docs {
		out[i] = Claimed{Project: doc.Project.Name, Keys: LockKeys(doc)}
	}
	return out
}

// keysOf are the keys of projects, each once, in the order of the first use.
func keysOf(projects []Claimed) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range projects {
		for _, key := range p.Keys {
			if !seen[key] {
				seen[key] = true
				out = append(out, key)
			}
		}
	}
	return out
}

// find returns the lock of a key; nil when nobody ever had it.
func (l *Locks) find(key string) *Lock {
	i, found := slices.BinarySearchFunc(l.Locks, key, func(lock Lock, key string) int { return strings.Compare(lock.Key, key) })
	if !found {
		return nil
	}
	return &l.Locks[i]
}

// holds reports whether h holds a key.
func (l *Locks) holds(h Subject, key string) bool {
	lock := l.find(key)
	return lock != nil && lock.Holder.Is(h)
}

// fence is the sum of the fences of a project's keys. It grows with each grant
// of one of them, so equal sums mean that none was given away in between.
func (l *Locks) fence(keys []string) (sum int64) {
	for _, key := range keys {
		if lock := l.find(key); lock != nil {
			sum += lock.Fence
		}
	}
	return sum
}
