package aws

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestWhatAMessageIsAbout(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       hinted
		fails      bool
	}{
		{"of the state machine", `{"version": 1, "kind": "finished", "job_id": "run-0", "fence": 7}`, hinted{jobID: "run-0", ends: true}, false},
		{"a container that began", `{"detail": {"status": "RUNNING", "jobName": "run-0", "startedAt": 1000}}`, hinted{jobID: "run-0", started: time.Unix(1, 0).UTC()}, false},
		{"a wait that began", `{"version": 1, "kind": "waiting", "job_id": "run-0", "since": "1970-01-01T00:00:01.5Z", "token": "t"}`, hinted{jobID: "run-0", started: time.Unix(1, 5e8).UTC(), token: "t"}, false},
		{"a container that failed", `{"detail": {"status": "FAILED", "jobName": "run-0", "startedAt": 1000}}`, hinted{jobID: "run-0"}, false},
		{"an execution that was stopped", `{"detail": {"status": "ABORTED", "name": "apply-run-0-7"}}`, hinted{jobID: "run-0"}, false},
		{"an execution with a dash in its job", `{"detail": {"status": "FAILED", "name": "plan-doctor-1-0-12", "input": "{}"}}`, hinted{jobID: "doctor-1-0"}, false},
		{"nothing", `{}`, hinted{}, true},
		{"no JSON", `hello`, hinted{}, true},
		{"an execution of somebody else", `{"detail": {"name": "somebody-else", "input": "{\"job_id\": \"run-0\"}"}}`, hinted{}, true},
		{"an execution without a fence", `{"detail": {"name": "plan"}}`, hinted{}, true},
	} {
		got, err := parseHint(row.body)
		if got != row.want || (err != nil) != row.fails {
			t.Errorf("%s: %+v, %v", row.name, got, err)
		}
	}
}

// What cannot be acted on stays in the queue and ends among the dead letters.
func TestAMessageAboutAnUnknownJobIsNotRemoved(t *testing.T) {
	s := &seed{world: &world{random: rand.New(rand.NewPCG(1, 1)), objects: map[string]object{}, executions: map[string]string{}}, t: t}
	s.open()
	for _, body := range []string{"hello", `{"job_id": "run-0"}`, `{"job_id": "../../sources/x-0"}`} {
		if err := s.engine.hint(zerolog.Nop().WithContext(t.Context()), body, s.deliver); err == nil {
			t.Errorf("%s: it would be removed", body)
		}
	}
}

// What is wrong with a message is logged, and whoever has a token can answer.
func TestATokenIsInNoError(t *testing.T) {
	s := &seed{world: &world{random: rand.New(rand.NewPCG(1, 1)), objects: map[string]object{}, executions: map[string]string{}}, t: t}
	s.open()
	s.objects["/b/"+jobKey("run-0")] = object{content: []byte(`{"job_id": "run-0", "run_id": "run", "command": "plan"}`)}
	for _, body := range []string{
		`{"job_id": "run-0", "token": "the-token"}`, `{"job_id": "run-1", "token": "the-token"}`,
		`{"job_id": "run-0", "token": "the-token", "since": "yesterday"}`, `{"job_id": "run-0", "token": "the-token"`, `{"token": "the-token"}`,
	} {
		if err := s.engine.hint(zerolog.Nop().WithContext(t.Context()), body, s.deliver); err == nil || strings.Contains(err.Error(), "the-token") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	var r recent
	name := func(n int) string { return fmt.Sprint(n) }
	for n := range maxRecent + 1 {
		r.add(name(n))
	}
	if r.has(name(0)) || !r.has(name(1)) || !r.has(name(maxRecent)) || len(r.names) != maxRecent {
		t.Errorf("%v %v %v %d", r.has(name(0)), r.has(name(1)), r.has(name(maxRecent)), len(r.names))
	}
}
