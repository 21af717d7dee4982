package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// started is a world without trouble in which the execution of one job was
// stopped, and its one container runs on.
func started(t *testing.T, command run.Kind) (*seed, *container, run.JobDocument) {
	t.Helper()
	s := &seed{world: &world{random: rand.New(rand.NewPCG(1, 1)), objects: map[string]object{}, executions: map[string]string{}}, t: t, taken: taken{}}
	s.open()
	doc := run.JobDocument{Version: run.DocumentVersion, JobID: "run-0", RunID: "run", Fence: 7, Command: command}
	if err := s.engine.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	s.executions[executionName(doc)] = "ABORTED"
	return s, s.containers[0], doc
}

// leaves is the result of the container's task in the bucket.
func (c *container) leaves(role string, r run.Result) {
	content, _ := json.Marshal(r)
	c.world.objects["/b/"+ResultKey(Place(role+":"+c.task), c.in.JobID)] = object{content, time.Unix(1, 0).UTC()}
	c.ended = true
}

// look is what is told of a job, nil for nothing.
func (s *seed) told(doc run.JobDocument) *run.Result {
	s.t.Helper()
	if err := s.engine.look(zerolog.Nop().WithContext(s.t.Context()), doc, time.Time{}, s.deliver); err != nil {
		s.t.Fatal(err)
	}
	return s.taken[doc.JobID].Result
}

