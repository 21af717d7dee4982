package webhooks

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func examples(t testing.TB) []Example {
	t.Helper()
	all, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExamplesOfEveryEvent(t *testing.T) {
	got := map[string]int{}
	for _, e := range examples(t) {
		got[e.Event]++
		var payload map[string]any
		if err := json.Unmarshal(e.Payload, &payload); err != nil || len(payload) == 0 {
			t.Errorf("an example of %s is no object: %v", e.Event, err)
		}
	}
	want := map[string]int{
		"check_run": 9, "check_suite": 9, "deployment_status": 4, "installation": 7, "installation_repositories": 3,
		"issue_comment": 9, "merge_group": 2, "ping": 4, "pull_request": 29, "pull_request_review": 4, "push": 7,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMutantsOfASmallPayload(t *testing.T) {
	e := Example{Event: "x", Payload: []byte(` {"a": [1, {"b/c" : "s"}], "id":9007199254740993 ,"n":null} `)}
	type mutant struct{ Name, Payload string }
	var got []mutant
	Mutants(e, func(name string, payload []byte) bool {
		got = append(got, mutant{name, string(payload)})
		return true
	})
	want := []mutant{
		{"null ", `null`},
		{"removed /a", `{"id":9007199254740993,"n":null}`},
		{"null /a", `{"a":null,"id":9007199254740993,"n":null}`},
		{"removed /a/0", `{"a":[{"b/c":"s"}],"id":9007199254740993,"n":null}`},
		{"null /a/0", `{"a":[null,{"b/c":"s"}],"id":9007199254740993,"n":null}`},
		{"removed /a/1", `{"a":[1],"id":9007199254740993,"n":null}`},
		{"null /a/1", `{"a":[1,null],"id":9007199254740993,"n":null}`},
		{"removed /a/1/b~1c", `{"a":[1,{}],"id":9007199254740993,"n":null}`},
		{"null /a/1/b~1c", `{"a":[1,{"b/c":null}],"id":9007199254740993,"n":null}`},
		{"removed /id", `{"a":[1,{"b/c":"s"}],"n":null}`},
		{"null /id", `{"a":[1,{"b/c":"s"}],"id":null,"n":null}`},
		{"removed /n", `{"a":[1,{"b/c":"s"}],"id":9007199254740993}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMutantsStopWhenAsked(t *testing.T) {
	e := examples(t)[0]
	total := 0
	Mutants(e, func(string, []byte) bool { total++; return true })
	for _, limit := range []int{1, 2, 50, total - 1} {
		calls := 0
		Mutants(e, func(string, []byte) bool { calls++; return calls < limit })
		if calls != limit {
			t.Errorf("%d calls after %d should have been the last", calls, limit)
		}
	}
}

func TestMutantsOfAllExamples(t *testing.T) {
	total := 0
	for i, e := range examples(t) {
		names := map[string]bool{}
		Mutants(e, func(name string, payload []byte) bool {
			if names[name] || len(payload) >= len(e.Payload)+len("null") {
				t.Errorf("example %d of %s: mutant %q is there twice or has grown", i, e.Event, name)
			}
			// All of them would take a minute under the race detector.
			if len(names)%50 == 0 && !json.Valid(payload) {
				t.Errorf("example %d of %s: mutant %q is not JSON", i, e.Event, name)
			}
			names[name] = true
			return true
		})
		total += len(names)
	}
	if total < 10000 {
		t.Errorf("only %d mutants", total)
	}
	t.Logf("%d mutants", total)
}
