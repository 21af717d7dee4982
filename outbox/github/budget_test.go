package github

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func repoOf(installation, repository int64) run.Repository {
	return run.Repository{ID: repository, InstallationID: installation, Owner: "o", Name: "r"}
}

func TestBudgetOfWrites(t *testing.T) {
	loud, neighbour, other := repoOf(1, 10), repoOf(1, 11), repoOf(2, 20)
	const minute = perMinute * 85 / 100 // of one repository
	for _, tt := range []struct {
		name   string
		before int // writes of loud, all at noon
		who    run.Repository
		class  class
		wait   time.Duration
	}{
		{"nothing was written", 0, loud, mayDrop, 0},
		{"reactions are the first to end", 28 * 85 / 100, loud, mayDrop, time.Minute},
		{"the others go on then", 28 * 85 / 100, loud, mayWait, 0},
		{"updates of what runs wait next", 46 * 85 / 100, loud, mayWait, time.Minute},
		{"results go on then", minute - 1, loud, mustSay, 0},
		{"and wait last", minute, loud, mustSay, time.Minute},
		{"a neighbour has what is left for it", minute, neighbour, mustSay, 0},
		{"another installation has a budget of its own", minute, other, mayDrop, 0},
		{"an hour is full", perHour, loud, mustSay, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBudget(perMinute, perHour)
			b.add(loud.InstallationID, loud.ID, tt.before, viewtest.Noon)
			if got := b.when(tt.who, tt.class, viewtest.Noon.Add(time.Second)); got.Sub(viewtest.Noon) != max(tt.wait, time.Second) {
				t.Errorf("from %s on, want %s", got.Sub(viewtest.Noon), tt.wait)
			}
		})
	}
}

// Whatever is asked for when: never more than GitHub allows in any minute or
// hour, and whoever comes back at the time that was said may write.
func TestBudgetStaysBelowGitHubsLimits(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 2))
		b, now := newBudget(perMinute, perHour), viewtest.Noon
		var made []time.Time
		for range 3000 {
			now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
			r, c := repoOf(1, int64(10+random.IntN(3))), class(random.IntN(3))
			_, at := b.spend(r, c, now)
			if at.After(now) {
				if again := b.when(r, c, at); again.After(at) {
					t.Fatalf("seed %d: at %s it was said to wait until %s, and then until %s", seed, now, at, again)
				}
				continue
			}
			made = append(made, now)
			for _, limit := range []struct {
				window time.Duration
				most   int
			}{{time.Minute, 80}, {time.Hour, 500}} {
				n := 0
				for _, m := range made {
					if now.Sub(m) < limit.window {
						n++
					}
				}
				if n > limit.most {
					t.Fatalf("seed %d: %d writes within %s", seed, n, limit.window)
				}
			}
		}
		if len(made) < perHour {
			t.Fatalf("seed %d: only %d writes", seed, len(made))
		}
	}
}

// Whoever writes in turn with others costs no more commits than alone.
func TestWhoeverWritesLeavesToOthersWhatIsCountedAhead(t *testing.T) {
	for name, others := range map[string]run.Repository{"of the same installation": repoOf(1, 11), "of another one": repoOf(2, 20)} {
		t.Run(name, func(t *testing.T) {
			b, counts := newBudget(perMinute, perHour), 0
			for range 2 * countedAhead {
				for _, r := range []run.Repository{repoOf(1, 10), others} {
					if count, _ := b.spend(r, mustSay, viewtest.Noon); count != (stored{}) {
						counts++
					}
				}
			}
			if counts != 4 {
				t.Errorf("%d commits for %d writes of each of two, want 2 of each", counts, 2*countedAhead)
			}
			if _, _ = b.spend(others, mustSay, viewtest.Noon.Add(time.Minute)); len(b.ahead) != 1 {
				t.Errorf("counted ahead a minute later: %v", b.ahead)
			}
		})
	}
}

// spent uses up writes of the repository before anything is sent.
func (b *bench) spent(writes int) {
	b.sinks.budget = newBudget(perMinute, perHour)
	b.sinks.budget.add(viewtest.Repository.InstallationID, viewtest.Repository.ID, writes, b.now())
}

func TestAfterARestartTheBudgetIsNotFullAgain(t *testing.T) {
	b := newBench(t)
	for n := range 10 {
		b.store.put(run.ReplyTo(viewtest.Repository, 1, fmt.Sprint("q", n), "hello"))
	}
	b.drain()
	b.restart()
	var err error
	if b.sinks.budget, err = b.sinks.recalled(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _ := b.sinks.budget.since(viewtest.Repository, b.now().Add(-time.Minute)); len(all) < 10 || len(all) > 10+countedAhead {
		t.Errorf("%d writes are known after a restart, of 10", len(all))
	}
}

func TestWhatTheBudgetDoesNotAllowIsLeftOutOrSentLater(t *testing.T) {
	b := newBench(t)
	b.spent(perMinute)
	b.store.put(run.ReactionTo(viewtest.Repository, 1, 5, "eyes"), run.ReplyTo(viewtest.Repository, 1, "q", "hello"))
	b.round()
	b.round()
	b.wantCalls() // nothing is written
	b.advance(time.Minute + time.Second)
	b.drain()
	b.wantCalls("POST comment")
}

func TestAnUpdateOfWhatRunsWaitsAndTheResultDoesNot(t *testing.T) {
	b := newBench(t)
	r := b.planned(1)
	running := r
	running.State, running.Jobs = run.StateRunning, []run.Job{{ID: r.Jobs[0].ID, Document: r.Jobs[0].Document, State: run.JobRunning}}
	b.spent(perMinute * 70 / 100)
	b.store.setRun(running, run.RefreshCheck(running))
	b.round()
	b.round()
	b.wantCalls()
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	if states := b.github.checkStates(); len(states) != 2 {
		t.Errorf("checks: %v, calls %v", states, b.github.seen())
	}
}
