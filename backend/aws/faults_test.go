package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// container does what package container and package runner do about one apply,
// in steps between which everything else may happen.
type container struct {
	world     *world
	in        Input
	execution string
	task      string
	objects   *bucket.Bucket
	next      int
	changed   bool // it ran terraform
	ended     bool
}

func (c *container) step(ctx context.Context, changed map[string]int) {
	c.next++
	switch c.next {
	case 1: // it finds out who it is
	case 2: // the claim, then terraform in one breath: nothing decides in between
		if c.world.chance(20) { // its source, its role or its time: it never comes so far
			return
		}
		err := c.objects.Claim(ctx, c.in.Claim, c.in.JobID)
		if c.changed = err == nil; c.changed {
			changed[c.in.Plan.JobID]++
		}
	case 3:
		if !c.changed && !c.standsBack(ctx) {
			c.end("FAILED")
			return
		}
		r := run.Result{Outcome: run.OutcomeSucceeded, Began: c.changed}
		if !c.changed {
			r.Outcome, r.Problem = run.OutcomeFailed, &run.Problem{Code: "plan_used", Message: "Nothing was changed."}
		}
		content, _ := json.Marshal(r)
		c.world.objects["/b/"+ResultKey(Place("A:"+c.task), c.in.JobID)] = object{content, time.Unix(int64(len(c.world.objects)), 0).UTC()}
		c.end("SUCCEEDED")
	}
}

// standsBack is that of package container.
func (c *container) standsBack(ctx context.Context) bool {
	key := c.in.Claim
	if c.objects.Claim(ctx, key, runner.Withdrawn) == nil {
		return true
	}
	by, claimed, err := c.objects.Claimant(ctx, key)
	return err == nil && claimed && by != c.in.JobID
}

// end is also that of a container that was killed.
func (c *container) end(status string) {
	c.ended = true
	if c.world.executions[c.execution] == "RUNNING" {
		if c.world.executions[c.execution] = status; status == "SUCCEEDED" {
			c.world.ran[c.execution] = c.task
		}
	}
	c.world.say(fmt.Sprintf(`{"job_id": %q}`, c.in.JobID))
}

// seed is one story of up to three jobs that want to apply one plan.
type seed struct {
	*world
	t       *testing.T
	n       uint64
	engine  *Engine
	docs    []run.JobDocument
	taken   taken
	changed map[string]int // how often terraform applied, by plan
}

