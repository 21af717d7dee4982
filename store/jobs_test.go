package store

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// withJobs is a run of n projects whose first job has begun.
func withJobs(n int) run.Run {
	r := aRun("1", "k")
	r.State = run.StateRunning
	for i := range n {
		r.Jobs = append(r.Jobs, run.Job{ID: run.JobID(r.ID, i), State: run.JobQueued, Document: run.JobDocument{JobID: run.JobID(r.ID, i), Flags: []string{"-x"}}})
	}
	r.Jobs[0].State = run.JobRunning
	return r
}

func TestOnlyJobsThatDifferAreWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	s, ctx := open(t, file), t.Context()
	rows := func(f func() error) (n int) {
		t.Helper()
		var before, after int
		if err := s.write.QueryRow(`SELECT total_changes()`).Scan(&before); err != nil {
			t.Fatal(err)
		}
		if err := f(); err != nil {
			t.Fatal(err)
		}
		if err := s.write.QueryRow(`SELECT total_changes()`).Scan(&after); err != nil {
			t.Fatal(err)
		}
		return after - before
	}
	update := func(change func(*run.Run)) func() error {
		return func() error {
			_, err := s.UpdateRun(ctx, "1", func(r *run.Run) ([]run.Notice, error) {
				r.Jobs = append([]run.Job(nil), r.Jobs...)
				change(r)
				return nil, nil
			})
			return err
		}
	}
	finish := update(func(r *run.Run) {
		r.Jobs[7].State, r.Jobs[7].Result = run.JobFailed, &run.Result{Outcome: run.OutcomeFailed}
	})
	for _, step := range []struct {
		name string
		want int
		f    func() error
	}{
		{"a run and its jobs", 101, func() error { _, err := s.CreateRun(ctx, withJobs(100), nil); return err }},
		{"the same run again", 0, func() error { _, err := s.CreateRun(ctx, withJobs(100), nil); return err }},
		{"one job, of a run that is read", 2, finish},
		{"nothing of a job, of one that is remembered", 1, finish},
		{"one job more", 2, update(func(r *run.Run) { r.Jobs = append(r.Jobs, run.Job{ID: "more"}) })},
		{"two jobs less", 3, update(func(r *run.Run) { r.Jobs = r.Jobs[:99] })},
		{"what is in the run", 1, update(func(r *run.Run) { r.State = run.StateFailed })},
	} {
		if got := rows(step.f); got != step.want {
			t.Errorf("%s: %d rows written, want %d", step.name, got, step.want)
		}
	}
	want := withJobs(99)
	want.State, want.Jobs[7].State, want.Jobs[7].Result = run.StateFailed, run.JobFailed, &run.Result{Outcome: run.OutcomeFailed}
	for name, s := range map[string]*SQLite{"the same store": s, "another one": open(t, file)} {
		got := must[run.Run](t)(s.Run(ctx, "1"))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if listed := must[[]run.Run](t)(s.PullRuns(ctx, 7, 3, 10)); len(listed) != 1 || cmp.Diff(want, listed[0]) != "" {
			t.Errorf("%s lists %+v", name, listed)
		}
	}
}

func TestAChangeThatFailsLeavesTheJobs(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.CreateRun(ctx, withJobs(3), nil))
	boom := errors.New("boom")
	_, err := s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, _ *run.Locks) (run.Saved, error) {
		r.Jobs = r.Jobs[:1]
		return run.Saved{}, boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff(withJobs(3), must[run.Run](t)(s.Run(ctx, "1"))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The jobs of a run that an older server stored are in its document.
func TestJobsOfOlderRunsAreMoved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 13)
	db := must[*sql.DB](t)(sql.Open("sqlite", file))
	for i, jobs := range []string{
		`,"jobs":[{"id":"0-0","document":{"flags":["a","b"]},"state":"failed","seq":3},{"id":"0-1","document":{},"state":"queued","seq":0}]`,
		``,
		`,"jobs":null`,
		`,"jobs":[]`,
	} {
		must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document) VALUES (?1, ?1, 7, 3, 0, 0, ?2)`,
			fmt.Sprint(i), fmt.Sprintf(`{"id":"%d","key":"%d","state":"failed"%s}`, i, i, jobs)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, file)
	for i, want := range []int{2, 0, 0, 0} {
		r := must[run.Run](t)(s.Run(t.Context(), fmt.Sprint(i)))
		if len(r.Jobs) != want || r.ID != fmt.Sprint(i) {
			t.Errorf("run %d has %d jobs, want %d", i, len(r.Jobs), want)
		}
		if i == 0 && (r.Jobs[0].Seq != 3 || r.Jobs[0].Document.Flags[1] != "b" || r.Jobs[1].ID != "0-1") {
			t.Errorf("jobs %+v", r.Jobs)
		}
	}
}

func TestJobsAreSweptWithTheirRun(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	r := withJobs(3)
	r.State = run.StateFailed
	must[bool](t)(s.CreateRun(ctx, r, nil))
	if err := s.Sweep(ctx, noon.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.read.QueryRow(`SELECT count(*) FROM jobs`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d jobs are left, %v", left, err)
	}
}
