package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// The real terraform is the judge: what it prints of a plan for people is
// compared with what is made of the same plan's JSON.

const oracleMain = `
variable "side" {}
variable "cases" {}
resource "terraform_data" "case" {
  for_each = toset([for i in range(var.cases) : format("%04d", i)])
  input    = jsondecode(file("${path.module}/${var.side}/${each.key}.json"))
}
`

// pairOfValues is one case: a value before and after.
type pairOfValues struct{ before, after any }

// planned lets terraform apply the values before and plan those after, all in
// one run. It gives the plan for people and as JSON.
func planned(t *testing.T, cases []pairOfValues) (human string, plan []byte) {
	t.Helper()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal("this test needs terraform on the PATH")
	}
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("main.tf", oracleMain)
	for i, c := range cases {
		write(fmt.Sprintf("before/%04d.json", i), canonical(c.before))
		write(fmt.Sprintf("after/%04d.json", i), canonical(c.after))
	}
	call := func(args ...string) []byte {
		t.Helper()
		c := exec.Command(terraform, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", fmt.Sprintf("TF_VAR_cases=%d", len(cases)))
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("terraform %s: %v\n%s", args[0], err, stderr.Bytes())
		}
		return out
	}
	call("init", "-no-color")
	call("apply", "-no-color", "-auto-approve", "-var=side=before")
	call("plan", "-no-color", "-refresh=false", "-var=side=after", "-out=p")
	return string(call("show", "-no-color", "p")), call("show", "-json", "p")
}

// leafCounts are the smallest parts that go (0) and come (1), with how often.
type leafCounts [2]map[string]int

func newLeafCounts() leafCounts { return leafCounts{map[string]int{}, map[string]int{}} }

// total counts all but what says little. Terraform compares objects of one
// place in their order, however different, and hides what they share of that.
func (l leafCounts) total() int {
	n := 0
	for _, side := range l {
		for k, c := range side {
			if !slices.Contains([]string{"{}", "[]", "null", "false", `""`}, k) {
				n += c
			}
		}
	}
	return n
}

// value counts the leaves of a value: plain ones, what is empty, and the lines
// of texts.
func (l leafCounts) value(side int, v any) {
	switch v := v.(type) {
	case absent:
	case map[string]any:
		if len(v) == 0 {
			l[side]["{}"]++
		}
		for _, e := range v {
			l.value(side, e)
		}
	case []any:
		if len(v) == 0 {
			l[side]["[]"]++
		}
		for _, e := range v {
			l.value(side, e)
		}
	case string:
		if document, ok := jsonDocument(v); ok {
			l.value(side, document)
			return
		}
		if !severalLines(v) {
			l[side][quote(v)]++
			return
		}
		for line := range strings.Lines(v) {
			l[side][strings.TrimSpace(line)]++
		}
	default:
		l[side][canonical(v)]++
	}
}

// common takes away what goes and comes in one attribute that is told whole.
func (l leafCounts) common() leafCounts {
	for k, n := range l[0] {
		both := min(n, l[1][k])
		l[0][k] -= both
		l[1][k] -= both
	}
	for _, side := range l {
		for k, n := range side {
			if n == 0 {
				delete(side, k)
			}
		}
	}
	return l
}

func (l leafCounts) add(o leafCounts) {
	for side := range l {
		for k, n := range o[side] {
			l[side][k] += n
		}
	}
}

// leavesOf counts the leaves of what is shown.
func leavesOf(t *testing.T, diff []run.Attribute) leafCounts {
	t.Helper()
	all := newLeafCounts()
	for _, a := range diff {
		l := newLeafCounts()
		if a.Lines != "" {
			for line := range strings.SplitSeq(a.Lines, "\n") {
				if side := strings.Index("-+", line[:1]); side >= 0 {
					l[side][strings.TrimSpace(line[1:])]++
				}
			}
			all.add(l)
			continue
		}
		for side, s := range []string{a.Before, a.After} {
			l.value(side, readValue(t, functions.Replace(s)))
		}
		all.add(l.common())
	}
	return all
}

// functions lets the parser of readValue see values instead of function calls.
var functions = strings.NewReplacer("jsonencode(", "(")

