package summary

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func rule(port int, text string) object {
	return object{"cidr_blocks": list{"0.0.0.0/0"}, "description": text, "port": port, "protocol": "tcp"}
}

func updated(before, after object) object {
	return object{"actions": list{"update"}, "before": before, "after": after}
}

func with(c object, key string, v any) object {
	c[key] = v
	return c
}

var lists = map[string]struct {
	change object
	want   []run.Attribute
}{
	"the first goes and one comes at the end": {
		updated(object{"l": list{rule(1, "a"), rule(2, "b"), rule(3, "c")}}, object{"l": list{rule(2, "b"), rule(3, "c"), object{"name": "new"}}}),
		[]run.Attribute{
			{Path: "l[0]", Before: "{\n  cidr_blocks = [\"0.0.0.0/0\"]\n  description = \"a\"\n  port = 1\n  protocol = \"tcp\"\n}"},
			{Path: "l[2]", After: "{\n  name = \"new\"\n}"},
		},
	},
	"one is put in front of many": {
		updated(object{"l": list{object{"a": 1}, object{"a": 2}}}, object{"l": list{object{"a": 0}, object{"a": 1}, object{"a": 2}}}),
		[]run.Attribute{{Path: "l[0]", After: "{\n  a = 0\n}"}},
	},
	// Terraform's equivalence test replace_within_set.
	"an element of a set is replaced": {
		object{"actions": list{"delete", "create"}, "replace_paths": list{list{"set"}},
			"before": object{"set": list{object{"id": "3BFC"}, object{"id": "4B71"}, object{"id": "56C7"}}},
			"after":  object{"set": list{object{"id": "07F8"}, object{"id": "3BFC"}, object{"id": "4B71"}}}},
		[]run.Attribute{
			{Path: "set[0]", After: "{\n  id = \"07F8\"\n}", ForcesReplace: true},
			{Path: "set[2]", Before: "{\n  id = \"56C7\"\n}", ForcesReplace: true},
		},
	},
	// Terraform's equivalence test nested_set_update.
	"sets in a set": {
		updated(object{"sets": list{list{strings.Repeat("2", 36), strings.Repeat("7", 36)}, list{strings.Repeat("9", 36)}, list{}}},
			object{"sets": list{list{strings.Repeat("2", 36)}, list{strings.Repeat("7", 36)}, list{strings.Repeat("9", 36)}}}),
		[]run.Attribute{
			{Path: "sets[0]", Before: `["` + strings.Repeat("2", 36) + `", "` + strings.Repeat("7", 36) + `"]`, After: `["` + strings.Repeat("2", 36) + `"]`},
			{Path: "sets[1]", After: `["` + strings.Repeat("7", 36) + `"]`},
			{Path: "sets[2]", Before: "[]"},
		},
	},
	"what moves is not a change": {
		updated(object{"l": list{object{"a": 1}, object{"a": 2}, object{"a": 3}}}, object{"l": list{object{"a": 3}, object{"a": 1}, object{"a": 2}}}),
		[]run.Attribute{{Path: "l", Note: "1 element is at another place: [2] → [0]"}},
	},
	"what moves and changes is told by its name": {
		updated(object{"l": list{object{"name": "a", "size": 1, "k": "x"}, object{"name": "b", "size": 2}, object{"name": "c", "size": 3}}},
			object{"l": list{object{"name": "b", "size": 2}, object{"name": "c", "size": 3}, object{"name": "a", "size": 9, "k": "x"}}}),
		[]run.Attribute{
			{Path: "l", Note: "1 element is at another place: [0] → [2]"},
			{Path: "l[2]", Note: `name = "a"`}, {Path: "l[2].size", Before: "1", After: "9"},
		},
	},
	"equal elements are as many as there are": {
		updated(object{"l": list{object{"a": 1}, object{"a": 1}, object{"a": 2}}}, object{"l": list{object{"a": 1}, object{"a": 2}, object{"a": 2}}}),
		[]run.Attribute{{Path: "l[1].a", Before: "1", After: "2"}},
	},
	"a block in a block": {
		updated(object{"origin": list{rule(1, "a"), object{"name": "o", "header": list{rule(8, "x"), rule(9, "y")}}}},
			object{"origin": list{object{"name": "o", "header": list{rule(9, "z"), rule(8, "x")}}}}),
		[]run.Attribute{
			{Path: "origin[0]", Before: "{\n  cidr_blocks = [\"0.0.0.0/0\"]\n  description = \"a\"\n  port = 1\n  protocol = \"tcp\"\n}"},
			{Path: "origin[0]", Note: `name = "o"`},
			{Path: "origin[0].header", Note: "1 element is at another place: [0] → [1]"},
			{Path: "origin[0].header[0].description", Before: `"y"`, After: `"z"`},
		},
	},
	"an unknown value in an element": {
		with(updated(object{"l": list{object{"a": "x", "id": "1"}, object{"a": "y", "id": "2"}}}, object{"l": list{object{"a": "y", "id": "2"}, object{"a": "x"}}}),
			"after_unknown", object{"l": list{object{}, object{"id": true}}}),
		[]run.Attribute{{Path: "l", Note: "1 element is at another place: [0] → [1]"}, {Path: "l[1].id", Before: `"1"`, After: unknown}},
	},
	"an unknown element": {
		with(updated(object{"l": list{rule(1, "a")}}, object{"l": list{nil, rule(1, "a")}}), "after_unknown", object{"l": list{true, object{}}}),
		[]run.Attribute{{Path: "l[0]", After: unknown}},
	},
	"null is not missing": {
		updated(object{"m": object{"a": nil, "b": "x"}, "l": list{rule(1, "a"), nil}}, object{"m": object{"b": "x", "c": nil}, "l": list{rule(1, "a")}}),
		[]run.Attribute{{Path: "l[1]", Before: "null"}, {Path: "m.a", Before: "null"}, {Path: "m.c", After: "null"}},
	},
	"becomes sensitive": {
		with(updated(object{"p": "x", "m": object{"q": "y"}}, object{"p": "x", "m": object{"q": "y"}}), "after_sensitive", object{"p": true, "m": object{"q": true}}),
		[]run.Attribute{{Path: "m.q", Note: "becomes sensitive, the value stays the same"}, {Path: "p", Note: "becomes sensitive, the value stays the same"}},
	},
	"is no longer sensitive": {
		with(updated(object{"l": list{object{"p": "x"}}}, object{"l": list{object{"p": "x"}}}), "before_sensitive", object{"l": list{object{"p": true}}}),
		[]run.Attribute{{Path: "l[0].p", Note: "is no longer sensitive, the value stays the same"}},
	},
	"a mark goes with its element": {
		with(with(updated(object{"l": list{object{"n": "a", "p": "secret"}, object{"n": "b", "p": "open"}}},
			object{"l": list{object{"n": "b", "p": "open2"}, object{"n": "a", "p": "secret"}}}),
			"before_sensitive", object{"l": list{object{"p": true}, object{}}}), "after_sensitive", object{"l": list{object{}, object{"p": true}}}),
		[]run.Attribute{{Path: "l", Note: "1 element is at another place: [0] → [1]"}, {Path: "l[0].p", Before: `"open"`, After: `"open2"`}},
	},
	"a mark that is missing on one side": {
		with(updated(object{"l": list{object{"n": "a", "p": "secret"}, object{"n": "b", "p": "open"}}},
			object{"l": list{object{"n": "b", "p": "open"}, object{"n": "a", "p": "other"}, object{"n": "c", "p": "secret"}}}),
			"before_sensitive", object{"l": list{object{"p": true}, object{}}}),
		[]run.Attribute{
			{Path: "l", Note: "1 element is at another place: [0] → [1]"},
			{Path: "l[1].p", Before: sensitive, After: sensitive},
			{Path: "l[2]", After: "{\n  n = \"c\"\n  p = (sensitive value)\n}"},
		},
	},
	"whose mark is lost is not known, so every value that was not open may be it": {
		with(updated(object{"l": list{object{"n": "a", "p": "secret"}, object{"n": "b", "p": "open"}}},
			object{"l": list{object{"n": "b", "p": "open"}, object{"x": 1, "y": 2, "p": "other"}}}),
			"before_sensitive", object{"l": list{object{"p": true}, object{}}}),
		[]run.Attribute{
			{Path: "l[0]", Before: "{\n  n = \"a\"\n  p = (sensitive value)\n}"},
			{Path: "l[1]", After: "{\n  p = (sensitive value)\n  x = 1\n  y = 2\n}"},
		},
	},
	"two statements of a policy": {
		updated(object{"policy": policy(12, 99)}, object{"policy": policy(12, 1, 10)}),
		[]run.Attribute{
			{Path: "jsondecode(policy).Statement[1]", Note: `Sid = "S1"`}, {Path: "jsondecode(policy).Statement[1].Action", Before: `"s3:GetObject"`, After: `"s3:*"`},
			{Path: "jsondecode(policy).Statement[10]", Note: `Sid = "S10"`}, {Path: "jsondecode(policy).Statement[10].Action", Before: `"s3:GetObject"`, After: `"s3:*"`},
		},
	},
	"a policy written in another way": {
		updated(object{"policy": `{"a":1,"b":[2]}`}, object{"policy": "{\n  \"b\": [2],\n  \"a\": 1\n}\n"}),
		[]run.Attribute{{Path: "policy", Note: "the same JSON value, written in another way"}},
	},
	"a key twice is no JSON value": {
		updated(object{"policy": `{"Effect":"Allow"}`}, object{"policy": `{"Effect":"Deny","Effect":"Allow"}`}),
		[]run.Attribute{{Path: "policy", Before: "jsonencode({\n  Effect = \"Allow\"\n})", After: `"{\"Effect\":\"Deny\",\"Effect\":\"Allow\"}"`}},
	},
	"a document in a document": {
		updated(object{"d": `{"in":"{\"x\":1,\"y\":2}"}`}, object{"d": `{"in":"{\"x\":1,\"y\":3}"}`}),
		[]run.Attribute{{Path: "jsondecode(jsondecode(d).in).y", Before: "2", After: "3"}},
	},
	"odd keys": {
		updated(object{"m": object{"a.b": 1, "": 1, "ä\"${x}": 1}}, object{"m": object{"a.b": 2, "": 2, "ä\"${x}": 2}}),
		[]run.Attribute{{Path: `m[""]`, Before: "1", After: "2"}, {Path: `m["a.b"]`, Before: "1", After: "2"}, {Path: `m["ä\"$${x}"]`, Before: "1", After: "2"}},
	},
	"a replacement is blamed on an element that is matched elsewhere": {
		object{"actions": list{"delete", "create"}, "replace_paths": list{list{"l", 1, "port"}},
			"before": object{"l": list{rule(1, "a"), rule(2, "b")}, "x": 1}, "after": object{"l": list{rule(2, "b")}, "x": 2}},
		[]run.Attribute{
			{Path: "l[0]", Before: "{\n  cidr_blocks = [\"0.0.0.0/0\"]\n  description = \"a\"\n  port = 1\n  protocol = \"tcp\"\n}", ForcesReplace: true},
			{Path: "x", Before: "1", After: "2"},
		},
	},
	"a replacement is blamed on the index of before, inside an element that moved": {
		object{"actions": list{"delete", "create"}, "replace_paths": list{list{"l", 1, "port"}},
			"before": object{"l": list{rule(1, "a"), rule(2, "b")}}, "after": object{"l": list{rule(3, "b")}}},
		[]run.Attribute{{Path: "l[0]", Before: "{\n  cidr_blocks = [\"0.0.0.0/0\"]\n  description = \"a\"\n  port = 1\n  protocol = \"tcp\"\n}"}, {Path: "l[0].port", Before: "2", After: "3", ForcesReplace: true}},
	},
	"a replacement is blamed on the index of after, inside an element that moved": {
		object{"actions": list{"delete", "create"}, "replace_paths": list{list{"l", 0, "port"}},
			"before": object{"l": list{object{"q": 1}, rule(2, "b")}}, "after": object{"l": list{rule(3, "b")}}},
		[]run.Attribute{{Path: "l[0]", Before: "{\n  q = 1\n}", ForcesReplace: true}, {Path: "l[0].port", Before: "2", After: "3", ForcesReplace: true}},
	},
	"a long line that differs early is shown from its beginning": {
		updated(object{"s": strings.Repeat("a", 79) + "x" + strings.Repeat("b", 5000)}, object{"s": strings.Repeat("a", 79) + "y" + strings.Repeat("b", 5000)}),
		[]run.Attribute{{Path: "s",
			Before: `"` + strings.Repeat("a", 79) + "x" + strings.Repeat("b", 320) + `" … (4680 more bytes)`,
			After:  `"` + strings.Repeat("a", 79) + "y" + strings.Repeat("b", 320) + `" … (4680 more bytes)`}},
	},
	"a long line that differs a little later is shown from there": {
		updated(object{"s": strings.Repeat("a", 80) + "x" + strings.Repeat("b", 5000)}, object{"s": strings.Repeat("a", 80) + "y" + strings.Repeat("b", 5000)}),
		[]run.Attribute{{Path: "s",
			Before: `(40 equal bytes) … "` + strings.Repeat("a", 40) + "x" + strings.Repeat("b", 359) + `" … (4641 more bytes)`,
			After:  `(40 equal bytes) … "` + strings.Repeat("a", 40) + "y" + strings.Repeat("b", 359) + `" … (4641 more bytes)`}},
	},
	"a long line shows where it differs": {
		updated(object{"s": strings.Repeat("a", 5000) + "x" + strings.Repeat("b", 5000)}, object{"s": strings.Repeat("a", 5000) + "y" + strings.Repeat("b", 5000)}),
		[]run.Attribute{{Path: "s",
			Before: `(4960 equal bytes) … "` + strings.Repeat("a", 40) + "x" + strings.Repeat("b", 359) + `" … (4641 more bytes)`,
			After:  `(4960 equal bytes) … "` + strings.Repeat("a", 40) + "y" + strings.Repeat("b", 359) + `" … (4641 more bytes)`}},
	},
	"line ends and blanks at the end of a line are seen": {
		updated(object{"s": "a\r\nb \nc\n"}, object{"s": "a\nb\nc"}),
		[]run.Attribute{{Path: "s", Lines: "-a\\r\n-b·\n-c\n+a\n+b\n+c  # no line end at the end"}},
	},
}

