package run

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func accepted() Run {
	return Run{
		ID: "r1", Key: "k", Kind: KindPlan, Trigger: TriggerComment, State: StateAccepted, CreatedAt: noon,
		Subject: Subject{Repository: Repository{ID: 7, Owner: "acme", Name: "infra"}, PullRequest: 3}, Actor: "ana",
	}
}

func preparation(jobs int) Preparation {
	p := Preparation{HeadSHA: "aaa", BaseRef: "main", BaseSHA: "bbb"}
	for i := range jobs {
		p.Documents = append(p.Documents, JobDocument{Project: JobProject{Name: fmt.Sprintf("p%d", i)}})
	}
	return p
}

func message(job, seq int, kind MessageKind, outcome Outcome) Messaged {
	m := Message{JobID: JobID("r1", job), Seq: seq, Kind: kind, At: noon.Add(time.Second)}
	if kind == MessageFinished {
		m.Result = &Result{Outcome: outcome}
	}
	return Messaged{Message: m}
}

func play(r Run, events ...Event) Next {
	n := Next{Run: r}
	for _, e := range events {
		n = Step(n.Run, e)
	}
	return n
}

func TestStep(t *testing.T) {
	prepared := Prepared{At: noon, Preparation: preparation(2)}
	started, ok0, ok1 := message(0, 1, MessageStarted, ""), message(0, 2, MessageFinished, OutcomeSucceeded), message(1, 1, MessageFinished, OutcomeSucceeded)
	lost := message(0, 1, MessageFinished, OutcomeSucceeded)
	lost.Message.Result.Keeping = StateLost
	approvedBefore := Prepared{At: noon, Preparation: preparation(2)}
	approvedBefore.Preparation.Gate = &Gate{Preview: true}
	judged := Messaged{Message: ok1.Message, Gate: &Gate{Allowed: true}}
	byPush := accepted()
	byPush.Trigger, byPush.HeadSHA = TriggerPush, "aaa"

	tests := []struct {
		name    string
		run     Run
		events  []Event
		state   State
		effects []Effect
		notices []NoticeKind
	}{
		{"preparing starts every job and shows a check", accepted(), []Event{prepared}, StateRunning,
			[]Effect{{EffectStart, "r1", "r1-0"}, {EffectStart, "r1", "r1-1"}}, []NoticeKind{NoticeCheck}},
		{"a run without projects is over at once", accepted(), []Event{Prepared{At: noon}}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"one of two jobs done changes nothing that people see", accepted(), []Event{prepared, started, ok0}, StateRunning, nil, nil},
		{"the last job ends the run", accepted(), []Event{prepared, ok0, ok1}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"one failure fails the run", accepted(), []Event{prepared, message(0, 1, MessageFinished, OutcomeFailed), ok1}, StateFailed, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a finish before the start still counts", accepted(), []Event{prepared, ok0, started, ok1}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a finish said twice changes nothing", accepted(), []Event{prepared, ok0, ok0}, StateRunning, nil, nil},
		{"who asked and is refused gets an answer", accepted(), []Event{Refused{At: noon, Problem: Problem{Code: "x"}}}, StateRefused, nil, []NoticeKind{NoticeReply}},
		{"a refused push is told in the comment", byPush, []Event{Refused{At: noon, Problem: Problem{Code: "x"}}}, StateRefused, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a silent refusal says nothing", byPush, []Event{Refused{At: noon, Silent: true}}, StateRefused, nil, nil},
		{"cancelling before preparing is silent and at once", accepted(), []Event{CancelRequested{At: noon, By: "rui"}}, StateCancelled, nil, nil},
		{"cancelling asks the backend for each open job", accepted(), []Event{prepared, ok0, CancelRequested{At: noon, By: "rui"}}, StateRunning,
			[]Effect{{EffectCancel, "r1", "r1-1"}}, nil},
		{"cancelled when the last job ended", accepted(), []Event{prepared, ok0, CancelRequested{At: noon, By: "rui"}, message(1, 1, MessageFinished, OutcomeCancelled)},
			StateCancelled, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"everything finished although cancelling was asked", accepted(), []Event{prepared, CancelRequested{At: noon, By: "rui"}, ok0, ok1}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a push of another commit supersedes", accepted(), []Event{prepared, NewerCommit{At: noon, SHA: "ccc"}, message(0, 1, MessageFinished, OutcomeCancelled), message(1, 1, MessageFinished, OutcomeCancelled)},
			StateSuperseded, nil, []NoticeKind{NoticeCheck}},
		{"news of the commit being planned change nothing", accepted(), []Event{prepared, NewerCommit{At: noon, SHA: "aaa"}}, StateRunning, nil, nil},
		{"a typed command not pinned yet goes on to the newer commit", accepted(), []Event{NewerCommit{At: noon, SHA: "ccc"}}, StateAccepted, nil, nil},
		{"an older push not prepared yet ends silently", byPush, []Event{NewerCommit{At: noon, SHA: "ccc"}}, StateSuperseded, nil, nil},
		{"a plan that would lose its state is judged by what it found", accepted(), []Event{prepared, lost, ok1}, StateSucceeded,
			[]Effect{{Kind: EffectJudge, RunID: "r1"}}, []NoticeKind{NoticeComment, NoticeCheck}},
		{"but not when it is over before its time", accepted(), []Event{prepared, lost, CancelRequested{At: noon, By: "rui"}, message(1, 1, MessageFinished, OutcomeCancelled)},
			StateCancelled, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a plan whose gate was foreseen is judged when it is there", accepted(), []Event{approvedBefore, ok0, ok1}, StateSucceeded,
			[]Effect{{Kind: EffectJudge, RunID: "r1"}}, []NoticeKind{NoticeComment, NoticeCheck}},
		{"or has been", accepted(), []Event{approvedBefore, ok0, judged}, StateSucceeded, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"or failed", accepted(), []Event{approvedBefore, message(0, 2, MessageFinished, OutcomeFailed), message(1, 1, MessageFinished, OutcomeFailed)},
			StateFailed, nil, []NoticeKind{NoticeComment, NoticeCheck}},
		{"a message of another fence is ignored", accepted(), []Event{Prepared{At: noon, Preparation: preparation(1)},
			Messaged{Message: Message{JobID: "r1-0", Fence: 9, Seq: 1, Kind: MessageFinished}}}, StateRunning, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantNext(t, play(tt.run, tt.events...), tt.state, tt.effects, tt.notices)
		})
	}
}

