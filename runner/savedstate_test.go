package runner

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// stateOf is a state with one object that has these attributes.
func stateOf(attributes string) string {
	return `{"version": 4, "lineage": "l", "serial": 1, "resources": [{"mode": "managed", "type": "t", "name": "a", "instances": [{"schema_version": 0, "attributes": ` + attributes + `}]}]}`
}

// A state in a plan file may be a thousand times as large as the file, and its values forty
// times as large as that when they are decoded.
func TestAStateThatUnpacksIntoMuchStaysText(t *testing.T) {
	state := stateOf("[0" + strings.Repeat(",0", 1<<20) + "]")
	allocations := testing.AllocsPerRun(1, func() {
		s, _, err := readState(strings.NewReader(state), maxPlanStates)
		if err != nil || len(s) != 1 {
			t.Errorf("%d objects, %v", len(s), err)
		}
	})
	if allocations > 10_000 {
		t.Errorf("%.0f pieces of memory for a million numbers", allocations)
	}
	if _, _, err := readState(strings.NewReader(state), 1<<20); err == nil {
		t.Error("more is read than may be")
	}
}

// A list in a list that has the same elements in no order takes a pair for each two of each
// two: the runner gives up, and nothing is applied.
func TestAComparisonOfStatesEnds(t *testing.T) {
	list := func(n int, element func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, element(i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	// All elements of each inner set but the last have a twin, far from where it is looked for.
	sets := func(element func(j int) string) any {
		v, err := decoded(json.RawMessage(list(20, func(int) string { return list(maxSet, element) })))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	was := sets(func(j int) string { return fmt.Sprintf(`{"n": %d}`, j) })
	is := sets(func(j int) string {
		if j == 0 {
			return `{"n": -1, "new": []}` // in place of the last one
		}
		return fmt.Sprintf(`{"n": %d, "new": []}`, maxSet-1-j)
	})
	c := comparison{left: maxSteps}
	if c.became(was, is) || c.left >= 0 {
		t.Errorf("it came to an end by itself, with %d pairs left", c.left)
	}
	large := json.RawMessage(`["` + strings.Repeat("x", maxDecoded) + `"]`)
	if !tookForm(large, large) || tookForm(large, json.RawMessage(`["x"]`)) {
		t.Error("what is too large to look into is the same when its text is, and only then")
	}
}

func TestValuesTakeAnotherForm(t *testing.T) {
	for _, c := range []struct {
		was, is string
		want    bool
	}{
		{`{"a": 1}`, `{"a": 1}`, true},
		{`{"a": 1, "b": "x"}`, `{"b": "x", "a": 1}`, true},
		{`{"a": 1, "gone": true}`, `{"a": 1}`, true},
		{`{"a": 1}`, `{"a": 1, "new": null, "list": [], "map": {"x": null}}`, true},
		{`{"a": 1}`, `{"a": 1, "new": "x"}`, false},
		{`{"a": 1}`, `{"a": 2}`, false},
		{`{"a": 1}`, `{"a": "1"}`, true}, // a number that is text now
		{`{"a": null}`, `{"a": "x"}`, false},
		{`{"a": "x"}`, `{"a": null}`, false},
		{`[{"a": 1}, {"a": 2}]`, `[{"a": 2, "n": null}, {"a": 1, "n": null}]`, true}, // a set
		{`[{"a": 1}, {"a": 2}]`, `[{"a": 2}, {"a": 1}]`, false},                      // a list that was turned around
		{`[1, 2]`, `[1]`, false},
		{`{"a": [1]}`, `{"a": {"0": 1}}`, false},
		{``, `null`, true},
	} {
		if got := tookForm(json.RawMessage(c.was), json.RawMessage(c.is)); got != c.want {
			t.Errorf("%s and %s: %v", c.was, c.is, got)
		}
	}
}

func TestKeysOfInstancesAreWrittenAsTerraformDoes(t *testing.T) {
	for key, want := range map[string]string{``: "", `null`: "", `0`: "[0]", `"x"`: `["x"]`, `"a\"${b}%{c}\n"`: `["a\"$${b}%%{c}\n"]`} {
		if got := instanceKey(json.RawMessage(key)); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
