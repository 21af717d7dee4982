package run

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// chain is an apply of a vpc, a network after it, an application after that, and
// a project that stands alone.
func chain() (Run, Prepared) {
	r := accepted()
	r.Kind = KindApply
	project := func(name string, after ...string) JobDocument {
		return JobDocument{Command: KindApply, Project: JobProject{Name: name, After: after}}
	}
	return r, Prepared{At: noon, Preparation: Preparation{HeadSHA: "aaa", Documents: []JobDocument{
		project("vpc"), project("network", "vpc"), project("app", "network"), project("alone"),
	}}}
}

func TestStepOfAnApply(t *testing.T) {
	r, prepared := chain()
	done := func(job int, o Outcome) Messaged { return message(job, 1, MessageFinished, o) }
	start := func(jobs ...int) []Effect { return effects(EffectStart, jobs...) }
	withdraw := func(jobs ...int) []Effect { return effects(EffectWithdraw, jobs...) }
	cancelled := CancelRequested{At: noon, By: "rui"}

	tests := []struct {
		name    string
		events  []Event
		state   State
		effects []Effect
		jobs    []JobState
	}{
		{"what comes first starts first, what stands alone too", []Event{prepared}, StateRunning, start(0, 3),
			[]JobState{JobQueued, JobQueued, JobQueued, JobQueued}},
		{"the next starts when the one before it is applied", []Event{prepared, done(0, OutcomeSucceeded)}, StateRunning, start(1),
			[]JobState{JobSucceeded, JobQueued, JobQueued, JobQueued}},
		{"everything behind a failure is skipped, the rest goes on", []Event{prepared, done(0, OutcomeFailed)}, StateRunning, nil,
			[]JobState{JobFailed, JobSkipped, JobSkipped, JobQueued}},
		{"a failure and what was skipped make a failed run", []Event{prepared, done(0, OutcomeFailed), done(3, OutcomeSucceeded)}, StateFailed, nil,
			[]JobState{JobFailed, JobSkipped, JobSkipped, JobSucceeded}},
		{"all applied", []Event{prepared, done(0, OutcomeSucceeded), done(1, OutcomeSucceeded), done(2, OutcomeSucceeded), done(3, OutcomeSucceeded)}, StateSucceeded, nil,
			[]JobState{JobSucceeded, JobSucceeded, JobSucceeded, JobSucceeded}},
		{"T18: a push stops what has not begun and interrupts nothing", []Event{prepared, done(0, OutcomeSucceeded), NewerCommit{At: noon, SHA: "ccc"}}, StateRunning, withdraw(1, 2, 3),
			[]JobState{JobSucceeded, JobQueued, JobQueued, JobQueued}},
		{"a close stops what has not begun", []Event{prepared, PullClosed{At: noon}}, StateRunning, withdraw(0, 1, 2, 3),
			[]JobState{JobQueued, JobQueued, JobQueued, JobQueued}},
		{"a person interrupts", []Event{prepared, cancelled}, StateRunning, effects(EffectCancel, 0, 1, 2, 3),
			[]JobState{JobQueued, JobQueued, JobQueued, JobQueued}},
		{"a person interrupts also what a push is ending", []Event{prepared, NewerCommit{At: noon, SHA: "ccc"}, cancelled}, StateRunning, effects(EffectCancel, 0, 1, 2, 3),
			[]JobState{JobQueued, JobQueued, JobQueued, JobQueued}},
		{"an apply that a push overtook is over when its jobs are", []Event{prepared, NewerCommit{At: noon, SHA: "ccc"},
			done(0, OutcomeSucceeded), done(1, OutcomeCancelled), done(3, OutcomeCancelled)}, StateSuperseded, nil,
			[]JobState{JobSucceeded, JobCancelled, JobSkipped, JobCancelled}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			n := play(r, c.events...)
			if n.Run.State != c.state {
				t.Errorf("state %s, want %s", n.Run.State, c.state)
			}
			if d := cmp.Diff(c.effects, n.Effects); d != "" {
				t.Errorf("effects (-want +got):\n%s", d)
			}
			var jobs []JobState
			for _, j := range n.Run.Jobs {
				jobs = append(jobs, j.State)
			}
			if !slices.Equal(jobs, c.jobs) {
				t.Errorf("jobs %v, want %v", jobs, c.jobs)
			}
		})
	}
}

func effects(kind EffectKind, jobs ...int) []Effect {
	out := make([]Effect, len(jobs))
	for i, n := range jobs {
		out[i] = Effect{Kind: kind, RunID: "r1", JobID: JobID("r1", n)}
	}
	return out
}

// Whatever happens in whatever order, nothing starts before what comes first is
// applied, and every apply that is told of all its jobs ends.
func TestApplyKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, prepared := chain()
		n := Step(r, prepared)
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			job := rapid.IntRange(0, 3).Draw(t, "job")
			var e Event = message(job, rapid.IntRange(1, 3).Draw(t, "seq"), MessageFinished,
				rapid.SampledFrom([]Outcome{OutcomeSucceeded, OutcomeFailed, OutcomeCancelled}).Draw(t, "outcome"))
			switch rapid.IntRange(0, 9).Draw(t, "other") {
			case 0:
				e = NewerCommit{At: noon, SHA: "ccc"}
			case 1:
				e = CancelRequested{At: noon, By: "rui"}
			case 2:
				e = PullClosed{At: noon}
			case 3:
				e = Objected{At: noon, Objection: ObjectionDismissed, Commit: "aaa"}
			}
			n = Step(n.Run, e)
			for _, effect := range n.Effects {
				if effect.Kind == EffectStart {
					inOrder(t, n.Run, effect.JobID)
				}
			}
		}
		for i := range n.Run.Jobs {
			n = Step(n.Run, message(i, 99, MessageFinished, OutcomeFailed))
		}
		if !n.Run.State.Final() {
			t.Fatalf("the run does not end: %+v", n.Run.Jobs)
		}
	})
}

func inOrder(t *rapid.T, r Run, id string) {
	j := r.Job(id)
	for _, before := range r.Jobs {
		if slices.Contains(j.Document.Project.After, before.Document.Project.Name) && before.State != JobSucceeded {
			t.Fatalf("%s starts while %s is %s", j.Document.Project.Name, before.Document.Project.Name, before.State)
		}
	}
}

// A server that is updated goes on in order with an apply that began before jobs said
// what they need.
func TestARunOfAnOlderServerKeepsItsOrder(t *testing.T) {
	accepted, prepared := chain()
	r := Step(accepted, prepared).Run
	if got := r.Jobs[1].Needs; len(got) != 1 || got[0] != r.Jobs[0].ID {
		t.Fatalf("the second needs %v", got)
	}
	want := Pending(r)
	for i := range r.Jobs {
		r.Jobs[i].Needs = nil
	}
	document, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Run
	if err := json.Unmarshal(document, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, Pending(again)); diff != "" {
		t.Error(diff)
	}
}
