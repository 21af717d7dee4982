package summary

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/run"
)

var aKey = []byte("0123456789abcdef0123456789abcdef")

// effects reads what a plan would do.
func effects(t *testing.T, plan string, o Options) plandiff.Plan {
	t.Helper()
	s, err := Read(strings.NewReader(plan), int64(len(plan)), o)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, plan)
	}
	p, ok := plandiff.Of(s)
	if !ok {
		t.Fatalf("not all changes have a digest: %+v", s.Changes)
	}
	return p
}

// oneChange is the JSON of a plan with one resource.
func oneChange(change string) string {
	return `{"format_version":"1.2","timestamp":"2026-03-01T12:00:00Z","resource_changes":[{"address":"a.b","type":"a","change":` + change + `}]}`
}

// What makes a change another one than it was, and what does not.
func TestWhatADigestIsOf(t *testing.T) {
	const update = `{"actions":["update"],"before":{"n":1,"at":"noon","list":[1,2]},"after":{"n":2,"at":"noon","list":[1,2]},"after_unknown":{}}`
	const destroy = `{"actions":["delete"],"before":{"n":1,"at":"noon"},"after":null}`
	lists := func(first string) string {
		return strings.ReplaceAll(`{"actions":["update"],"before":{"l":["?",null]},"after":{"l":["?",null]},"after_unknown":{"l":[false,true]}}`, "?", first)
	}
	for _, tt := range []struct {
		name        string
		plan, other string
		same        bool
	}{
		{"nothing else", oneChange(update), oneChange(update), true},
		{"the time of the plan", oneChange(update), strings.Replace(oneChange(update), "12:00", "13:00", 1), true},
		{"the order of keys", oneChange(update), oneChange(strings.Replace(update, `"n":1,"at":"noon"`, `"at":"noon","n":1`, 1)), true},
		{"what stays as it is", oneChange(update), oneChange(strings.ReplaceAll(update, "noon", "one")), true},
		{"a value after", oneChange(update), oneChange(strings.Replace(update, `"n":2`, `"n":3`, 1)), false},
		{"a value before", oneChange(update), oneChange(strings.Replace(update, `"n":1`, `"n":7`, 1)), false},
		{"a part of a list", oneChange(update), oneChange(strings.Replace(update, `"list":[1,2]},"after_u`, `"list":[2,1]},"after_u`, 1)), false},
		{"a part of a list of which another one is not known yet", oneChange(lists("a")), oneChange(lists("b")), false},
		{"what is not known yet", oneChange(update), oneChange(strings.Replace(update, `"after_unknown":{}`, `"after_unknown":{"n":true}`, 1)), false},
		{"what is secret", oneChange(update), oneChange(strings.Replace(update, `"after_unknown"`, `"after_sensitive":{"n":true},"after_unknown"`, 1)), false},
		{"one more attribute", oneChange(update), oneChange(strings.Replace(update, `"n":2`, `"n":2,"m":null`, 1)), false},
		{"the action", oneChange(update), oneChange(strings.Replace(update, `"update"`, `"delete","create"`, 1)), false},
		{"why it is replaced", oneChange(update), oneChange(strings.Replace(update, `"after_unknown"`, `"replace_paths":[["n"]],"after_unknown"`, 1)), false},
		{"a value of what is destroyed", oneChange(destroy), oneChange(strings.Replace(destroy, "noon", "one", 1)), false},
		{"what is imported", oneChange(strings.Replace(update, `"before"`, `"importing":{"id":"x"},"before"`, 1)), oneChange(strings.Replace(update, `"before"`, `"importing":{"id":"y"},"before"`, 1)), false},
		{"where it comes from", strings.Replace(oneChange(update), `"type"`, `"previous_address":"a.c","type"`, 1), strings.Replace(oneChange(update), `"type"`, `"previous_address":"a.d","type"`, 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Key: aKey}
			if d := plandiff.Between(effects(t, tt.plan, o), effects(t, tt.other, o)); d.Same() != tt.same {
				t.Errorf("the plan %s", d.Words())
			}
		})
	}
}