var (
	caseHeader = regexp.MustCompile(`(?m)^  # terraform_data\.case\["(\d+)"\]`)
	signedLine = regexp.MustCompile(`^\s*([-+~]) (.*)$`)
	otherKind  = regexp.MustCompile(`(?m)^\s*(?:[-+~] )?[]})]+ -> `)
	keyed      = regexp.MustCompile(`^(?:[a-z]+|"[^"]*") +(?:= |=$)`)
)

// leavesPrinted reads what terraform prints: by case, the leaves that change.
// Those of which something becomes a value of another kind are left out: their
// new values stand where this does not look.
func leavesPrinted(human string) (out map[string]leafCounts, all int) {
	out = map[string]leafCounts{}
	starts := caseHeader.FindAllStringSubmatchIndex(human, -1)
	for i, at := range starts {
		end := len(human)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if block := human[at[1]:end]; !otherKind.MatchString(strings.ReplaceAll(block, "-> (known", "")) {
			out[human[at[2]:at[3]]] = leavesOfBlock(block)
		}
	}
	return out, len(starts)
}

// leavesOfBlock reads the attribute "input" of one resource.
func leavesOfBlock(block string) leafCounts {
	l := newLeafCounts()
	inside, text := false, ""
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		m := signedLine.FindStringSubmatch(line)
		attribute := len(line) > 8 && strings.HasPrefix(line, "      ") && line[7] == ' ' && line[8] != ' '
		if attribute && text == "" {
			inside = keyed.MatchString(line[8:]) && strings.HasPrefix(line[8:], "input")
		}
		switch {
		case !inside:
		case text != "" && strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "-+ ")) == "EOT":
			text = ""
		case text == "~":
			if m != nil {
				l.text(m[1], m[2])
			}
		case text != "":
			l.text(text, line)
		case m != nil:
			text = l.line(m[1], m[2])
		}
	}
	return l
}

func (l leafCounts) text(sign, line string) {
	if side := strings.Index("-+", sign); side >= 0 {
		l[side][strings.TrimSpace(line)]++
	}
}

// line reads a line with a sign; it gives the sign back if a text of several
// lines begins there.
func (l leafCounts) line(sign, content string) string {
	content = strings.TrimSuffix(strings.TrimSpace(keyed.ReplaceAllString(content, "")), ",")
	content, _, _ = strings.Cut(content, " # ")
	sides := strings.SplitN(content, " -> ", 2)
	for i, s := range sides {
		switch s = strings.TrimSpace(s); {
		case strings.HasPrefix(s, "<<"):
			return sign
		case s == "" || strings.HasSuffix(s, "{") || strings.HasSuffix(s, "[") || strings.HasSuffix(s, "(") || s == "null" && i == 1 && sign == "-":
		case sign == "~" && len(sides) == 2:
			l[i][s]++
		case sign == "-" && i == 0:
			l[0][s]++
		case sign == "+":
			l[1][s]++
		}
	}
	return ""
}

// generator makes values whose changes can be told in one way only.
type generator struct {
	r *rand.Rand
	n int
}

func (g *generator) name() string {
	g.n++
	return fmt.Sprintf("n%d", g.n)
}

func (g *generator) long() string { return strings.Repeat("long ", 16) + g.name() }

func (g *generator) text() string {
	var b strings.Builder
	for range 5 + g.r.IntN(30) {
		b.WriteString(g.name() + "\n")
	}
	return b.String()
}

func (g *generator) element() map[string]any {
	return map[string]any{"name": g.name(), "size": g.r.IntN(9), "text": g.long(), "on": g.r.IntN(2) == 0}
}

func (g *generator) list(n int, element func() any) []any {
	var out []any
	for range n {
		out = append(out, element())
	}
	return out
}

func (g *generator) value() map[string]any {
	object := func() any {
		e := g.element()
		if g.r.IntN(2) == 0 {
			e["inner"] = g.list(3+g.r.IntN(3), func() any { return g.element() })
		}
		return e
	}
	v := map[string]any{
		"objects": g.list(3+g.r.IntN(5), object),
		"texts":   g.list(3+g.r.IntN(5), func() any { return g.long() }),
		"short":   []any{g.name(), g.name()},
		"map":     map[string]any{"one": g.name(), "two": json.Number("2"), "a key": g.name()},
		"script":  g.text(),
	}
	return v
}

