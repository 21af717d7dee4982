package run

import (
	"slices"
	"strings"
	"testing"
)

func TestAnObjectionStopsWhatHasNotBegun(t *testing.T) {
	r, prepared := chain()
	prepared.Preparation.BaseRef = "main"
	plan := accepted()
	button := r
	button.Trigger, button.HeadSHA = TriggerButton, "aaa"
	dismissed := Objected{At: noon, Objection: ObjectionDismissed, Commit: "aaa"}
	changes := Objected{At: noon, Objection: ObjectionChanges}
	other := Objected{At: noon, Objection: ObjectionDismissed, Commit: "ccc"}
	done := func(job int, o Outcome) Messaged { return message(job, 1, MessageFinished, o) }
	tests := []struct {
		name    string
		run     Run
		events  []Event
		state   State
		effects []Effect
		notices []NoticeKind
	}{
		{"a dismissed approval stops what has not begun and interrupts nothing", r, []Event{prepared, done(0, OutcomeSucceeded), dismissed},
			StateRunning, effects(EffectWithdraw, 1, 2, 3), nil},
		{"so does a request for changes", r, []Event{prepared, changes}, StateRunning, effects(EffectWithdraw, 0, 1, 2, 3), nil},
		{"so does one of a commit that nobody knows", r, []Event{prepared, Objected{At: noon, Objection: ObjectionDismissed}},
			StateRunning, effects(EffectWithdraw, 0, 1, 2, 3), nil},
		{"an approval of another commit never counted", r, []Event{prepared, other}, StateRunning, nil, nil},
		{"an objection that comes twice changes nothing more", r, []Event{prepared, dismissed, changes}, StateRunning, nil, nil},
		{"a person interrupts also what an objection stops", r, []Event{prepared, dismissed, CancelRequested{At: noon, By: "rui"}},
			StateRunning, effects(EffectCancel, 0, 1, 2, 3), nil},
		{"it is over when its jobs are", r, []Event{prepared, dismissed, done(0, OutcomeSucceeded), done(1, OutcomeCancelled), done(3, OutcomeCancelled)},
			StateCancelled, nil, []NoticeKind{NoticeComment, NoticeCheck, NoticeReply}},
		{"what had begun ends well", r, []Event{prepared, dismissed, done(0, OutcomeSucceeded), done(1, OutcomeSucceeded), done(2, OutcomeSucceeded),
			done(3, OutcomeSucceeded)}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck, NoticeReply}},
		{"an apply that is being judged is refused, with an answer", r, []Event{dismissed}, StateRefused, nil, []NoticeKind{NoticeReply}},
		{"and does not go on when it was judged", r, []Event{dismissed, prepared}, StateRefused, nil, nil},
		{"but not for an approval of another commit than the button's", button, []Event{other}, StateAccepted, nil, nil},
		{"a change of the base is remembered while it is judged", r, []Event{Objected{At: noon, Objection: ObjectionBase, Base: "dev"}}, StateAccepted, nil, nil},
		{"one that was judged for the base that there is goes on", r, []Event{prepared, Objected{At: noon, Objection: ObjectionBase, Base: "main"}},
			StateRunning, nil, nil},
		{"one that was judged for another base stops", r, []Event{prepared, Objected{At: noon, Objection: ObjectionBase, Base: "dev"}},
			StateRunning, effects(EffectWithdraw, 0, 1, 2, 3), nil},
		{"a plan goes on", plan, []Event{Prepared{At: noon, Preparation: preparation(1)}, dismissed}, StateRunning, nil, nil},
		{"a plan that is not prepared goes on", plan, []Event{changes}, StateAccepted, nil, nil},
		{"an apply that has ended stays as it is", r, []Event{Refused{At: noon}, dismissed}, StateRefused, nil, nil},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			wantNext(t, play(c.run, c.events...), c.state, c.effects, c.notices)
		})
	}
}

func TestAnObjectionIsWhatPeopleReadOfAJobThatDidNotBegin(t *testing.T) {
	for objection, want := range map[Objection]string{
		ObjectionDismissed: "An approval was dismissed before this began",
		ObjectionChanges:   "Changes were requested before this began",
	} {
		r, prepared := chain()
		withdrawn, began := message(0, 1, MessageFinished, OutcomeCancelled), message(3, 1, MessageFinished, OutcomeCancelled)
		withdrawn.Message.Result.Problem = &Problem{Code: "withdrawn", Message: "w"}
		began.Message.Result.Problem, began.Message.Result.Began = &Problem{Code: "interrupted", Message: "i"}, true
		n := play(r, prepared, Objected{At: noon, Objection: objection}, withdrawn, began)
		if got := n.Run.Jobs[0].Result.Problem.Message; !strings.HasPrefix(got, want) || !strings.Contains(got, "`/plan`") {
			t.Errorf("of what did not begin: %q", got)
		}
		if got := n.Run.Jobs[3].Result.Problem.Message; got != "i" {
			t.Errorf("of what began: %q", got)
		}
		if withdrawn.Message.Result.Problem.Code != "withdrawn" {
			t.Error("the message was changed")
		}
		refused := Step(r, Objected{At: noon, Objection: objection}).Run.Problem
		if refused == nil || !strings.HasPrefix(refused.Message, strings.TrimSuffix(want, "before this began")) {
			t.Errorf("of what was being judged: %+v", refused)
		}
	}
}

// Whoever objects while the last job runs does not want it merged by a machine.
func TestAnObjectionKeepsAnApplyFromMerging(t *testing.T) {
	for _, objected := range []bool{false, true} {
		r, prepared := chain()
		prepared.Preparation.Documents = prepared.Preparation.Documents[:1]
		r = Step(r, prepared).Run
		if objected {
			r = Step(r, Objected{At: noon, Objection: ObjectionChanges}).Run
		}
		n, _ := StepWithLocks(r, message(0, 1, MessageFinished, OutcomeSucceeded), &Locks{}, Options{Merge: true}, noon)
		merges := slices.ContainsFunc(n.Notices, func(x Notice) bool { return x.Kind == NoticeMerge })
		if n.Run.State != StateSucceeded || merges == objected {
			t.Errorf("objected %t: state %s, merges %t", objected, n.Run.State, merges)
		}
	}
}

// A change of the base that comes while an apply is judged counts if the apply
// was judged for the old one, and a made-up one does not.
func TestAnApplyThatIsJudgedForAnotherBaseIsRefused(t *testing.T) {
	for base, want := range map[string]State{"main": StateRunning, "dev": StateRefused} {
		r, prepared := chain()
		prepared.Preparation.BaseRef = "main"
		n, _ := StepWithLocks(r, Objected{At: noon, Objection: ObjectionBase, Base: base}, &Locks{}, Options{}, noon)
		n, _ = StepWithLocks(n.Run, prepared, &Locks{}, Options{}, noon)
		if n.Run.State != want && (want == StateRefused || n.Run.Problem.Code == string(ObjectionBase)) {
			t.Errorf("the base is %s now: state %s, %+v", base, n.Run.State, n.Run.Problem)
		}
		if want == StateRefused && (n.Run.Problem == nil || n.Run.Problem.Code != string(ObjectionBase) || len(n.Run.Jobs) > 0) {
			t.Errorf("the base is %s now: %d jobs, %+v", base, len(n.Run.Jobs), n.Run.Problem)
		}
	}
}
