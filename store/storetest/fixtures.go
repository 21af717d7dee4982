package storetest

import (
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// Noon is when things happen.
var Noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// Must returns what a call gave, and ends the test when it went wrong.
func Must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Delivery is one with a GUID.
func Delivery(guid string) run.Delivery {
	return run.Delivery{GUID: guid, Event: "issue_comment", OrderingKey: "7/3", Payload: []byte(`{"a":1}`), ReceivedAt: Noon}
}

// Run is one that was just accepted.
func Run(id, key string) run.Run {
	return run.Run{
		ID: id, Key: key, Kind: run.KindPlan, State: run.StateAccepted, CreatedAt: Noon,
		Subject: run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra"}, PullRequest: 3},
	}
}

// RunOfJobs is a run of n projects whose first job has begun.
func RunOfJobs(n int) run.Run {
	r := Run("1", "k")
	r.State = run.StateRunning
	for i := range n {
		r.Jobs = append(r.Jobs, run.Job{ID: run.JobID(r.ID, i), State: run.JobQueued, Document: run.JobDocument{JobID: run.JobID(r.ID, i), Flags: []string{"-x"}}})
	}
	r.Jobs[0].State = run.JobRunning
	return r
}
