package store

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
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
			l.Claim(run.Holder{Repository: run.Repository{ID: 8}, PullRequest: i + 1}, run.Claims(documents(fmt.Sprint("other", i), 20)), true, noon)
		}
		return run.Saved{}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	docs := documents("p", 20)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		r := aRun(fmt.Sprint(n), fmt.Sprint(n))
		r.PullRequest = n
		must[bool](b)(s.CreateRun(ctx, r, nil))
		if err := s.UpdateLocks(ctx, func(l *run.Locks) (run.Saved, error) {
			l.Release(run.Holder{Repository: r.Repository, PullRequest: n - 1}, nil)
			return run.Saved{}, nil
		}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		must[run.Run](b)(s.UpdateRunAndLocks(ctx, r.ID, func(r *run.Run, l *run.Locks) (run.Saved, error) {
			for i, doc := range docs {
				r.Jobs = append(r.Jobs, run.Job{ID: run.JobID(r.ID, i), Document: doc})
			}
			if locks {
				if _, blocked := l.Claim(r.Holder(), run.Claims(docs), true, noon); len(blocked) > 0 {
					b.Fatal(blocked)
				}
			}
			return run.Saved{Notices: []run.Notice{run.RefreshCheck(*r)}}, nil
		}))
	}
}

func documents(prefix string, n int) []run.JobDocument {
	docs := make([]run.JobDocument, n)
	for i := range docs {
		name := fmt.Sprintf("%s-%d", prefix, i)
		docs[i] = run.JobDocument{RepositoryID: 7, Project: run.JobProject{Name: name, Dir: "infra/" + name, Workspace: "default", State: "s3/acme/" + name}}
	}
	return docs
}
