package github

import (
	"errors"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestMergingIsOfOneCommitAndARefusalIsFinal(t *testing.T) {
	b, d, number := doubled(t)
	view, err := d.Pull("acme/infra", number)
	if err != nil {
		t.Fatal(err)
	}
	repo := run.Repository{Owner: "acme", Name: "infra"}
	merge := func(sha string) error {
		client, err := b.sinks.Client(t.Context(), 0) // a new one: it remembers limits
		if err != nil {
			t.Fatal(err)
		}
		return MergePull(t.Context(), client, repo, number, sha, "squash")
	}
	var refused *NotMergedError
	for _, fault := range []struct {
		name string
		fail func()
	}{
		{"502", func() { d.Faults().FailNext(1, 502, "/merge") }},
		{"a limit as 403", func() { d.Faults().LimitSecondaryNext(1, 403, time.Second, "/merge") }},
		{"a limit as 429", func() { d.Faults().LimitSecondaryNext(1, 429, time.Second, "/merge") }},
		{"a token that expired", func() { d.Faults().FailNext(1, 401, "/merge") }},
	} {
		fault.fail()
		if err := merge(view.HeadSHA); err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v, want an error that is not final", fault.name, err)
		}
	}
	if err := merge(view.BaseSHA); !errors.As(err, &refused) || refused.Reason == "" {
		t.Errorf("another commit: %v, want a refusal with GitHub's reason", err)
	}
	if view, err = d.Pull("acme/infra", number); err != nil || view.Merged {
		t.Fatalf("merged %t: %v", view.Merged, err)
	}
	if err := merge(view.HeadSHA); err != nil {
		t.Fatal(err)
	}
	if view, err = d.Pull("acme/infra", number); err != nil || !view.Merged {
		t.Errorf("merged %t: %v", view.Merged, err)
	}
	if err := merge(view.HeadSHA); !errors.As(err, &refused) {
		t.Errorf("merging again: %v, want a refusal", err)
	}
}

// What is merged is what the check says is applied, and only where the server's config
// wants it.
func TestAPullRequestIsMergedWhenItsApplyCheckIsGreen(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		state  run.JobState
		merged bool
	}{
		"applied":                 {"squash", run.JobSucceeded, true},
		"not applied":             {"squash", run.JobFailed, false},
		"applied, and not wanted": {"", run.JobSucceeded, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, d, number := doubled(t)
			at, err := d.Pull("acme/infra", number)
			if err != nil {
				t.Fatal(err)
			}
			b.sinks.MergeMethod, b.sinks.Notify = c.method, b.sender.Wake
			plan := b.planned(number)
			plan.HeadSHA = at.HeadSHA
			r := ended(begun(plan), c.state)
			b.store.setRun(plan)
			b.store.setRun(r, run.MergePull(r))
			b.drain()
			if at, err = d.Pull("acme/infra", number); err != nil || at.Merged != c.merged {
				t.Errorf("merged %t, want %t: %v", at.Merged, c.merged, err)
			}
			if got, err := b.store.Run(t.Context(), r.ID); err != nil || got.Merged != c.merged {
				t.Errorf("the run says that it merged: %t, %v", got.Merged, err)
			}
		})
	}
}
