package summary

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

var update = flag.Bool("update", false, "write golden files")

// change1 is a plan with one changed resource.
func change1(t *testing.T, c map[string]any) string {
	t.Helper()
	content, err := json.Marshal(map[string]any{
		"format_version":   "1.2",
		"resource_changes": []any{map[string]any{"address": "x.y", "mode": "managed", "type": "x", "change": c}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func read(t *testing.T, plan string, o Options) run.Summary {
	t.Helper()
	s, err := Read(strings.NewReader(plan), int64(len(plan)), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type object = map[string]any
type list = []any

var diffs = map[string]struct {
	change object
	want   []run.Attribute
}{
	"a value changes": {
		object{"actions": list{"update"}, "before": object{"a": "x", "b": 1}, "after": object{"a": "y", "b": 1}},
		[]run.Attribute{{Path: "a", Before: `"x"`, After: `"y"`}},
	},
	"a value goes, another comes": {
		object{"actions": list{"update"}, "before": object{"a": "x", "b": nil}, "after": object{"a": nil, "b": true}},
		[]run.Attribute{{Path: "a", Before: `"x"`}, {Path: "b", After: "true"}},
	},
	"a large number keeps its digits": {
		object{"actions": list{"update"}, "before": object{"id": json.Number("12345678901234567890")}, "after": object{"id": json.Number("12345678901234567891")}},
		[]run.Attribute{{Path: "id", Before: "12345678901234567890", After: "12345678901234567891"}},
	},
	"keys of nested objects and maps": {
		object{"actions": list{"update"},
			"before": object{"tags": object{"Name": "a", "a b": "1"}}, "after": object{"tags": object{"Name": "b", "a b": "2", "new": "3"}}},
		[]run.Attribute{
			{Path: "tags.Name", Before: `"a"`, After: `"b"`}, {Path: `tags["a b"]`, Before: `"1"`, After: `"2"`}, {Path: "tags.new", After: `"3"`},
		},
	},
	"blocks by index": {
		object{"actions": list{"update"},
			"before": object{"rule": list{object{"port": 1}, object{"port": 2}}}, "after": object{"rule": list{object{"port": 1}, object{"port": 3}}}},
		[]run.Attribute{{Path: "rule[1].port", Before: "2", After: "3"}},
	},
	"lists of plain values as a whole": {
		object{"actions": list{"update"}, "before": object{"l": list{"a", "b"}}, "after": object{"l": list{"b"}}},
		[]run.Attribute{{Path: "l", Before: `["a", "b"]`, After: `["b"]`}},
	},
	"known after apply": {
		object{"actions": list{"create"}, "before": nil, "after": object{"a": "x", "n": nil}, "after_unknown": object{"id": true, "net": list{object{"ip": true}}}},
		[]run.Attribute{
			{Path: "a", After: `"x"`}, {Path: "id", After: "(known after apply)"},
			{Path: "net", After: "(known after apply)"},
		},
	},
	"sensitive on both sides": {
		object{"actions": list{"update"}, "before": object{"p": "old"}, "after": object{"p": "new"},
			"before_sensitive": object{"p": true}, "after_sensitive": object{"p": true}},
		[]run.Attribute{{Path: "p", Before: sensitive, After: sensitive}},
	},
	"sensitive on one side is secret on both": {
		object{"actions": list{"update"}, "before": object{"p": "old"}, "after": object{"p": "new"},
			"before_sensitive": object{}, "after_sensitive": object{"p": true}},
		[]run.Attribute{{Path: "p", Before: sensitive, After: sensitive}},
	},
	"sensitive inside of a list": {
		object{"actions": list{"create"}, "before": nil, "after": object{"l": list{"open", "secret"}},
			"after_sensitive": object{"l": list{false, true}}},
		[]run.Attribute{{Path: "l", After: `["open", (sensitive value)]`}},
	},
	"a path that forces replacement": {
		object{"actions": list{"delete", "create"}, "before": object{"a": "1", "b": object{"c": 1}}, "after": object{"a": "2", "b": object{"c": 2}},
			"replace_paths": list{list{"b", "c"}}},
		[]run.Attribute{{Path: "a", Before: `"1"`, After: `"2"`}, {Path: "b.c", Before: "1", After: "2", ForcesReplace: true}},
	},
	"texts of several lines": {
		object{"actions": list{"update"}, "before": object{"t": "a\nb\n"}, "after": object{"t": "a\nc\n"}},
		[]run.Attribute{{Path: "t", Lines: " a\n-b\n+c"}},
	},
	"long texts only where they differ": {
		object{"actions": list{"update"}, "before": object{"t": "1\n2\n3\n4\n5\nold\n7\n8\n9\n0\n1\n"}, "after": object{"t": "1\n2\n3\n4\n5\nnew\n7\n8\n9\n0\n1\n"}},
		[]run.Attribute{{Path: "t", Lines: "#(2 unchanged lines)\n 3\n 4\n 5\n-old\n+new\n 7\n 8\n 9\n#(2 unchanged lines)"}},
	},
	"documents in JSON": {
		object{"actions": list{"update"}, "before": object{"policy": `{"Action":"a","Effect":"Allow"}`}, "after": object{"policy": `{"Effect":"Allow","Action":"b"}`}},
		[]run.Attribute{{Path: "jsondecode(policy).Action", Before: `"a"`, After: `"b"`}},
	},
	"what becomes unknown is named in one line": {
		object{"actions": list{"update"},
			"before": object{"a": object{"x": 1, "y": "2"}, "l": list{object{"x": 1}}, "p": `{"Action":"a"}`, "s": "short", "t": "a\nb\n"},
			"after":  object{}, "after_unknown": object{"a": true, "l": true, "p": true, "s": true, "t": true}},
		[]run.Attribute{
			{Path: "a", Before: "{ 2 attributes }", After: unknown}, {Path: "l", Before: "[ 1 element ]", After: unknown},
			{Path: "p", Before: "jsonencode({ 1 attribute })", After: unknown}, {Path: "s", Before: `"short"`, After: unknown},
			{Path: "t", Before: "<<EOT … 2 lines … EOT", After: unknown},
		},
	},
	"templates are escaped": {
		object{"actions": list{"create"}, "before": nil, "after": object{"t": "${x} <b> \"q\""}},
		[]run.Attribute{{Path: "t", After: `"$${x} <b> \"q\""`}},
	},
}

func TestDiff(t *testing.T) {
	for name, c := range diffs {
		t.Run(name, func(t *testing.T) {
			s := read(t, change1(t, c.change), Options{})
			if len(s.Changes) != 1 {
				t.Fatalf("changes: %+v", s.Changes)
			}
			if diff := cmp.Diff(c.want, s.Changes[0].Diff); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestActionsAreCounted(t *testing.T) {
	plan := `{"format_version":"1.2","resource_changes":[
		{"address":"c.c","type":"c","change":{"actions":["create"]}},
		{"address":"u.u","type":"u","change":{"actions":["update"]}},
		{"address":"d.d","type":"d","action_reason":"delete_because_no_resource_config","change":{"actions":["delete"]}},
		{"address":"d.d","type":"d","deposed":"abcd","change":{"actions":["delete"]}},
		{"address":"r.r","type":"r","action_reason":"replace_because_cannot_update","change":{"actions":["delete","create"]}},
		{"address":"r.q","type":"r","change":{"actions":["create","delete"]}},
		{"address":"f.f","type":"f","change":{"actions":["forget"]}},
		{"address":"data.x.x","type":"x","mode":"data","change":{"actions":["read"]}},
		{"address":"n.n","type":"n","change":{"actions":["no-op"]}},
		{"address":"m.new","type":"m","previous_address":"m.old","change":{"actions":["no-op"]}},
		{"address":"i.i","type":"i","change":{"actions":["no-op"],"importing":{"id":"i-1"}}}],
		"resource_drift":[{"address":"z.z","change":{"actions":["update"]}},{"address":"y.y","change":{"actions":["no-op"]}},{"address":"x.x","change":{"actions":["delete"]}}],
		"output_changes":{"o":{"actions":["create"],"after":"v"},"p":{"actions":["no-op"]},"s":{"actions":["update"],"before":"a","after":"b","before_sensitive":true,"after_sensitive":true}},
		"checks":[{"address":{"to_display":"check.ok"},"status":"pass"},
			{"address":{"to_display":"check.bad"},"status":"fail","instances":[{"address":{"to_display":"check.bad"},"status":"fail","problems":[{"message":"no good"}]}]},
			{"address":{"to_display":"check.open"},"status":"unknown"}]}`
	want := run.Summary{
		Version: run.SummaryVersion,
		Counts:  run.Counts{Add: 1, Change: 1, Replace: 2, Destroy: 2, Import: 1, Forget: 1, Move: 1, Outputs: 2},
		Changes: []run.Change{
			{Address: "d.d", Type: "d", Action: run.ActionDestroy, Reason: "it is no longer in the configuration"},
			{Address: "d.d (deposed abcd)", Type: "d", Action: run.ActionDestroy},
			{Address: "r.q", Type: "r", Action: run.ActionReplace},
			{Address: "r.r", Type: "r", Action: run.ActionReplace, Reason: "a changed attribute cannot be updated in place"},
			{Address: "u.u", Type: "u", Action: run.ActionUpdate},
			{Address: "c.c", Type: "c", Action: run.ActionCreate},
			{Address: "f.f", Type: "f", Action: run.ActionForget},
			{Address: "data.x.x", Type: "x", Action: run.ActionRead},
			{Address: "i.i", Type: "i", Action: run.ActionNone, Importing: true},
			{Address: "m.new", Type: "m", Action: run.ActionNone, MovedFrom: "m.old"},
		},
		Outputs: []run.OutputChange{{Name: "o", Action: run.ActionCreate, After: `"v"`}, {Name: "s", Action: run.ActionUpdate, Before: sensitive, After: sensitive}},
		Drift:   []string{"x.x", "z.z"},
		Gone:    []string{"x.x"},
		Checks:  []run.CheckFinding{{Address: "check.bad", Status: "fail", Message: "no good"}, {Address: "check.open", Status: "unknown"}},
	}
	got := read(t, plan, Options{})
	want.Digest = got.Digest
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	for name, plan := range map[string]string{
		"an action":    `{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{"actions":["explode"]}}]}`,
		"no action":    `{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{}}]}`,
		"a version":    `{"format_version":"2.0"}`,
		"an array":     `[]`,
		"cut off":      `{"format_version":"1.2","resource_changes":[`,
		"nothing":      ``,
		"two plans":    `{"format_version":"1.2"}{"format_version":"1.2"}`,
		"wrong shapes": `{"format_version":"1.2","resource_changes":{"a":1}}`,
	} {
		if s, err := Read(strings.NewReader(plan), int64(len(plan)), Options{}); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestWhatTerraformLeftOutIsToldApart(t *testing.T) {
	for plan, partial := range map[string]bool{
		`{"format_version":"1.2"}`:                  false, // before Terraform 1.8
		`{"format_version":"1.2","complete":true}`:  false,
		`{"format_version":"1.2","complete":false}`: true,
	} {
		s, err := Read(strings.NewReader(plan), int64(len(plan)), Options{})
		if err != nil || s.Partial != partial {
			t.Errorf("%s: partial %t, %v", plan, s.Partial, err)
		}
	}
}

func TestEqualChangesHaveEqualDigests(t *testing.T) {
	a := change1(t, object{"actions": list{"update"}, "before": object{"a": 1}, "after": object{"a": 2}})
	same := strings.Replace(a, `"format_version":"1.2"`, `"timestamp":"later","format_version":"1.2","variables":{"x":{"value":"other"}}`, 1)
	other := change1(t, object{"actions": list{"update"}, "before": object{"a": 1}, "after": object{"a": 3}})
	digest := read(t, a, Options{}).Digest
	if digest != read(t, same, Options{}).Digest {
		t.Error("equal changes have different digests")
	}
	if digest == read(t, other, Options{}).Digest {
		t.Error("different changes have equal digests")
	}
	if read(t, a, Options{ValuesBytes: 1}).Digest == read(t, other, Options{ValuesBytes: 1}).Digest {
		t.Error("different changes have equal digests when no values are read")
	}
}

func TestLargePlansLoseDiffsButNoAddress(t *testing.T) {
	const n = 3000
	var b bytes.Buffer
	b.WriteString(`{"format_version":"1.2","resource_changes":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		action := []string{"create", "delete"}[i%2]
		fmt.Fprintf(&b, `{"address":"x.y[%d]","type":"x","change":{"actions":[%q],"before":null,"after":{"v":%q}}}`, i, action, strings.Repeat("v", 1000))
	}
	b.WriteString(`]}`)
	for name, o := range map[string]Options{"cut": {}, "without values": {ValuesBytes: 1}} {
		s := read(t, b.String(), o)
		content, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > defaultBytes+n*20 { // "omitted":true comes on top
			t.Errorf("%s: %d bytes", name, len(content))
		}
		if len(s.Changes) != n || s.Counts.Add != n/2 || s.Counts.Destroy != n/2 {
			t.Errorf("%s: %d changes, %+v", name, len(s.Changes), s.Counts)
		}
		omitted := 0
		for i, c := range s.Changes {
			if c.Omitted != (len(c.Diff) == 0) {
				t.Fatalf("%s: change %d: omitted is %v with %d attributes", name, i, c.Omitted, len(c.Diff))
			}
			if c.Omitted {
				omitted++
			}
		}
		if omitted == 0 || omitted != s.DiffOmitted {
			t.Errorf("%s: %d omitted, the summary says %d", name, omitted, s.DiffOmitted)
		}
		if name == "cut" && s.Changes[0].Omitted {
			t.Error("the first destroy lost its diff")
		}
	}
}

func TestRealPlansAreGolden(t *testing.T) {
	plans, err := filepath.Glob("testdata/*.plan.json")
	if err != nil || len(plans) == 0 {
		t.Fatalf("no plans: %v", err)
	}
	for _, name := range plans {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := Sensitive(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for _, s := range secrets {
			pairs = append(pairs, s, "(redacted)")
		}
		got, err := json.MarshalIndent(read(t, string(content), Options{Redact: strings.NewReplacer(pairs...).Replace}), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if bytes.Contains(got, []byte("-canary")) {
			t.Errorf("%s: a sensitive value is shown:\n%s", name, got)
		}
		golden := strings.TrimSuffix(name, ".plan.json") + ".summary.json"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got); go test ./runner/summary -update\n%s", golden, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	plans, _ := filepath.Glob("testdata/*.plan.json")
	for _, name := range plans {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte(`{"format_version":"1.0","resource_changes":[{"address":"a","change":{"actions":["update"],"before":{"a":[{"b":1}]},"after":{"a":[{"b":null}]},"after_unknown":{"a":[{"b":true}]},"replace_paths":[["a",0,"b"]]}}]}`))
	f.Fuzz(func(t *testing.T, plan []byte) {
		for _, o := range []Options{{}, {ValuesBytes: 1, Bytes: 10}} {
			s, err := Read(bytes.NewReader(plan), int64(len(plan)), o)
			if err == nil && s.Digest == "" {
				t.Error("no digest")
			}
		}
	})
}

// Each instance that is not known to be right is named, whether it says why or not.
func TestEachInstanceOfACheckThatDoesNotPassIsNamed(t *testing.T) {
	got := read(t, `{"format_version":"1.2","checks":[{"address":{"to_display":"a.b"},"status":"fail","instances":[
		{"address":{"to_display":"a.b[0]"},"status":"unknown"},
		{"address":{"to_display":"a.b[1]"},"status":"pass"},
		{"address":{"to_display":"a.b[2]"},"status":"fail","problems":[{"message":"too small"},{"message":"too old"}]},
		{"address":{"to_display":"a.b[3]"},"status":"error","problems":[]}]}]}`, Options{})
	want := []run.CheckFinding{
		{Address: "a.b[0]", Status: "unknown"},
		{Address: "a.b[2]", Status: "fail", Message: "too small"}, {Address: "a.b[2]", Status: "fail", Message: "too old"},
		{Address: "a.b[3]", Status: "error"},
	}
	if diff := cmp.Diff(want, got.Checks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
