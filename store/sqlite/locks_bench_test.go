package sqlite

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// BenchmarkPlanOfTwentyProjects stores a prepared run of twenty projects
// together with their forty locks, beside a thousand other projects.
func BenchmarkPlanOfTwentyProjects(b *testing.B) {
	for _, with := range []string{"locks", "nothing"} {
		b.Run("with "+with, func(b *testing.B) { benchmarkPlan(b, with == "locks") })
	}
}

func benchmarkPlan(b *testing.B, locks bool) {
	s, ctx := fresh(b), b.Context()
	err := s.UpdateLocks(ctx, func(l *run.Locks) (run.Saved, error) {
		for i := range 50 {
			l.Claim(run.Subject{Repository: run.Repository{ID: 8}, PullRequest: i + 1}, run.Claims(storetest.Documents(fmt.Sprint("other", i), 20)), true, storetest.Noon)
		}
		return run.Saved{}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	docs := storetest.Documents("p", 20)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		r := storetest.Run(fmt.Sprint(n), fmt.Sprint(n))
		r.PullRequest = n
		storetest.Must[bool](b)(s.CreateRun(ctx, r, nil))
		if err := s.UpdateLocks(ctx, func(l *run.Locks) (run.Saved, error) {
			l.Release(run.Subject{Repository: r.Repository, PullRequest: n - 1}, nil)
			return run.Saved{}, nil
		}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		storetest.Must[run.Run](b)(s.UpdateRunAndLocks(ctx, r.ID, func(r *run.Run, l *run.Locks) (run.Saved, error) {
			for i, doc := range docs {
				r.Jobs = append(r.Jobs, run.Job{ID: run.JobID(r.ID, i), Document: doc})
			}
			if locks {
				if _, blocked := l.Claim(r.Pull(), run.Claims(docs), true, storetest.Noon); len(blocked) > 0 {
					b.Fatal(blocked)
				}
			}
			return run.Saved{Notices: []run.Notice{run.RefreshCheck(*r)}}, nil
		}))
	}
}