// wantNext checks what the last event led to.
func wantNext(t *testing.T, n Next, state State, effects []Effect, notices []NoticeKind) {
	t.Helper()
	if n.Run.State != state {
		t.Errorf("state %s, want %s", n.Run.State, state)
	}
	if d := cmp.Diff(effects, n.Effects); d != "" {
		t.Errorf("effects of the last event (-want +got):\n%s", d)
	}
	var kinds []NoticeKind
	for _, x := range n.Notices {
		kinds = append(kinds, x.Kind)
	}
	if d := cmp.Diff(notices, kinds); d != "" {
		t.Errorf("notices of the last event (-want +got):\n%s", d)
	}
}

// The backend delivers at least once and in any order: only the newest message of a
// job counts, and none of a lock that was given on.
func TestAMessageThatIsLateChangesNothing(t *testing.T) {
	at := func(seq int, fence int64) Messaged {
		m := message(0, seq, MessageStarted, "")
		m.Message.Fence, m.Message.At = fence, noon.Add(time.Duration(seq)*time.Minute)
		return m
	}
	begun := play(accepted(), Prepared{At: noon, Preparation: preparation(1)}, at(5, 0)).Run
	for _, tt := range []struct {
		name string
		late Event
	}{
		{"an older one", at(4, 0)},
		{"the same again", at(5, 0)},
		{"one of another fence", at(6, 9)},
	} {
		n := Step(begun, tt.late)
		if d := cmp.Diff(begun, n.Run); d != "" || len(n.Effects)+len(n.Notices) > 0 {
			t.Errorf("%s: effects %v, notices %v, run (-before +after):\n%s", tt.name, n.Effects, n.Notices, d)
		}
	}
	if j := Step(begun, at(6, 0)).Run.Jobs[0]; j.Seq != 6 || !j.StartedAt.Equal(noon.Add(6*time.Minute)) {
		t.Errorf("a newer one was not taken: %+v", j)
	}
}

