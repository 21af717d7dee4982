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

	"github.com/google/go-cmp/cmp"
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
	taken   map[string]run.Message
	said    map[string][]said
}

// said is an answer, and what the engine said to it.
type said struct {
	approved bool
	err      error
}

func (s *approvals) open(server int) {
	s.servers[server] = New(Options{Config: s.config(), StateMachine: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", Bucket: "b", StatusQueue: "q", PlanQueue: "p", ApplyQueue: "a"})
}

// deliver notes what is told of a job. What was told once must not change.
func (s *approvals) deliver(_ context.Context, m run.Message) error {
	if m.Kind != run.MessageFinished {
		return nil
	}
	if diff := cmp.Diff(s.taken[m.JobID], m); s.taken[m.JobID].Result != nil && diff != "" {
		s.t.Errorf("seed %d: the end of %s changed:\n%s", s.n, m.JobID, diff)
	}
	s.taken[m.JobID] = m
	return nil
}

// act lets one thing happen.
func (s *approvals) act(ctx context.Context) {
	doc, server := s.docs[s.random.IntN(len(s.docs))], s.random.IntN(2)
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
			_ = e.hint(ctx, s.messages[s.random.IntN(n)], s.deliver)
		}
	case 9:
		_ = e.look(ctx, doc, time.Time{}, s.deliver)
	case 10: // its time is over
		if s.executions[execution] == "RUNNING" && s.chance(30) {
			s.endWait(execution, "SUCCEEDED")
		}
	case 11: // somebody stops it by hand
		if s.executions[execution] == "RUNNING" && s.chance(5) {
			s.endWait(execution, "ABORTED")
		}
	}
}

// settle ends the trouble and lets everything come to its end.
func (s *approvals) settle(ctx context.Context) {
	s.trouble = false
	for _, doc := range s.docs {
		if err := s.servers[0].Start(ctx, doc); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
	for _, body := range slices.Clone(s.messages) {
		if err := s.servers[1].hint(ctx, body, s.deliver); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
	s.open(0)
	for _, doc := range s.docs {
		if s.taken[doc.JobID].Result == nil && s.executions[executionName(doc)] == "RUNNING" && s.chance(50) {
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
	if _, came := s.objects["/b/"+tokenKey(doc)]; came && s.executions[executionName(doc)] == "RUNNING" {
		s.t.Errorf("seed %d: the execution of %s waits on: %+v", s.n, doc.JobID, m.Result)
	}
}

// Whatever gets lost, comes twice, comes late or happens at once: a job that
// waits for approval ends once, as everybody was told, and what its execution is
// told is the same.
func TestAnApprovalIsDecidedOnceWhateverHappens(t *testing.T) {
	var log bytes.Buffer
	ctx := zerolog.New(&log).WithContext(t.Context())
	ends := map[string]int{}
	for n := range uint64(1000) {
		s := &approvals{
			world: &world{
				random: rand.New(rand.NewPCG(n, 5)), trouble: true, objects: map[string]object{}, executions: map[string]string{},
				tokens: map[string]string{}, answers: map[string]string{},
			},
			t: t, n: n, taken: map[string]run.Message{}, said: map[string][]said{},
		}
		for job := range 1 + s.random.IntN(3) {
			id := fmt.Sprintf("run%d-0", job)
			doc := run.JobDocument{Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Fence: 7, Command: run.KindApproval}
			doc.Limits.Seconds = 3600
			s.docs = append(s.docs, doc)
		}
		s.open(0)
		s.open(1)
		for range 40 {
			s.act(ctx)
		}
		s.settle(ctx)
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
	t.Log(ends)
	if log.Len() == 0 || strings.Contains(log.String(), "token-of-") {
		t.Errorf("the log has %d bytes and a token, with which anybody can answer: %v", log.Len(), strings.Contains(log.String(), "token-of-"))
	}
	for _, how := range []string{"approved", "rejected", "cancelled", "approval_expired", "approval_lost", "waiting"} {
		if ends[how] < 10 {
			t.Errorf("%d ended as %s: the faults are not spread", ends[how], how)
		}
	}
}
