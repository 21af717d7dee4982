package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

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
		{"a run and its jobs", 101, func() error { _, err := s.CreateRun(ctx, storetest.RunOfJobs(100), nil); return err }},
		{"the same run again", 0, func() error { _, err := s.CreateRun(ctx, storetest.RunOfJobs(100), nil); return err }},
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
	want := storetest.RunOfJobs(99)
	want.State, want.Jobs[7].State, want.Jobs[7].Result = run.StateFailed, run.JobFailed, &run.Result{Outcome: run.OutcomeFailed}
	for name, s := range map[string]*Store{"the same store": s, "another one": open(t, file)} {
		got := storetest.Must[run.Run](t)(s.Run(ctx, "1"))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if listed := storetest.Must[[]run.Run](t)(s.PullRuns(ctx, 7, 3, 10)); len(listed) != 1 || cmp.Diff(want, listed[0]) != "" {
			t.Errorf("%s lists %+v", name, listed)
		}
	}
}

// The jobs of a run that an older server stored are in its document.
func TestJobsOfOlderRunsAreMoved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 13)
	db := storetest.Must[*sql.DB](t)(sql.Open("sqlite", file))
	for i, jobs := range []string{
		`,"jobs":[{"id":"0-0","document":{"flags":["a","b"]},"state":"failed","seq":3},{"id":"0-1","document":{},"state":"queued","seq":0}]`,
		``,
		`,"jobs":null`,
		`,"jobs":[]`,
	} {
		storetest.Must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document) VALUES (?1, ?1, 7, 3, 0, 0, ?2)`,
			fmt.Sprint(i), fmt.Sprintf(`{"id":"%d","key":"%d","state":"failed"%s}`, i, i, jobs)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, file)
	for i, want := range []int{2, 0, 0, 0} {
		r := storetest.Must[run.Run](t)(s.Run(t.Context(), fmt.Sprint(i)))
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
	r := storetest.RunOfJobs(3)
	r.State = run.StateFailed
	storetest.Must[bool](t)(s.CreateRun(ctx, r, nil))
	if err := s.Sweep(ctx, storetest.Noon.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.read.QueryRow(`SELECT count(*) FROM jobs`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d jobs are left, %v", left, err)
	}
}
