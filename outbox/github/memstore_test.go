package github

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// memStore keeps the part of run.Store's contract that sending uses.
type memStore struct {
	mu      sync.Mutex
	notices []*memNotice
	runs    map[string]run.Run
	posted  map[string]run.Posted
	locks   run.Locks
	noLocks error // in place of them
	writes  []run.Writes
	// lose makes PutPosted fail for rows with an id: the crash between an
	// answer of GitHub and the row that remembers it.
	lose func(run.Posted) error
}

type memNotice struct {
	run.Notice
	due    time.Time
	sent   bool
	causes []string
}

func newMemStore() *memStore {
	return &memStore{runs: map[string]run.Run{}, posted: map[string]run.Posted{}}
}

func (m *memStore) put(notices ...run.Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range notices {
		at := slices.IndexFunc(m.notices, func(o *memNotice) bool { return o.Kind == n.Kind && o.Key == n.Key })
		if at < 0 {
			n.ID, n.Version = int64(len(m.notices)+1), 1
			m.notices = append(m.notices, &memNotice{Notice: n})
			continue
		}
		if old := m.notices[at]; n.Kind == run.NoticeComment || n.Kind == run.NoticeCheck {
			n.ID, n.Version = old.ID, old.Version+1
			*old = memNotice{Notice: n}
		}
	}
}

// PutNotices is put.
func (m *memStore) PutNotices(_ context.Context, notices []run.Notice) error {
	m.put(notices...)
	return nil
}

func (m *memStore) setRun(r run.Run, notices ...run.Notice) {
	m.mu.Lock()
	m.runs[r.ID] = r
	m.mu.Unlock()
	m.put(notices...)
}

func (m *memStore) DueNotices(_ context.Context, now time.Time, limit int) ([]run.Notice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []run.Notice
	for _, n := range m.notices {
		if !n.sent && !n.due.After(now) && len(out) < limit {
			out = append(out, n.Notice)
		}
	}
	return out, nil
}

func (m *memStore) SentNotice(_ context.Context, n run.Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.notices[n.ID-1]; old.Version == n.Version {
		old.sent = true
	}
	return nil
}

func (m *memStore) RetryNotice(_ context.Context, n run.Notice, at time.Time, cause string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.notices[n.ID-1]
	old.Attempts, old.due, old.causes = old.Attempts+1, at, append(old.causes, cause)
	return nil
}

func (m *memStore) Run(_ context.Context, id string) (run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.runs[id]
	if !ok {
		return run.Run{}, run.ErrNotFound
	}
	return r, nil
}

func (m *memStore) PullRuns(_ context.Context, repositoryID int64, pull, limit int) ([]run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []run.Run
	for _, r := range m.runs {
		if r.Repository.ID == repositoryID && r.PullRequest == pull {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b run.Run) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out[:min(len(out), limit)], nil
}

func (m *memStore) CommitRuns(ctx context.Context, repositoryID int64, pull int, sha string) ([]run.Run, error) {
	all, err := m.PullRuns(ctx, repositoryID, pull, 1<<30)
	var counted run.Counted
	var out []run.Run
	for i, r := range all {
		if counts := r.HeadSHA == sha && counted.Add(r); counts || i < run.RecentRuns {
			out = append(out, r)
		}
	}
	return out, err
}

func (m *memStore) PullApplies(ctx context.Context, repositoryID int64, pull, limit int) ([]run.Run, error) {
	runs, err := m.PullRuns(ctx, repositoryID, pull, limit)
	return slices.DeleteFunc(runs, func(r run.Run) bool { return r.Kind != run.KindApply || !r.State.Final() }), err
}

func (m *memStore) Locks(context.Context) (run.Locks, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.locks, m.noLocks
}

func (m *memStore) Posted(_ context.Context, name string) (run.Posted, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.posted[name]
	if !ok {
		return run.Posted{}, run.ErrNotFound
	}
	return p, nil
}

func (m *memStore) PutPosted(_ context.Context, p run.Posted) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lose != nil {
		if err := m.lose(p); err != nil {
			return err
		}
	}
	m.posted[p.Name] = p
	return nil
}

// allSent reports whether nothing is left to do.
func (m *memStore) allSent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !slices.ContainsFunc(m.notices, func(n *memNotice) bool { return !n.sent })
}

// nextDue is when the first notice that waits is due.
func (m *memStore) nextDue() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var next time.Time
	for _, n := range m.notices {
		if !n.sent && (next.IsZero() || n.due.Before(next)) {
			next = n.due
		}
	}
	return next
}

func (m *memStore) CountWrites(_ context.Context, r run.Repository, minute time.Time, n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes = append(m.writes, run.Writes{InstallationID: r.InstallationID, RepositoryID: r.ID, Minute: minute, N: n})
	return nil
}

func (m *memStore) Writes(_ context.Context, since time.Time) (out []run.Writes, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.writes {
		if !w.Minute.Before(since.Truncate(time.Minute)) {
			out = append(out, w)
		}
	}
	return out, nil
}

func (m *memStore) UpdateRun(_ context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.runs[id]
	if !there {
		return r, run.ErrNotFound
	}
	if _, err := change(&r); err != nil {
		return run.Run{}, err
	}
	m.runs[id] = r
	return r, nil
}
