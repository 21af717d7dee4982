package summary

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// Wherever a plan's JSON marks a value as sensitive, the value is known, so that it is
// masked where the mark got lost.
func TestSensitiveLooksInEachPlace(t *testing.T) {
	const change = `{"actions":["update"],"before":{"a":"was","l":["x",{"k":"in a list"}]},"after":{"a":"is"},`
	for name, tt := range map[string]struct{ plan, want string }{
		"before a change":             {`"resource_changes":[{"address":"a.b","change":` + change + `"before_sensitive":{"a":true}}}]`, "was"},
		"after a change":              {`"resource_changes":[{"address":"a.b","change":` + change + `"after_sensitive":{"a":true}}}]`, "is"},
		"in a list":                   {`"resource_changes":[{"address":"a.b","change":` + change + `"before_sensitive":{"l":[false,{"k":true}]}}}]`, "in a list"},
		"all of a change":             {`"resource_changes":[{"address":"a.b","change":` + change + `"after_sensitive":true}}]`, "is"},
		"what changed outside":        {`"resource_drift":[{"address":"a.b","change":` + change + `"before_sensitive":{"a":true}}}]`, "was"},
		"an output that changes":      {`"output_changes":{"o":{"actions":["create"],"after":"out","after_sensitive":true}}`, "out"},
		"a variable":                  {`"variables":{"v":{"value":"typed"},"w":{"value":"open"}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true},"w":{}}}}`, "typed"},
		"a number":                    {`"variables":{"v":{"value":{"n":12345678901234567890}}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}}`, "12345678901234567890"},
		"a number in a state":         {`"prior_state":{"values":{"root_module":{"resources":[{"values":{"pin":471100},"sensitive_values":{"pin":true}}]}}}`, "471100"},
		"an output of what is there":  {`"prior_state":{"values":{"outputs":{"o":{"sensitive":true,"value":"old out"},"p":{"value":"open"}}}}`, "old out"},
		"a resource that is there":    {`"prior_state":{"values":{"root_module":{"resources":[{"values":{"a":"old","b":"open"},"sensitive_values":{"a":true}}]}}}`, "old"},
		"a resource that is planned":  {`"planned_values":{"root_module":{"resources":[{"values":{"a":"new"},"sensitive_values":{"a":true}}]}}`, "new"},
		"a module in a module":        {`"planned_values":{"root_module":{"child_modules":[{"child_modules":[{"resources":[{"values":{"a":"deep"},"sensitive_values":{"a":true}}]}]}]}}`, "deep"},
		"nothing is marked":           {`"resource_changes":[{"address":"a.b","change":` + change + `"after_sensitive":{"a":false}}}]`, ""},
		"a mark of what is not there": {`"resource_changes":[{"address":"a.b","change":` + change + `"after_sensitive":{"z":[true]}}}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			plan := `{"format_version":"1.2",` + tt.plan + `}`
			found, err := Sensitive(strings.NewReader(plan), int64(len(plan)))
			if err != nil || strings.Join(found, "|") != tt.want {
				t.Errorf("%q, %v; want %q", found, err, tt.want)
			}
		})
	}
}

// A plan may mark more than anybody can look for.
func TestSensitiveIsBounded(t *testing.T) {
	list := make([]string, maxSensitive+500)
	for i := range list {
		list[i] = fmt.Sprintf("secret-%d", i)
	}
	list[0] = strings.Repeat("x", maxSensitiveBytes+1)
	values, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	plan := `{"format_version":"1.2","variables":{"v":{"value":` + string(values) + `}},"configuration":{"root_module":{"variables":{"v":{"sensitive":true}}}}}`
	found, err := Sensitive(strings.NewReader(plan), int64(len(plan)))
	if err != nil || len(found) != maxSensitive || slices.ContainsFunc(found, func(s string) bool { return len(s) > maxSensitiveBytes }) {
		t.Errorf("%d values, %v", len(found), err)
	}
	large := `{"format_version":"1.2","prior_state":{"values":{"outputs":{"o":{"sensitive":true,"value":"state"}}}},"output_changes":{"o":{"actions":["create"],"after":"out","after_sensitive":true}}}`
	if found, err := Sensitive(strings.NewReader(large), defaultValuesBytes+1); err != nil || strings.Join(found, "|") != "out" {
		t.Errorf("of a plan that is too large to look into its states: %q, %v", found, err)
	}
}

// What changed outside of Terraform is what either the plan or its states say. What is
// gone is what the state that an apply goes on with does not have, whatever the plan says.
func TestWhatChangedOutsideIsToldByPlanAndStates(t *testing.T) {
	const plan = `{"format_version":"1.2","resource_drift":[
		{"address":"both.gone","change":{"actions":["delete"]}},
		{"address":"plan.gone","change":{"actions":["delete"]}},
		{"address":"plan.lies","change":{"actions":["delete"]}},
		{"address":"plan.changed","change":{"actions":["update"]}}],
		"resource_changes":[{"address":"new.import","type":"new","change":{"actions":["no-op"],"importing":{"id":"x"}}}]}`
	s, err := Read(strings.NewReader(plan), int64(len(plan)), Options{
		Drift: []string{"plan.lies", "state.gone", "state.changed", "both.gone", "new.import"}, Gone: []string{"both.gone", "state.gone"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"both.gone", "plan.changed", "plan.gone", "plan.lies", "state.changed", "state.gone"}, s.Drift); diff != "" {
		t.Errorf("changed outside:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"both.gone", "plan.gone", "state.gone"}, s.Gone); diff != "" {
		t.Errorf("gone:\n%s", diff)
	}
	other, err := Read(strings.NewReader(plan), int64(len(plan)), Options{Drift: []string{"plan.lies", "state.gone", "state.changed", "both.gone", "new.import"}, Gone: []string{"both.gone"}})
	if err != nil || other.Digest == s.Digest {
		t.Errorf("whether an object is gone does not show in the digest: %v", err)
	}
}

// Diffs are left out one after the other until the rest fits, and those that are left
// are counted.
func TestDiffsFillTheirRoomAndNoMore(t *testing.T) {
	var changes []run.Change
	for i := range 40 {
		changes = append(changes, run.Change{Address: fmt.Sprintf("a.b%02d", i), Action: run.ActionUpdate, Diff: []run.Attribute{{Path: "v", Before: strings.Repeat("x", 500), After: "y"}}})
	}
	for _, room := range []int{0, 5_000, 10_000, 1 << 20} {
		s := run.Summary{Changes: slices.Clone(changes)}
		for i := range 10 {
			s.Outputs = append(s.Outputs, run.OutputChange{Name: fmt.Sprint(i), Action: run.ActionUpdate, Diff: []run.Attribute{{Path: fmt.Sprintf("output.%d", i), Before: strings.Repeat("x", 500)}}})
		}
		if err := shrink(&s, room); err != nil {
			t.Fatal(err)
		}
		content, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		left, notes := 0, 0
		for i, c := range s.Changes {
			switch {
			case c.Omitted && len(c.Diff) == 0:
				left++
			case c.Omitted || left > 0:
				t.Errorf("%d bytes: %s has a diff, and earlier ones have none", room, s.Changes[i].Address)
			}
		}
		for _, o := range s.Outputs {
			if o.Diff[0].Note != "" {
				notes++
			}
		}
		const frame = 40*60 + 10*200 // addresses and names, which stay
		if s.DiffOmitted != left || len(content) > room+frame || room >= 1<<20 && left+notes > 0 || room == 0 && (left < 40 || notes < 10) || room == 10_000 && (left == 0 || left == 40) {
			t.Errorf("%d bytes of %d: %d diffs and %d outputs left out, %d counted", len(content), room, left, notes, s.DiffOmitted)
		}
	}
}

// A list whose elements are paired although most of each is another one: what stands at
// the same place and has anything in common is the same element, elsewhere it needs half.
func TestElementsAreWhereTheyWere(t *testing.T) {
	object := func(parts ...any) any {
		out := map[string]any{}
		for i := 0; i < len(parts); i += 2 {
			out[parts[i].(string)] = parts[i+1]
		}
		return out
	}
	keep := object("k", "stays")
	for name, tt := range map[string]struct {
		before, after []any
		want          []pair
	}{
		"one of four in common, same place": {[]any{keep, object("a", "1", "b", "2", "c", "3", "d", "4"), keep}, []any{keep, object("a", "1", "b", "7", "c", "8", "d", "9"), keep},
			[]pair{{0, 0, false}, {1, 1, false}, {2, 2, false}}},
		"one of four in common, same place, beside one that goes": {
			[]any{keep, object("a", "1", "b", "2", "c", "3", "d", "4"), object("z", "0"), keep}, []any{keep, object("a", "1", "b", "7", "c", "8", "d", "9"), keep},
			[]pair{{0, 0, false}, {1, 1, false}, {2, -1, false}, {3, 2, false}}},
		"one of four in common, elsewhere": {[]any{object("a", "1", "b", "2", "c", "3", "d", "4"), keep}, []any{keep, object("a", "1", "b", "7", "c", "8", "d", "9")},
			[]pair{{0, -1, false}, {1, 0, false}, {-1, 1, false}}},
		"three of four in common, elsewhere": {[]any{object("a", "1", "b", "2", "c", "3", "d", "4"), keep, "x"}, []any{keep, "x", object("a", "1", "b", "2", "c", "3", "d", "9")},
			[]pair{{1, 0, false}, {2, 1, false}, {0, 2, true}}},
		"equal, and both moved": {[]any{"a", "b", "c"}, []any{"c", "a", "b"}, []pair{{2, 0, true}, {0, 1, false}, {1, 2, false}}},
		"twins":                 {[]any{"a", "a"}, []any{"a"}, []pair{{0, -1, false}, {1, 0, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := match(tt.before, tt.after, nil); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
