package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

// of lists the lines of a run: message, job's number, and the given fields.
func (l *lines) of(t *testing.T, id string, fields ...string) (out []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if m["run"] != id {
			continue
		}
		text := fmt.Sprint(m["message"])
		for _, f := range fields {
			if v, ok := m[f]; ok {
				text += fmt.Sprintf(" %s=%v", f, v)
			}
		}
		out = append(out, text)
	}
	return out
}

func TestTheLogHasTheStartAndTheEndOfEveryRunAndJob(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		log := &lines{}
		f.worker.Log = zerolog.New(log)
		plan := f.ask(run.KindPlan, 1)
		f.backend.messages <- run.Message{JobID: run.JobID(plan, 0), Fence: f.run(plan).Jobs[0].Document.Fence, Seq: 1, Kind: run.MessageStarted}
		synctest.Wait()
		want := []string{
			"run accepted kind=plan", "run started kind=plan projects=[network]", "job started kind=plan project=network",
		}
		got := log.of(t, plan, "kind", "project", "projects", "result", "problem")
		if len(got) < 3 || !slices.Equal(got[:3], want) {
			t.Errorf("the start of a plan: %q", got)
		}
		last := finished(run.JobID(plan, 0), 2, run.OutcomeSucceeded)
		last.Fence = f.run(plan).Jobs[0].Document.Fence
		f.backend.messages <- last
		f.run(plan)
		apply := f.ask(run.KindApply, 1)
		refused := f.ask(run.KindApply, 1)
		f.end(apply, run.OutcomeSucceeded)
		got = log.of(t, apply, "kind", "project", "result", "problem")
		want = []string{"run accepted kind=apply", "run started kind=apply", "job ended kind=apply project=network result=succeeded", "run ended kind=apply result=succeeded"}
		if !slices.Equal(got, want) {
			t.Errorf("an apply: %q", got)
		}
		got = log.of(t, refused, "result", "problem")
		if want := []string{"run accepted", "run ended result=refused problem=lock_lost"}; !slices.Equal(got, want) {
			t.Errorf("a refused apply: %q", got)
		}
		if why := log.of(t, refused, "why"); !strings.Contains(why[1], "another apply is under way") {
			t.Errorf("why it was refused: %q", why)
		}
		if one := log.of(t, apply, "actor", "repository", "pull_request", "environment", "job", "duration"); !strings.Contains(one[2], "job="+run.JobID(apply, 0)) ||
			!strings.Contains(one[2], "actor= ") || !strings.Contains(one[2], "pull_request=1") || !strings.Contains(one[2], "environment= ") || !strings.Contains(one[2], "duration=") {
			t.Errorf("the end of a job: %q", one[2])
		}
	})
}
