package aws

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// A job whose execution does not exist, and does not come, is lost: open for
// ever, it would hold its lock until somebody cancels it.
func TestAJobWhoseExecutionNeverCameIsLost(t *testing.T) {
	ctx := zerolog.Nop().WithContext(t.Context())
	for _, row := range []struct {
		command run.Kind
		code    string
	}{{run.KindPlan, "job_lost"}, {run.KindApply, "interrupted"}, {run.KindApproval, "approval_lost"}} {
		q := newQuiet()
		doc := q.over("run-0")
		doc.Command, doc.Plan = row.command, &run.JobPlan{JobID: "plan-0"}
		q.world.objects, q.world.executions = map[string]object{}, map[string]string{}
		written := time.Unix(1e9, 0)
		content, err := json.Marshal(Input{JobDocument: doc, Key: "inputs/x.json", Claim: "claims/x"})
		if err != nil {
			t.Fatal(err)
		}
		q.world.objects["/b/"+jobKey(doc.JobID)] = object{content: content, at: written.UTC()}
		now := written.Add(startsWithin - time.Second)
		e := q.engine(Options{Now: func() time.Time { return now }})
		if r, err := e.Result(ctx, doc); r != nil || err != nil {
			t.Errorf("%s: while its start may come: %+v, %v", row.command, r, err)
		}
		now = now.Add(2 * time.Second)
		r, err := e.Result(ctx, doc)
		if err != nil || r == nil || r.Began || r.Problem == nil || r.Problem.Detail == "" {
			t.Fatalf("%s: after that: %+v, %v", row.command, r, err)
		}
		if row.command != run.KindApply && r.Problem.Code != row.code {
			t.Errorf("%s: %s", row.command, r.Problem.Code)
		}
	}
}

func TestAJobThatWasNotRequestedYetIsNotLost(t *testing.T) {
	q := newQuiet()
	doc := q.over("run-0")
	q.world.objects, q.world.executions = map[string]object{}, map[string]string{}
	e := q.engine(Options{Now: func() time.Time { return time.Now().Add(1000 * time.Hour) }})
	if r, err := e.Result(zerolog.Nop().WithContext(t.Context()), doc); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
