package rego

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// everyAction is what a real terraform printed; the summary's tests tell how.
const everyAction = "../../runner/summary/testdata/every-action.plan.json"

// files makes a directory policy.
func files(of map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, content := range of {
		out["policy/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return out
}

func judgeFiles(t *testing.T, of map[string]string) (run.PolicyResult, error) {
	t.Helper()
	rules, err := Load(t.Context(), files(of), "policy")
	if err != nil {
		return run.PolicyResult{}, err
	}
	plan, err := os.ReadFile(everyAction)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Evaluate(t.Context(), bytes.NewReader(plan))
}

// one finds the single changed resource that most cases speak of.
const one = `
	some rc in input.resource_changes
	rc.address == "terraform_data.gone"
`

func gone(rule string) run.PolicyFinding {
	return run.PolicyFinding{Rule: rule, Message: "terraform_data.gone is destroyed"}
}

var verdicts = map[string]struct {
	files map[string]string
	want  run.PolicyResult
}{
	"text": {
		map[string]string{"a.rego": "package main\ndeny contains msg if {" + one + "msg := sprintf(\"%s is destroyed\", [rc.address])\n}"},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{gone("main.deny")}},
	},
	"objects with msg": {
		map[string]string{"a.rego": "package main\nviolation contains {\"msg\": msg, \"severity\": 3} if {" + one + "msg := sprintf(\"%s is destroyed\", [rc.address])\n}"},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{gone("main.violation")}},
	},
	"warnings": {
		map[string]string{"a.rego": "package main\nwarn contains msg if {" + one + "msg := sprintf(\"%s is destroyed\", [rc.address])\n}"},
		run.PolicyResult{Rules: 1, Warned: []run.PolicyFinding{gone("main.warn")}},
	},
	"any package, names with an ending, in order": {
		map[string]string{
			"a/b.rego": "package terraform.data\ndeny_z contains \"z\"\ndeny_a contains \"b\"\ndeny_a contains \"a\"",
			"c.rego":   "package main\nwarn_cost contains \"c\"\nviolation_x contains \"v\"",
		},
		run.PolicyResult{Rules: 4, Denied: []run.PolicyFinding{
			{Rule: "main.violation_x", Message: "v"}, {Rule: "terraform.data.deny_a", Message: "a"},
			{Rule: "terraform.data.deny_a", Message: "b"}, {Rule: "terraform.data.deny_z", Message: "z"},
		}, Warned: []run.PolicyFinding{{Rule: "main.warn_cost", Message: "c"}}},
	},
	"one rule in two files": {
		map[string]string{"a.rego": "package main\ndeny contains \"a\"", "b.rego": "package main\ndeny contains \"b\""},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "a"}, {Rule: "main.deny", Message: "b"}}},
	},
	"nothing to say": {
		map[string]string{"a.rego": "package main\ndeny contains \"never\" if input.resource_changes == []"},
		run.PolicyResult{Rules: 1},
	},
	"what other rules are called does not matter": {
		map[string]string{"a.rego": "package main\ndenylist := {\"x\"}\nwarning contains \"x\"\ndeny contains \"d\" if count(denylist) == 1"},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "d"}}},
	},
	"Rego v0, as published rules have it": {
		map[string]string{"a.rego": "package main\ndeny[msg] {\n\trc := input.resource_changes[_]\n\trc.change.actions == [\"delete\"]\n\trc.name == \"gone\"\n\tmsg := sprintf(\"%s is destroyed\", [rc.address])\n}"},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{gone("main.deny")}},
	},
	"v0 and v1 side by side": {
		map[string]string{
			"old.rego": "package main\ndeny[msg] { msg := data.lib.name }",
			"lib.rego": "package lib\nname := \"from v1\" if true",
		},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "from v1"}}},
	},
	"data files by directory, JSON and YAML merged": {
		map[string]string{
			"a.rego":          "package main\ndeny contains msg if some msg in [data.top, data.teams.infra.owner, data.teams.web.owner]",
			"top.json":        `{"top": "t"}`,
			"teams/one.yaml":  "infra: {owner: ana}\n",
			"teams/two.yml":   "web:\n  owner: bo\n",
			"teams/README.md": "no data",
		},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "ana"}, {Rule: "main.deny", Message: "bo"}, {Rule: "main.deny", Message: "t"}}},
	},
	"tests and hidden files are left out": {
		map[string]string{
			"a.rego": "package main\ndeny contains \"a\"", "a_test.rego": "package main\ntest_x if http.send({})",
			".regal/config.yaml": "main: {deny: x}", ".hidden.rego": "nonsense",
		},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "a"}}},
	},
	"printing says nothing": {
		map[string]string{"a.rego": "package main\ndeny contains \"a\" if {\n\tprint(\"debug\", input.terraform_version)\n}"},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "a"}}},
	},
	"numbers keep their digits": {
		map[string]string{"a.rego": "package main\ndeny contains sprintf(\"%d\", [data.n])", "n.json": `{"n": 12345678901234567890}`},
		run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "12345678901234567890"}}},
	},
}