// changed changes one thing in each part.
func (g *generator) changed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = e
		}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if _, named := v["on"]; k == "name" || named && k != "inner" && g.r.IntN(3) > 0 || g.r.IntN(3) == 0 {
				continue // an element stays recognisable
			}
			out[k] = g.changed(v[k])
		}
		return out
	case []any:
		return g.changedList(v)
	case bool:
		return !v
	case string:
		if severalLines(v) {
			return g.changedText(v)
		}
		return g.name()
	case int:
		return v + 10
	}
	return g.name()
}

func (g *generator) changedList(v []any) any {
	at := g.r.IntN(len(v))
	switch out := slices.Clone(v); g.r.IntN(3) {
	case 0:
		return slices.Delete(out, at, at+1)
	case 1:
		if _, ok := v[0].(map[string]any); ok {
			return slices.Insert(out, at, any(g.element()))
		}
		return slices.Insert(out, at, any(g.long()))
	default:
		out[at] = g.changed(v[at])
		return out
	}
}

func (g *generator) changedText(v string) string {
	lines := strings.SplitAfter(v, "\n")
	at := g.r.IntN(len(lines) - 1)
	lines[at] = g.name() + "\n"
	if g.r.IntN(2) == 0 {
		lines = slices.Insert(lines, g.r.IntN(len(lines)-1), g.name()+"\n")
	}
	return strings.Join(lines, "")
}

func oracleSeeds() int {
	if longtest.On() {
		return 300
	}
	return 20
}

// compare reads both and calls check for each case that changes. Terraform
// gets slow with many resources, so it gets a few at a time.
func compare(t *testing.T, cases []pairOfValues, check func(ours, theirs leafCounts) string) {
	t.Helper()
	for batch := range slices.Chunk(cases, 25) {
		compareBatch(t, batch, check)
	}
}

func compareBatch(t *testing.T, cases []pairOfValues, check func(ours, theirs leafCounts) string) {
	t.Helper()
	human, plan := planned(t, cases)
	printed, all := leavesPrinted(human)
	s := read(t, string(plan), Options{Bytes: 100 << 20})
	for _, change := range s.Changes {
		key := strings.Trim(strings.TrimPrefix(change.Address, "terraform_data.case"), `[]"`)
		i, err := strconv.Atoi(key)
		if err != nil {
			t.Fatal(err)
		}
		diff := slices.DeleteFunc(slices.Clone(change.Diff), func(a run.Attribute) bool {
			return !strings.HasPrefix(a.Path, "input") && !strings.HasPrefix(a.Path, "jsondecode(input")
		})
		theirs, ok := printed[key]
		if !ok {
			continue
		}
		if wrong := check(leavesOf(t, diff), theirs); wrong != "" {
			t.Errorf("case %d: %s\nours %v\nterraform %v\nbefore %s\nafter %s\nshown:\n%s", i, wrong, leavesOf(t, diff), theirs,
				canonical(cases[i].before), canonical(cases[i].after), shown(diff))
		}
	}
	if len(s.Changes) != all || len(printed) < all/3 || all == 0 {
		t.Errorf("%d changes, terraform prints %d, of which %d are compared", len(s.Changes), all, len(printed))
	}
}

// What changes in one way only is shown as terraform shows it: the same values
// go, and the same come.
func TestTerraformShowsTheSameChanges(t *testing.T) {
	t.Parallel()
	var cases []pairOfValues
	for seed := range oracleSeeds() {
		g := &generator{r: rand.New(rand.NewPCG(uint64(seed), 3))}
		v := g.value()
		w := g.changed(v)
		if seed%3 == 0 { // the same in a document in JSON
			cases = append(cases, pairOfValues{canonical(v), canonical(w)})
			continue
		}
		cases = append(cases, pairOfValues{v, w})
	}
	compare(t, cases, func(ours, theirs leafCounts) string {
		if fmt.Sprint(ours) != fmt.Sprint(theirs) {
			return "other values change"
		}
		return ""
	})
}

// Whatever changes: no more is shown than terraform shows.
func TestTerraformShowsNoFewerChanges(t *testing.T) {
	t.Parallel()
	var cases []pairOfValues
	pairs := rapid.Custom(func(t *rapid.T) pairOfValues {
		v := values(3).Draw(t, "before")
		return pairOfValues{v, mutated(t, v)}
	})
	for seed := range oracleSeeds() {
		cases = append(cases, pairs.Example(seed))
	}
	compare(t, cases, func(ours, theirs leafCounts) string {
		if ours.total() > theirs.total() {
			return "more values change"
		}
		return ""
	})
}