func (s *seed) open() {
	s.engine = New(Options{Config: s.config(), StateMachine: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", Bucket: "b", StatusQueue: "q", Environments: map[string]Environment{"": {PlanQueue: "p", ApplyQueue: "a", PlanRoleID: "P", ApplyRoleID: "A"}}})
}

func (s *seed) deliver(_ context.Context, m run.Message) error {
	s.taken.note(s.t, s.n, m)
	return nil
}

// taken is what was told of jobs that ended, by their ids.
type taken map[string]run.Message

// note writes down what is told of a job. What was told once must not change.
func (k taken) note(t *testing.T, seed uint64, m run.Message) {
	t.Helper()
	if m.Kind != run.MessageFinished {
		return
	}
	if diff := cmp.Diff(k[m.JobID], m); k[m.JobID].Result != nil && diff != "" {
		t.Errorf("seed %d: the end of %s changed:\n%s", seed, m.JobID, diff)
	}
	k[m.JobID] = m
}

// act lets one thing happen.
func (s *seed) act(ctx context.Context) {
	doc := s.docs[s.random.IntN(len(s.docs))]
	switch s.random.IntN(9) {
	case 0, 1:
		_ = s.engine.Start(ctx, doc) // again, too: an error means that it is requested again
	case 2:
		_ = s.engine.Withdraw(ctx, doc.JobID)
	case 3:
		_ = s.engine.Cancel(ctx, doc.JobID)
	case 4: // the server is restarted
		s.open()
	case 5: // any message, in any order, perhaps not for the last time
		if n := len(s.messages); n > 0 {
			_ = s.engine.hint(ctx, s.messages[s.random.IntN(n)], s.deliver)
		}
	case 6:
		_ = s.engine.look(ctx, doc, time.Time{}, s.deliver)
	case 7:
		s.compute(ctx)
	default:
		for range 2 {
			s.compute(ctx)
		}
	}
}

// compute lets a container go on, dies with it, or makes a second one of its job
// from nowhere.
func (s *seed) compute(ctx context.Context) {
	if len(s.containers) == 0 {
		return
	}
	c := s.containers[s.random.IntN(len(s.containers))]
	if c.objects == nil {
		c.objects = &bucket.Bucket{Client: bucket.NewClient(s.config()), Name: "b"}
	}
	switch {
	case s.chance(5):
		s.contain(c.in, c.execution)
	case c.ended:
	case s.chance(15): // Spot took the machine, or the kernel the process
		c.end("FAILED")
	default:
		c.step(ctx, s.changed)
	}
}

// settle ends the trouble and lets everything come to its end.
func (s *seed) settle(ctx context.Context) {
	s.trouble = false
	for _, doc := range s.docs {
		if err := s.engine.Start(ctx, doc); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
	for _, c := range s.containers {
		c.objects = &bucket.Bucket{Client: bucket.NewClient(s.config()), Name: "b"}
		for !c.ended {
			c.step(ctx, s.changed)
		}
	}
	s.open()
	for _, doc := range s.docs {
		if err := s.engine.look(ctx, doc, time.Time{}, s.deliver); err != nil {
			s.t.Fatalf("seed %d: %v", s.n, err)
		}
	}
}

// check is what must hold however it went.
func (s *seed) check() {
	if n := s.changed["plan-0"]; n > 1 {
		s.t.Errorf("seed %d: the plan was applied %d times", s.n, n)
	}
	began := 0
	for _, doc := range s.docs {
		m, told := s.taken[doc.JobID]
		if !told {
			s.t.Errorf("seed %d: nobody learned how %s ended", s.n, doc.JobID)
			continue
		}
		if m.Result.Began {
			began++
		}
		for _, c := range s.containers {
			if c.in.JobID == doc.JobID && c.changed && !m.Result.Began {
				s.t.Errorf("seed %d: %s says that it changed nothing: %+v", s.n, doc.JobID, m.Result.Problem)
			}
		}
	}
	if began > 1 {
		s.t.Errorf("seed %d: %d jobs say that they began", s.n, began)
	}
}

// seeds is how many stories a test goes through.
func seeds() uint64 {
	if longtest.On() {
		return 1000
	}
	return 200
}

// Whatever gets lost, comes twice, comes late or dies: a plan is applied at most
// once, every job ends once, and none that changed something denies it.
func TestOneApplyPerPlanWhateverHappens(t *testing.T) {
	ctx := zerolog.Nop().WithContext(t.Context())
	applied := 0
	for n := range seeds() {
		s := &seed{
			world: &world{random: rand.New(rand.NewPCG(n, 4)), trouble: true, objects: map[string]object{}, executions: map[string]string{}},
			t:     t, n: n, taken: taken{}, changed: map[string]int{},
		}
		for job := range 1 + s.random.IntN(3) {
			id := fmt.Sprintf("apply%d-0", job)
			s.docs = append(s.docs, run.JobDocument{
				Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Fence: 7, Command: run.KindApply, Plan: &run.JobPlan{JobID: "plan-0"},
			})
		}
		s.objects["/b/"+jobKey("plan-0")] = object{content: []byte(`{"input": "inputs/` + strings.Repeat("A", 26) + `.json"}`)}
		s.open()
		for range 40 {
			s.act(ctx)
		}
		s.settle(ctx)
		s.check()
		applied += s.changed["plan-0"]
	}
	t.Logf("%d of %d plans were applied", applied, seeds())
	if all := int(seeds()); applied < all/5 || applied > all*9/10 {
		t.Errorf("%d of %d plans were applied: the faults are not spread", applied, seeds())
	}
}
