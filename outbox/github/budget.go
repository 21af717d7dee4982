package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// GitHub allows 80 requests a minute and 500 an hour that create content, of one
// installation ("Rate limits for the REST API", "About secondary rate limits").
// It does not say which count, nor where its minutes begin: every write counts
// here, in any minute, and a tenth is left to what the App does elsewhere.
const ( // when the config does not say otherwise
	perMinute = 72
	perHour   = 450
)

// class says how much a write matters when few are left.
type class int

const (
	mustSay class = iota // answers: comments, refusals, checks that are over, merges
	mayWait              // that something began, and what it prints: the latest is enough, later
	mayDrop              // reactions: left out
)

// Percent of a window's writes that must not be used up yet for a write of a
// class, and that one repository may use: the rest is for its neighbours. What
// may be left out must not cost a result an hour later.
var upTo = map[time.Duration]map[class]int{
	time.Minute: {mustSay: 100, mayWait: 65, mayDrop: 40},
	time.Hour:   {mustSay: 100, mayWait: 35, mayDrop: 20},
}

const ofRepository = 85

// budget knows the writes of the last hour. It is not safe for use by several
// goroutines at once.
type budget struct {
	perMinute, perHour int

	writes map[int64][]written // by installation, in order
	ahead  map[stored]int      // counted in the store and not used yet
}

type written struct {
	at         time.Time
	repository int64
}

type stored struct{ installation, repository, minute int64 }

func newBudget(perMinute, perHour int) *budget {
	return &budget{perMinute: perMinute, perHour: perHour, writes: map[int64][]written{}, ahead: map[stored]int{}}
}

// when is from when on a write is within the budget, not before now.
func (b *budget) when(r run.Repository, c class, now time.Time) time.Time {
	until := now
	for _, w := range []struct {
		window time.Duration
		most   int
	}{{time.Minute, b.perMinute}, {time.Hour, b.perHour}} {
		most := w.most * upTo[w.window][c] / 100
		all, mine := b.since(r, now.Add(-w.window))
		for _, x := range []struct {
			at   []time.Time
			most int
		}{{all, most}, {mine, most * ofRepository / 100}} {
			if over := len(x.at) - x.most; over >= 0 {
				until = latest(until, x.at[over].Add(w.window))
			}
		}
	}
	return until
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// since lists when something was written after a moment: for the installation,
// and for the repository.
func (b *budget) since(r run.Repository, from time.Time) (all, mine []time.Time) {
	for _, w := range b.writes[r.InstallationID] {
		if !w.at.After(from) {
			continue
		}
		all = append(all, w.at)
		if w.repository == r.ID {
			mine = append(mine, w.at)
		}
	}
	return all, mine
}

// add counts writes and forgets old ones.
func (b *budget) add(installation, repository int64, n int, at time.Time) {
	list := b.writes[installation]
	for len(list) > 0 && at.Sub(list[0].at) > time.Hour {
		list = list[1:]
	}
	for range n {
		list = append(list, written{at, repository})
	}
	b.writes[installation] = list
}

// countedAhead is how many writes are counted in the store at once, so that few
// cost a commit. After a crash those that were not made count, too.
const countedAhead = 5

// spend uses up a write, or says from when on there is one. The first of a few
// is due to the store before it is made.
func (b *budget) spend(r run.Repository, c class, now time.Time) (count stored, at time.Time) {
	if at = b.when(r, c, now); at.After(now) {
		return stored{}, at
	}
	key := stored{r.InstallationID, r.ID, now.Unix() / 60}
	if b.ahead[key] == 0 {
		// Those of earlier minutes are of no use; others may still use theirs.
		maps.DeleteFunc(b.ahead, func(k stored, _ int) bool { return k.minute != key.minute })
		b.ahead[key], count = countedAhead, key
	}
	b.ahead[key]--
	b.add(r.InstallationID, r.ID, 1, now)
	return count, at
}

var errBudget = errors.New("the budget of writes is used up")

// spend uses up one write of the notice's installation, or is a *run.NotBeforeError.
func (d delivery) spend(ctx context.Context, c class) error {
	r := d.notice.Repository
	count, at, err := d.spent(ctx, r, c)
	if err != nil {
		return err
	}
	if at.After(d.Now()) {
		return &run.NotBeforeError{At: at, Err: errBudget}
	}
	if count.minute == 0 {
		return nil
	}
	if err := d.Store.CountWrites(ctx, r, time.Unix(count.minute*60, 0), countedAhead); err != nil {
		return storeError(fmt.Errorf("counting what is written to GitHub: %w", err))
	}
	return nil
}

func (g *GitHub) spent(ctx context.Context, r run.Repository, c class) (count stored, at time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.budget == nil {
		if g.budget, err = g.recalled(ctx); err != nil {
			return stored{}, time.Time{}, err
		}
	}
	count, at = g.budget.spend(r, c, g.Now())
	return count, at, nil
}

// recalled is the budget with what was written before the start.
func (g *GitHub) recalled(ctx context.Context) (*budget, error) {
	now := g.Now()
	counts, err := g.Store.Writes(ctx, now.Add(-time.Hour))
	if err != nil {
		return nil, storeError(fmt.Errorf("reading what was written to GitHub: %w", err))
	}
	b := newBudget(cmp.Or(g.PerMinute, perMinute), cmp.Or(g.PerHour, perHour))
	for _, c := range counts {
		at := c.Minute.Add(time.Minute) // at its end, at worst
		if at.After(now) {
			at = now
		}
		b.add(c.InstallationID, c.RepositoryID, c.N, at)
	}
	return b, nil
}