// A container may leave its result at the last moment: when nobody has found one,
// and before it is known that no container is alive.
func TestAResultThatComesWhileItIsLookedForCounts(t *testing.T) {
	for command, role := range map[run.Kind]string{run.KindPlan: "P", run.KindApply: "A"} {
		s, c, doc := started(t, command)
		if r := s.told(doc); r != nil {
			t.Fatalf("%s: while its container is alive it ended as %+v", command, r)
		}
		s.listed = func() { c.leaves(role, run.Result{Outcome: run.OutcomeSucceeded, Began: command == run.KindApply}) }
		if r := s.told(doc); r == nil || r.Outcome != run.OutcomeSucceeded {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

// What was told of a job stays, whatever comes later.
func TestAnEndStays(t *testing.T) {
	s, c, doc := started(t, run.KindPlan)
	c.ended = true
	if r := s.told(doc); r == nil || r.Problem.Code != "job_lost" {
		t.Fatalf("%+v", r)
	}
	c.leaves("P", run.Result{Outcome: run.OutcomeSucceeded})
	s.open() // a server that remembers nothing
	if r := s.told(doc); r.Problem == nil || r.Problem.Code != "job_lost" {
		t.Errorf("%+v", r)
	}
}

// A result that points to what another job wrote is none.
func TestAResultThatNamesWhatIsNotItsOwnDoesNotCount(t *testing.T) {
	for key, counts := range map[string]bool{
		"tasks/P:task0/run-0.plan.tfplan": true, "tasks/P:task1/run-0.plan.tfplan": false, "tasks/P:task0/run-1.plan.tfplan": false,
		"approvals/run/run-1.token": false, "tasks/P:task0/../run-0.plan.tfplan": false, "": false,
	} {
		s, c, doc := started(t, run.KindPlan)
		c.leaves("P", run.Result{Outcome: run.OutcomeSucceeded, Artifacts: map[string]run.Artifact{run.ArtifactPlan: {Key: key}}})
		if r := s.told(doc); r == nil || (r.Outcome == run.OutcomeSucceeded) != counts {
			t.Errorf("%q: %+v", key, r)
		}
	}
}

// A server whose config has other queues and roles for an environment than when a job
// was started, or the environment not at all, finds the job where it was placed.
func TestAJobIsLookedForWhereItWasPlaced(t *testing.T) {
	for command, role := range map[run.Kind]string{run.KindPlan: "P", run.KindApply: "A"} {
		for what, environments := range map[string]map[string]Environment{
			"elsewhere": {"": {PlanQueue: "other-p", ApplyQueue: "other-a", PlanRoleID: "OTHERP", ApplyRoleID: "OTHERA"}}, "nowhere": {},
		} {
			s, c, doc := started(t, command)
			s.engine.o.Environments = environments
			if r := s.told(doc); r != nil {
				t.Fatalf("%s, now %s: while its container is alive it ended as %+v", command, what, r)
			}
			c.leaves(role, run.Result{Outcome: run.OutcomeSucceeded, Began: command == run.KindApply})
			if r := s.told(doc); r == nil || r.Outcome != run.OutcomeSucceeded {
				t.Errorf("%s, now %s: %+v", command, what, r)
			}
		}
	}
	s, _, doc := started(t, run.KindPlan)
	s.engine.o.Environments = map[string]Environment{"": {PlanQueue: "other-p"}}
	if err := s.engine.Start(t.Context(), doc); err != nil {
		t.Errorf("started once more: %v", err)
	}
}

// What a container left and nobody can read does not keep its job open.
func TestAResultThatCannotBeReadEndsTheJob(t *testing.T) {
	for name, content := range map[string]string{"no JSON": "hello", "of another shape": `{"outcome": []}`, "too large": strings.Repeat(" ", maxObject+1)} {
		for command, role := range map[run.Kind]string{run.KindPlan: "P", run.KindApply: "A"} {
			s, c, doc := started(t, command)
			s.objects["/b/"+ResultKey(Place(role+":"+c.task), doc.JobID)] = object{[]byte(content), time.Unix(1, 0).UTC()}
			c.ended = true
			if r := s.told(doc); r == nil || r.Outcome != run.OutcomeFailed || r.Began {
				t.Errorf("%s, of %s: %+v", name, command, r)
			}
		}
	}
}

// An apply that an older version started made its claim elsewhere. Nobody says of
// it that nothing was changed.
func TestAnApplyOfAnOlderVersionIsNotDenied(t *testing.T) {
	s, c, doc := started(t, run.KindApply)
	text, err := json.Marshal(doc) // as it was given then
	if err != nil {
		t.Fatal(err)
	}
	s.inputs[executionName(doc)] = string(text)
	c.ended = true
	if r := s.told(doc); r == nil || !r.Began || r.Problem.Code != "interrupted" {
		t.Errorf("%+v", r)
	}
}

// A plan whose input is gone can be claimed by nobody, so its apply cannot begin.
func TestAPlanThatIsNotKnownAnyMoreIsNotClaimed(t *testing.T) {
	s := &seed{world: &world{random: rand.New(rand.NewPCG(1, 1)), objects: map[string]object{}, executions: map[string]string{}}, t: t}
	s.open()
	doc := run.JobDocument{Version: run.DocumentVersion, JobID: "run-0", RunID: "run", Fence: 7, Command: run.KindApply, Plan: &run.JobPlan{JobID: "plan-0"}}
	in, err := s.engine.newInput(t.Context(), doc)
	if err != nil || in.Claim != "" {
		t.Errorf("%q, %v", in.Claim, err)
	}
	s.objects["/b/"+jobKey("plan-0")] = object{content: []byte(`{"input": "inputs/OFTHEPLAN.json"}`)}
	if in, err = s.engine.newInput(t.Context(), doc); err != nil || in.Claim != "claims/OFTHEPLAN" {
		t.Errorf("%q, %v", in.Claim, err)
	}
}

// Two jobs have two secrets, and a job keeps its own however often it is started.
func TestEachJobHasASecretOfItsOwn(t *testing.T) {
	s, _, doc := started(t, run.KindPlan)
	first, err := s.engine.input(t.Context(), doc.JobID)
	if err != nil || !secretKey.MatchString(first.Key) {
		t.Fatalf("%q, %v", first.Key, err)
	}
	if err := s.engine.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if again, err := s.engine.input(t.Context(), doc.JobID); err != nil || again.Key != first.Key {
		t.Errorf("%q, and then %q, %v", first.Key, again.Key, err)
	}
	other := doc
	other.JobID = "run-1"
	if err := s.engine.Start(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if second, err := s.engine.input(t.Context(), other.JobID); err != nil || second.Key == first.Key {
		t.Errorf("%q of both, %v", first.Key, err)
	}
	doc.Commit = "another"
	if err := s.engine.Start(t.Context(), doc); err == nil || !strings.Contains(err.Error(), "another document of the same job") {
		t.Errorf("another document: %v", err)
	}
}

func TestSecretsOfKeysAreMasked(t *testing.T) {
	const secret = "VZ64QWKXFTPTPDPLEJQ4XE2Q7V"
	for text, want := range map[string]string{
		"arn:aws:s3:::b/inputs/" + secret + ".json and claims/" + secret + ": no": "arn:aws:s3:::b/inputs/….json and claims/…: no",
		`{"key":"inputs/` + secret + `.cancelled"}`:                               `{"key":"inputs/….cancelled"}`,
		"tasks/AROA1:2/run-0.plan.tfplan, inputs/short":                           "tasks/AROA1:2/run-0.plan.tfplan, inputs/short",
	} {
		if got := Masked(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	cause := errors.New("claims/" + secret + " is refused")
	err := WithoutSecrets(fmt.Errorf("claiming: %w", cause))
	if !errors.Is(err, cause) || strings.Contains(fmt.Sprintf("%v %s", err, fmt.Errorf("x: %w", err)), secret) || WithoutSecrets(nil) != nil {
		t.Errorf("%v", err)
	}
}

// S3 says in a refusal which object it was. Nothing that the server returns or logs
// has the secret part of its key.
func TestASecretKeyIsInNoErrorOfTheServer(t *testing.T) {
	for _, refused := range []string{"inputs", "claims"} {
		s, c, doc := started(t, run.KindApply)
		c.ended = true
		in, err := s.engine.input(t.Context(), doc.JobID)
		if err != nil {
			t.Fatal(err)
		}
		secret := strings.TrimPrefix(in.Claim, "claims/")
		s.refuses = "/b/" + refused + "/"
		var log bytes.Buffer
		ctx := zerolog.New(&log).WithContext(t.Context())
		for what, err := range map[string]error{
			"start": s.engine.Start(ctx, doc), "cancel": s.engine.Cancel(ctx, doc.JobID), "withdraw": s.engine.Withdraw(ctx, doc.JobID),
			"look": s.engine.look(ctx, doc, time.Time{}, s.deliver), "message": s.engine.hint(ctx, `{"job_id": "run-0"}`, s.deliver),
		} {
			if text := fmt.Sprint(err); strings.Contains(text, secret) || err != nil && !strings.Contains(text, refused+"/…") {
				t.Errorf("%s, with %s refused: %v", what, refused, err)
			}
		}
		if strings.Contains(log.String(), secret) {
			t.Errorf("with %s refused the log has %s", refused, log.String())
		}
		if s.taken[doc.JobID].Result != nil {
			t.Errorf("with %s refused it ended as %+v", refused, s.taken[doc.JobID].Result)
		}
	}
}