// Passwords can be guessed, so nobody without the key may try one out.
func TestADigestIsOfTheKey(t *testing.T) {
	const plan = `{"format_version":"1.2","output_changes":{"password":{"actions":["create"],"after":"hunter2","after_sensitive":true}},
		"resource_changes":[{"address":"a.b","type":"a","change":{"actions":["create"],"after":{"p":"hunter2"},"after_sensitive":{"p":true}}}]}`
	other := strings.Replace(plan, `{"p":"hunter2"}`, `{"p":"hunter3"}`, 1)
	mine, yours := effects(t, plan, Options{Key: aKey}), effects(t, plan, Options{Key: []byte("another key")})
	for i := range mine {
		if mine[i].Digest == yours[i].Digest {
			t.Errorf("%s has the same digest with another key", mine[i].Address)
		}
	}
	if words := plandiff.Between(mine, effects(t, other, Options{Key: aKey})).Words(); words != "creates `a.b` in another way" {
		t.Errorf("another password: the plan %s", words)
	}
	read := func(o Options) run.Summary {
		s, err := Read(strings.NewReader(plan), int64(len(plan)), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	without, with := read(Options{}), read(Options{Key: aKey})
	if without.Changes[0].Digest != "" || without.Outputs[0].Digest != "" {
		t.Error("there are digests without a key")
	}
	if without.Digest != with.Digest {
		t.Error("the digest that compares projects depends on the key, which is another one for each")
	}
	if text, _ := json.Marshal(with); strings.Contains(string(text), "hunter") {
		t.Errorf("in clear: %s", text)
	}
}

// Where a plan is too large for its values to be read part by part, an equal change
// still is the same, and another one is not.
func TestLargePlansAreComparedToo(t *testing.T) {
	var changes []string
	for i := range 5000 {
		changes = append(changes, fmt.Sprintf(`{"address":"a.b[%d]","type":"a","change":{"actions":["create"],"before":null,"after":{"n":%d}}}`, i, i))
	}
	plan := `{"format_version":"1.2","resource_changes":[` + strings.Join(changes, ",") + `]}`
	o := Options{Key: aKey, ValuesBytes: 1}
	other := strings.Replace(plan, `{"n":4711}`, `{"n":-1}`, 1)
	if d := plandiff.Between(effects(t, plan, o), effects(t, plan, o)); !d.Same() {
		t.Errorf("the plan %s", d.Words())
	}
	if words := plandiff.Between(effects(t, plan, o), effects(t, other, o)).Words(); words != "creates `a.b[4711]` in another way" {
		t.Errorf("the plan %s", words)
	}
	s, err := Read(strings.NewReader(plan), int64(len(plan)), o)
	if text, _ := json.Marshal(s); err != nil || len(text) > 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// A real plan in which one value, action or address is changed differs there and
// nowhere else.
func TestOneChangeOfARealPlanIsFound(t *testing.T) {
	text, err := os.ReadFile("testdata/every-action.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Key: aKey}
	before := effects(t, string(text), o)
	random := rand.New(rand.NewPCG(7, 11))
	found := 0
	for range 300 {
		var plan map[string]any
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Fatal(err)
		}
		list := plan["resource_changes"].([]any)
		rc := list[random.IntN(len(list))].(map[string]any)
		change := rc["change"].(map[string]any)
		kept := fmt.Sprint(change["actions"]) == "[no-op]" || fmt.Sprint(change["actions"]) == "[read]"
		switch after, _ := change["after"].(map[string]any); {
		case after != nil && random.IntN(2) == 0:
			after["lockkeeper_test"] = random.Int()
		case random.IntN(2) == 0:
			change["replace_paths"] = []any{[]any{"lockkeeper_test"}}
		default:
			rc["address"] = "made.up"
		}
		changed, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		d := plandiff.Between(before, effects(t, string(changed), o))
		if n := len(d.Added) + len(d.Different); n > 1 || n == 0 && !kept {
			t.Fatalf("%s %v: the plan %s", rc["address"], change["actions"], d.Words())
		} else {
			found += n
		}
	}
	if found < 100 {
		t.Errorf("only %d of 300 changes were found", found)
	}
}

// Two plans that the real terraform makes of equal things, with other ids in their
// states, are the same; where one value is another one they differ.
func TestPlansOfTerraformAreCompared(t *testing.T) {
	cases := []pairOfValues{
		{map[string]any{"a": "1", "b": "x"}, map[string]any{"a": "2", "b": "x"}},
		{[]any{"a", "b"}, []any{"a", "b", "c"}},
		{"same", "same"},
	}
	o := Options{Key: aKey}
	_, one := planned(t, cases)
	_, two := planned(t, cases)
	cases[1].after = []any{"a", "b", "d"}
	_, three := planned(t, cases)
	was := effects(t, string(one), o)
	if len(was) != 2 {
		t.Fatalf("%+v", was)
	}
	if d := plandiff.Between(was, effects(t, string(two), o)); !d.Same() {
		t.Errorf("made again, the plan %s", d.Words())
	}
	if words := plandiff.Between(was, effects(t, string(three), o)).Words(); words != "changes `terraform_data.case[\"0001\"]` in another way" {
		t.Errorf("with another value, the plan %s", words)
	}
}
