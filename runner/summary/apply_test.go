package summary

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/run"
)

// edit is a shown attribute, read back.
type edit struct {
	path          []any // string or int
	before, after any   // as values, or absent
	moves         [][2]int
}

type absent struct{}

var (
	pathStep = regexp.MustCompile(`^\.?([a-z]+)|^\[(\d+)\]`)
	moveStep = regexp.MustCompile(`\[(\d+)\] → \[(\d+)\]`)
)

func readEdit(t rapid.TB, a run.Attribute) edit {
	t.Helper()
	var e edit
	for rest := a.Path; rest != ""; {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("path %q", a.Path)
		}
		if rest = rest[len(m[0]):]; m[1] != "" {
			e.path = append(e.path, m[1])
			continue
		}
		i, _ := strconv.Atoi(m[2])
		e.path = append(e.path, i)
	}
	for _, m := range moveStep.FindAllStringSubmatch(a.Note, -1) {
		i, _ := strconv.Atoi(m[1])
		j, _ := strconv.Atoi(m[2])
		e.moves = append(e.moves, [2]int{i, j})
	}
	e.before, e.after = readValue(t, a.Before), readValue(t, a.After)
	return e
}

// readValue reads a rendered value with the parser of Terraform's language.
func readValue(t rapid.TB, s string) any {
	t.Helper()
	if s == "" {
		return absent{}
	}
	x, diags := hclsyntax.ParseExpression([]byte(s), "value", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v in:\n%s", diags, s)
	}
	v, diags := x.Value(nil)
	if diags.HasErrors() {
		t.Fatalf("%v in:\n%s", diags, s)
	}
	content, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatal(err)
	}
	return decodeJSON(t, string(content))
}

func decodeJSON(t rapid.TB, s string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// applied is v with the edits made to it, and nothing else.
func applied(v any, edits []edit) any {
	inner := map[any][]edit{}
	var moves [][2]int
	for _, e := range edits {
		switch {
		case len(e.path) > 0:
			inner[e.path[0]] = append(inner[e.path[0]], edit{e.path[1:], e.before, e.after, e.moves})
		case len(e.moves) > 0:
			moves = append(moves, e.moves...)
		default:
			return e.after
		}
	}
	switch v := v.(type) {
	case map[string]any:
		return appliedObject(v, inner)
	case []any:
		return appliedList(v, inner, moves)
	}
	return v
}

func appliedObject(v map[string]any, inner map[any][]edit) any {
	out := map[string]any{}
	for k, e := range v {
		out[k] = e
	}
	for k, edits := range inner {
		if out[k.(string)] = applied(v[k.(string)], edits); out[k.(string)] == (absent{}) {
			delete(out, k.(string))
		}
	}
	return out
}

func appliedList(v []any, inner map[any][]edit, moves [][2]int) any {
	var gone []int
	placed := map[int]any{}
	changes := map[int][]edit{}
	for k, edits := range inner {
		for _, e := range edits {
			leaf := len(e.path) == 0 && len(e.moves) == 0
			switch {
			case leaf && e.after == (absent{}):
				gone = append(gone, k.(int))
			case leaf && e.before == (absent{}):
				placed[k.(int)] = e.after
			default:
				changes[k.(int)] = append(changes[k.(int)], e)
			}
		}
	}
	n := len(v) - len(gone) + len(placed)
	for _, m := range moves {
		gone = append(gone, m[0])
		placed[m[1]] = v[m[0]]
	}
	out, next := []any{}, 0
	for j := range n {
		e, ok := placed[j]
		if !ok {
			for slices.Contains(gone, next) {
				next++
			}
			e = v[next]
			next++
		}
		out = append(out, applied(e, changes[j]))
	}
	return out
}

func values(depth int) *rapid.Generator[any] {
	plain := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.IntRange(0, 5), func(i int) any { return json.Number(strconv.Itoa(i)) }),
		rapid.Map(rapid.StringMatching(`[a-c]{0,2}`), func(s string) any { return s }),
		rapid.Map(rapid.IntRange(0, 3), func(i int) any { return strings.Repeat("long ", 20) + strconv.Itoa(i) }),
	)
	if depth == 0 {
		return plain
	}
	return rapid.OneOf(plain, objects(depth), rapid.Map(rapid.SliceOfN(values(depth-1), 0, 6), func(l []any) any { return l }),
		rapid.Map(rapid.SliceOfN(objects(depth), 0, 6), func(l []any) any { return l }))
}

func objects(depth int) *rapid.Generator[any] {
	return rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "name", "d"}), values(depth-1), 0, 4), func(m map[string]any) any { return m })
}

// mutated is v with some things changed in it: what a plan does.
func mutated(t *rapid.T, v any) any {
	if rapid.IntRange(0, 9).Draw(t, "replace") == 0 {
		return values(1).Draw(t, "value")
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = e
		}
		for _, k := range []string{"a", "b", "name", "d"} {
			if e, ok := v[k]; ok && rapid.IntRange(0, 2).Draw(t, "key") == 0 {
				out[k] = mutated(t, e)
			}
		}
		return out
	case []any:
		return mutatedList(t, v)
	}
	return v
}

func mutatedList(t *rapid.T, v []any) any {
	out := []any{}
	for _, e := range v {
		switch rapid.IntRange(0, 5).Draw(t, "element") {
		case 0:
			out = append(out, mutated(t, e))
		case 1:
		case 2:
			out = append(out, e, values(1).Draw(t, "value"))
		default:
			out = append(out, e)
		}
	}
	if len(out) > 1 && rapid.IntRange(0, 2).Draw(t, "move") == 0 {
		i, j := rapid.IntRange(0, len(out)-1).Draw(t, "from"), rapid.IntRange(0, len(out)-2).Draw(t, "to")
		e := out[i]
		out = slices.Insert(slices.Delete(out, i, i+1), j, e)
	}
	return out[:min(len(out), 8)]
}

func shownGivesAfter(t *rapid.T) {
	v := object{"v": values(3).Draw(t, "before")}
	w := object{"v": mutated(t, v["v"])}
	n := node{before: decodeJSON(t, canonical(v)), after: decodeJSON(t, canonical(w))}
	d := newDiffer(renderer{func(s string) string { return s }}, nil)
	d.walk(location{}, n)
	d.finish()
	var edits []edit
	for _, a := range d.out {
		if strings.HasSuffix(a.Before, " more bytes)") || strings.HasSuffix(a.After, " more bytes)") {
			t.Skip("too large to be shown in full")
		}
		if e := readEdit(t, a); a.Note == "" || len(e.moves) > 0 {
			edits = append(edits, e)
		}
	}
	got := applied(n.before, edits)
	for k, e := range got.(map[string]any) {
		if e == nil || e == (absent{}) {
			got.(map[string]any)[k] = nil // an attribute of a resource is always there
		}
	}
	if _, there := got.(map[string]any)["v"]; !there {
		got.(map[string]any)["v"] = nil
	}
	if canonical(got) != canonical(n.after) {
		t.Errorf("before:\n%s\nafter:\n%s\nshown:\n%s\ngives:\n%s", canonical(n.before), canonical(n.after), shown(d.out), canonical(got))
	}
}

func shown(list []run.Attribute) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%s: %s -> %s %s%s\n", a.Path, a.Before, a.After, a.Note, a.Lines)
	}
	return b.String()
}

func TestWhatIsShownGivesWhatComes(t *testing.T) { rapid.Check(t, shownGivesAfter) }

func FuzzWhatIsShownGivesWhatComes(f *testing.F) { f.Fuzz(rapid.MakeFuzz(shownGivesAfter)) }