func TestFinishedWithoutResultIsAFailureThatSaysWhatToDo(t *testing.T) {
	n := play(accepted(), Prepared{At: noon, Preparation: preparation(1)}, Messaged{Message: Message{JobID: "r1-0", Seq: 1, Kind: MessageFinished, At: noon}})
	if n.Run.State != StateFailed || n.Run.Jobs[0].Result.Problem.Message == "" {
		t.Errorf("got %+v", n.Run)
	}
}

// TestStepProperties plays random events, late, twice and out of order.
func TestStepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := accepted()
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := anyEvent(t)
			before := r
			n := Step(r, e)
			checkStep(t, before, n)
			again := Step(n.Run, e)
			if _, asked := e.(Messaged); asked || before.State.Final() {
				if d := cmp.Diff(n.Run, again.Run); d != "" {
					t.Fatalf("%T twice differs from once:\n%s", e, d)
				}
				if len(again.Notices) > 0 {
					t.Fatalf("%T twice gives notices twice", e)
				}
			}
			r = n.Run
		}
	})
}

func checkStep(t *rapid.T, before Run, n Next) {
	after := n.Run
	if before.State.Final() && cmp.Diff(before, after) != "" {
		t.Fatalf("a %s run changed:\n%s", before.State, cmp.Diff(before, after))
	}
	for i, j := range before.Jobs {
		if j.State.Final() && cmp.Diff(j, after.Jobs[i]) != "" {
			t.Fatalf("a %s job changed", j.State)
		}
	}
	if len(after.Jobs) > 0 {
		open := 0
		for _, j := range after.Jobs {
			if !j.State.Final() {
				open++
			}
		}
		if (open == 0) != after.State.Final() {
			t.Fatalf("state %s with %d open jobs", after.State, open)
		}
	}
	if after.State.Final() != (len(Pending(after)) == 0 && !waiting(after)) {
		t.Fatalf("state %s, pending %v: a run must have something under way until it is final", after.State, Pending(after))
	}
	if after.State.Final() && after.FinishedAt.IsZero() {
		t.Fatalf("state %s without a time of finishing", after.State)
	}
}

// waiting reports whether a run only waits for messages of its backend.
func waiting(r Run) bool {
	for _, j := range r.Jobs {
		if j.State == JobRunning && !r.Ending() {
			return true
		}
	}
	return false
}

func anyEvent(t *rapid.T) Event {
	switch rapid.SampledFrom([]string{"prepared", "refused", "message", "message", "message", "message", "cancel", "newer", "objected"}).Draw(t, "event") {
	case "prepared":
		return Prepared{At: noon, Preparation: preparation(rapid.IntRange(0, 3).Draw(t, "jobs"))}
	case "refused":
		return Refused{At: noon, Problem: Problem{Code: "x", Message: "y"}, Silent: rapid.Bool().Draw(t, "silent")}
	case "cancel":
		return CancelRequested{At: noon, By: "rui"}
	case "objected":
		return Objected{At: noon, Objection: ObjectionChanges}
	case "newer":
		return NewerCommit{At: noon, SHA: rapid.SampledFrom([]string{"aaa", "ccc"}).Draw(t, "sha")}
	}
	return message(rapid.IntRange(0, 3).Draw(t, "job"), rapid.IntRange(1, 4).Draw(t, "seq"),
		rapid.SampledFrom([]MessageKind{MessageStarted, MessageFinished}).Draw(t, "kind"),
		rapid.SampledFrom([]Outcome{OutcomeSucceeded, OutcomeFailed, OutcomeCancelled}).Draw(t, "outcome"))
}

func TestIDsSortByTimeAndNameTheirRun(t *testing.T) {
	a, b := NewID(noon), NewID(noon.Add(time.Millisecond))
	if a >= b || len(a) != 27 {
		t.Errorf("ids %q and %q", a, b)
	}
	if got := RunOfJob(JobID(a, 12)); got != a {
		t.Errorf("run of job: %q, want %q", got, a)
	}
	if got := RunOfJob("nonsense"); got != "" {
		t.Errorf("run of nonsense: %q", got)
	}
}
