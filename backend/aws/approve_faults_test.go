package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// approvals is one story of two servers and up to three jobs that wait for
// approval.
type approvals struct {
	*world
	t       *testing.T
	n       uint64
	servers [2]*Engine
	docs    []run.JobDocument
	taken   taken
	said    map[string][]said
	acted   map[string]bool // jobs whose token was acted on
	log     *bytes.Buffer
}

// said is an answer, and what the engine said to it.
type said struct {
	approved bool
	err      error
}

func (s *approvals) open(server int) {
	s.servers[server] = New(Options{Config: s.config(), StateMachine: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", Bucket: "b", StatusQueue: "q", Environments: map[string]Environment{"": {PlanQueue: "p", ApplyQueue: "a"}}})
}

func (s *approvals) deliver(_ context.Context, m run.Message) error {
	s.taken.note(s.t, s.n, m)
	return nil
}

// act lets one thing happen at one of the servers, and in the middle of it
// another thing at the other one.
func (s *approvals) act(ctx context.Context, server int) {
	s.between = func() { s.happen(ctx, 1-server) }
	s.happen(ctx, server)
	s.between = nil
}

func (s *approvals) happen(ctx context.Context, server int) {
	doc := s.docs[s.random.IntN(len(s.docs))]
	e, execution := s.servers[server], executionName(doc)
	switch s.random.IntN(12) {
	case 0, 1:
		_ = e.Start(ctx, doc)
	case 2:
		s.said[doc.JobID] = append(s.said[doc.JobID], said{true, e.Approve(ctx, doc.JobID, "octocat")})
	case 3:
		s.said[doc.JobID] = append(s.said[doc.JobID], said{false, e.Reject(ctx, doc.JobID, "hubot", "no")})
	case 4:
		if s.chance(30) {
			_ = e.Cancel(ctx, doc.JobID)
		}
	case 5:
		if s.chance(30) {
			_ = e.Withdraw(ctx, doc.JobID)
		}
	case 6:
		s.open(server)
	case 7, 8:
		if n := len(s.messages); n > 0 { // any, in any order, perhaps not for the last time
			_ = s.hint(ctx, e, s.random.IntN(n))
		}
	case 9:
		_ = e.look(ctx, doc, time.Time{}, s.deliver)
	case 10: // its time is over
		if s.executions[execution] == "RUNNING" && s.chance(30) {
			s.endWait(execution, "SUCCEEDED")
		}
	case 11: // someone stops it by hand
		if s.executions[execution] == "RUNNING" && s.chance(5) {
			s.endWait(execution, "ABORTED")
		}
	}
}

// hint acts on a message, which is removed then if that did not fail.
func (s *approvals) hint(ctx context.Context, e *Engine, n int) error {
	body := s.messages[n]
	if err := e.hint(ctx, body, s.deliver); err != nil {
		return err
	}
	if hint, err := parseHint(body); err == nil && hint.token != "" {
		s.acted[hint.jobID] = true
	}
	if n = slices.Index(s.messages, body); n >= 0 && (!s.trouble || s.chance(80)) {
		s.messages = slices.Delete(s.messages, n, n+1)
	}
	return nil
}

// settle ends the trouble and lets everything come to its end.
func (s *approvals) settle(ctx context.Context) {
	s.trouble = false
	for _, doc := range s.docs {
		if err := s.servers[0].Start(ctx, doc); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
	for len(s.messages) > 0 {
		if err := s.hint(ctx, s.servers[1], s.random.IntN(len(s.messages))); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
	for _, doc := range s.docs { // of those that are over nobody asks again
		if s.taken[doc.JobID].Result != nil {
			continue
		}
		if s.executions[executionName(doc)] == "RUNNING" && s.chance(50) {
			s.endWait(executionName(doc), "SUCCEEDED") // its time is over
		}
		if err := s.servers[0].look(ctx, doc, time.Time{}, s.deliver); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
}

// check is what must hold however it went.
func (s *approvals) check(doc run.JobDocument) {
	m, told := s.taken[doc.JobID]
	if waits := s.executions[executionName(doc)] == "RUNNING"; !told && !waits {
		s.t.Errorf("seed %d: nobody learned how %s ended", s.n, doc.JobID)
	}
	for _, said := range s.said[doc.JobID] {
		var want error
		switch {
		case errors.Is(said.err, run.ErrAnswered):
			want = run.ErrAnswered
		case errors.Is(said.err, run.ErrUnanswered):
			want = run.ErrUnanswered
		case said.err != nil:
			continue // the person was told to try again
		}
		if !told {
			s.t.Errorf("seed %d: %s was answered and did not end", s.n, doc.JobID)
		} else if got := m.Result.Takes(run.Decision{Approved: said.approved}); got != want {
			s.t.Errorf("seed %d: %s: somebody was told %v, and it ended as %+v", s.n, doc.JobID, said.err, m.Result)
		}
	}
	if !told {
		return
	}
	allowed := []string{""} // its token never came, or it ended before
	if d := m.Result.Decision; d != nil {
		allowed = append(allowed, map[bool]string{true: "SendTaskSuccess", false: "SendTaskFailure"}[d.Approved])
	}
	if got := s.answers[executionName(doc)]; !slices.Contains(allowed, got) {
		s.t.Errorf("seed %d: the execution of %s got %q: %+v", s.n, doc.JobID, got, m.Result)
	}
	answered := m.Result.Decision != nil && s.acted[doc.JobID] || m.Result.Outcome == run.OutcomeCancelled
	complained := strings.Contains(s.log.String(), "telling an execution how it was answered")
	if answered && s.executions[executionName(doc)] == "RUNNING" && !complained {
		s.t.Errorf("seed %d: the execution of %s waits on: %+v", s.n, doc.JobID, m.Result)
	}
}

// Whatever gets lost, comes twice, comes late or happens at once: a job that
// waits for approval ends once, as everybody was told, and what its execution is
// told is the same.
func TestAnApprovalIsDecidedOnceWhateverHappens(t *testing.T) {
	ends, logged := map[string]int{}, 0
	for n := range 2*seeds() + 200 { // some ends are rare
		s := &approvals{
			world: &world{
				random: rand.New(rand.NewPCG(n, 5)), trouble: true, objects: map[string]object{}, executions: map[string]string{},
				tokens: map[string]string{}, answers: map[string]string{},
			},
			t: t, n: n, taken: taken{}, said: map[string][]said{}, acted: map[string]bool{}, log: &bytes.Buffer{},
		}
		for job := range 1 + s.random.IntN(3) {
			id := fmt.Sprintf("run%d-0", job)
			doc := run.JobDocument{Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Fence: 7, Command: run.KindApproval}
			doc.Limits.Seconds = 3600
			s.docs = append(s.docs, doc)
		}
		s.open(0)
		s.open(1)
		ctx := zerolog.New(s.log).WithContext(t.Context())
		for range 40 {
			s.act(ctx, s.random.IntN(2))
		}
		s.settle(ctx)
		logged += s.log.Len()
		for _, no := range []string{"token-of-", "TaskTimedOut", "TaskDoesNotExist", "InvalidToken"} { // a secret, and what is no trouble
			if strings.Contains(s.log.String(), no) {
				t.Errorf("seed %d: %s is in the log: %s", n, no, s.log)
			}
		}
		for _, doc := range s.docs {
			s.check(doc)
			how := "waiting"
			if m, told := s.taken[doc.JobID]; told && m.Result.Problem != nil {
				how = m.Result.Problem.Code
			} else if told {
				how = "approved"
			}
			ends[how]++
		}
	}
	t.Log(ends, logged)
	if logged == 0 {
		t.Error("nothing was logged: no call failed for good")
	}
	for _, how := range []string{"approved", "rejected", "cancelled", "approval_expired", "approval_lost", "waiting"} {
		if ends[how] < 10 {
			t.Errorf("%d ended as %s: the faults are not spread", ends[how], how)
		}
	}
}