// policy has n statements; those that all names may do everything.
func policy(n int, all ...int) string {
	var statements []any
	for i := range n {
		action := "s3:GetObject"
		for _, a := range all {
			if a == i {
				action = "s3:*"
			}
		}
		statements = append(statements, object{"Sid": "S" + number(i).String(), "Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::b" + number(i).String()})
	}
	content, _ := json.Marshal(object{"Version": "2012-10-17", "Statement": statements})
	return string(content)
}

func TestElementsAreMatched(t *testing.T) {
	for name, c := range lists {
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

func TestOutputsShowWhatChangesInThem(t *testing.T) {
	plan := `{"format_version":"1.2","output_changes":{
		"l":{"actions":["update"],"before":[{"a":1,"b":2},{"a":2}],"after":[{"a":1,"b":3},{"a":2}]},
		"s":{"actions":["update"],"before":"x","after":"y"}}}`
	want := []run.OutputChange{
		{Name: "l", Action: run.ActionUpdate, Diff: []run.Attribute{{Path: "output.l[0].b", Before: "2", After: "3"}}},
		{Name: "s", Action: run.ActionUpdate, Before: `"x"`, After: `"y"`},
	}
	if diff := cmp.Diff(want, read(t, plan, Options{}).Outputs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is shown of a long value is cut; two plans that differ behind the cut
// are not the same change.
func TestDigestsSeeWhatIsCutOff(t *testing.T) {
	digest := func(end string) string {
		return read(t, change1(t, object{"actions": list{"create"}, "before": nil, "after": object{"v": strings.Repeat("v\n", 5000) + end}}), Options{}).Digest
	}
	if digest("a") == digest("b") {
		t.Error("two plans have one digest")
	}
	if first, again := digest("a"), digest("a"); first != again {
		t.Error("one plan has two digests")
	}
}