func TestVerdicts(t *testing.T) {
	for name, c := range verdicts {
		t.Run(name, func(t *testing.T) {
			got, err := judgeFiles(t, c.files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const good = "package main\ndeny contains \"x\"\n"

var mistaken = map[string]struct {
	files map[string]string
	want  string // lines, each the beginning of one
}{
	"no directory":     {nil, "policy: there is no such directory"},
	"no files":         {map[string]string{"README.md": "x"}, "policy: there is no rule that judges"},
	"only other rules": {map[string]string{"a.rego": "package main\nallow if true"}, "policy: there is no rule that judges"},
	"only data":        {map[string]string{"a.json": "{}"}, "policy: there is no rule that judges"},
	"only tests":       {map[string]string{"a_test.rego": good}, "policy: there is no rule that judges"},
	"syntax":           {map[string]string{"sub/a.rego": "package main\n\ndeny contains msg if {\n\tmsg := \n}"}, "policy/sub/a.rego:5: rego_parse_error"},
	"an empty file":    {map[string]string{"a.rego": good, "b.rego": ""}, "policy/b.rego: "},
	"mistakes in several files": {
		map[string]string{"a.rego": "package main\ndeny contains msg if { msg := undefined_function(1) }", "b.rego": good + "deny contains x if { x := http.send({}) }"},
		"policy/a.rego:2: rego_type_error: undefined function undefined_function\n" +
			"policy/b.rego:3: rego_type_error: undefined function http.send, because rules see",
	},
	"a rule that is a value": {map[string]string{"a.rego": good + "deny_all := true"}, "policy/a.rego:3: deny_all must be a set of messages"},
	"a rule that is false":   {map[string]string{"a.rego": "package main\ndefault deny := false\ndeny if input.x"}, "policy/a.rego:2: deny must be a set of messages\npolicy/a.rego:3: deny must"},
	"v0's set in v1 is an object": {
		map[string]string{"a.rego": "package main\ndeny[msg] if { msg := \"x\" }"}, "policy/a.rego:2: deny must be a set of messages: write deny contains msg if",
	},
	"a function":     {map[string]string{"a.rego": good + "violation_of(x) := x"}, "policy/a.rego:3: violation_of must be a set"},
	"a set in a set": {map[string]string{"a.rego": good + "deny.more contains \"x\""}, "policy/a.rego:3: deny must be a set"},
	"a number as message": {
		map[string]string{"a.rego": "package main\ndeny contains \"x\"\ndeny contains 3"}, "policy/a.rego:2: main.deny gives something else than text",
	},
	"an object without msg": {
		map[string]string{"a.rego": "package main\nwarn contains {\"message\": \"x\"}"}, "policy/a.rego:2: main.warn gives something else than text or an object with the text msg",
	},
	"a function that fails": {
		map[string]string{"a.rego": "package main\ndeny contains \"x\" if {\n\tto_number(input.terraform_version) > 1\n}"},
		"policy/a.rego:3: eval_builtin_error: to_number: ",
	},
	"two values for one rule": {
		map[string]string{"a.rego": "package main\nsize := 1\nsize := n if n := count(input.resource_changes)\ndeny contains \"x\" if size > 0"},
		"policy/a.rego:3: eval_conflict_error: rule data.main.size produced conflicting values: 1 at policy/a.rego:2 10 at policy/a.rego:3",
	},
	"data that is a list":     {map[string]string{"a.rego": good, "d.yaml": "- a"}, "policy/d.yaml: must hold keys with values"},
	"data that is nonsense":   {map[string]string{"a.rego": good, "d.json": "{"}, "policy/d.json: can be read neither as JSON nor as YAML: "},
	"data twice":              {map[string]string{"a.rego": good, "a.json": `{"k": {"x": 1}}`, "b.json": `{"k": {"x": 2}}`}, `policy/b.json: the key "k.x" is in another file already`},
	"data below a value":      {map[string]string{"a.rego": good, "a.json": `{"k": 1}`, "k/b.json": `{"x": 2}`}, `policy/k/b.json: the key "k" is in another file already`},
	"data in place of a rule": {map[string]string{"a.rego": good, "a.json": `{"main": {"deny": []}}`}, "policy/a.rego:2: rego_compile_error: conflicting rule for data path main/deny found"},
}

func TestMistakesAreNamedByFileAndLine(t *testing.T) {
	for name, c := range mistaken {
		t.Run(name, func(t *testing.T) {
			result, err := judgeFiles(t, c.files)
			if _, ok := err.(Mistakes); !ok {
				t.Fatalf("got %+v, %v", result, err)
			}
			got := strings.Split(err.Error(), "\n")
			want := strings.Split(c.want, "\n")
			if len(got) != len(want) {
				t.Fatalf("got:\n%v\nwant:\n%s", err, c.want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("got %q, want %q", got[i], want[i])
				}
			}
		})
	}
}

func TestEveryMistakeIsTold(t *testing.T) {
	_, err := judgeFiles(t, map[string]string{"a.rego": "package main\n" + strings.Repeat("deny contains x if { x := nope(1) }\n", 250)})
	if err == nil || strings.Count(err.Error(), "\n") != 249 || !strings.Contains(err.Error(), "\npolicy/a.rego:251: ") {
		t.Errorf("%v", err)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	got, err := judgeFiles(t, map[string]string{"a.rego": `package main
deny contains msg if {
	some i in numbers.range(100, 249)
	msg := sprintf("m%d", [i])
}
warn contains concat("", [m | some i in numbers.range(1, 70000); m := "w"])
`})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Denied); n != 100 || got.Denied[98].Message != "m198" || got.Denied[99].Message != "(and 51 more messages)" {
		t.Errorf("%d findings, the last ones %+v", n, got.Denied[98:])
	}
	if len(got.Warned) != 1 || got.Warned[0].Message != "(a message of 70000 bytes, too long to show)" {
		t.Errorf("%.200v", got.Warned)
	}
}

func TestPlansThatAreNone(t *testing.T) {
	rules, err := Load(t.Context(), files(map[string]string{"a.rego": good}), "policy")
	if err != nil {
		t.Fatal(err)
	}
	for _, plan := range []string{"", "{", "null", "[]", `"x"`, `{} {}`, `{}]`} {
		if got, err := rules.Evaluate(t.Context(), strings.NewReader(plan)); err == nil {
			t.Errorf("%q gives %+v", plan, got)
		}
	}
}

// A rule that would take years ends with the context.
func TestTimeLimit(t *testing.T) {
	rules, err := Load(t.Context(), files(map[string]string{"a.rego": `package main
deny contains "x" if {
	all := numbers.range(1, 10000)
	some a in all
	some b in all
	some c in all
	a * b * c == 0
}`}), "policy")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := rules.Evaluate(ctx, strings.NewReader("{}")); err != context.DeadlineExceeded {
		t.Errorf("%+v, %v", got, err)
	}
}
