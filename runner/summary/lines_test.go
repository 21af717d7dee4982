package summary

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// linesGiveAfter judges a comparison of two texts: the differences lead from
// one to the other, and what is shown of them is bounded and counts the rest.
func linesGiveAfter(t rapid.TB, before, after string) {
	t.Helper()
	a, b := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	var out []string
	i, changed := 0, 0
	for _, h := range hunks(a, b) {
		if h.before < i || h.beforeEnd < h.before || h.afterEnd < h.after {
			t.Fatalf("hunk %+v after line %d", h, i)
		}
		out = append(append(out, a[i:h.before]...), b[h.after:h.afterEnd]...)
		i = h.beforeEnd
		changed += len(written(a[h.before:h.beforeEnd])) + len(written(b[h.after:h.afterEnd]))
	}
	if got := strings.Join(append(out, a[i:]...), ""); got != after {
		t.Fatalf("%.200q becomes %.200q instead of %.200q", before, got, after)
	}
	shown, whole := changedLines(before, after)
	if len(shown) > maxLines+200 {
		t.Fatalf("%d bytes", len(shown))
	}
	counted := 0
	for line := range strings.SplitSeq(shown, "\n") {
		if line == "" || !strings.Contains("+- #", line[:1]) {
			t.Fatalf("line %q without a sign", line)
		}
		var left int
		if n, _ := fmt.Sscanf(line, "#(and %d more changed", &left); n == 1 {
			counted += left
		}
		if line[0] == '+' || line[0] == '-' {
			counted++
		}
	}
	if before != after && (counted != changed || changed == 0 || whole == "") {
		t.Fatalf("%d lines change, %d are counted in:\n%s", changed, counted, shown)
	}
}

func TestLinesGiveWhatComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"", "a", "b", "c", "}", "  x", "long " + strings.Repeat("y", 400)})
		text := func(name string) string {
			s := strings.Join(rapid.SliceOfN(line, 0, 60).Draw(t, name), "\n")
			return s + strings.Repeat("\n", rapid.IntRange(0, 1).Draw(t, "end"))
		}
		if before, after := text("before"), text("after"); before != after {
			linesGiveAfter(t, before, after)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb\n", "a\nc\n")
	f.Add("", "\n\n")
	f.Add("a\r\nb", "a\nb")
	f.Fuzz(func(t *testing.T, before, after string) {
		if before != after {
			linesGiveAfter(t, before, after)
		}
	})
}

// A plan can hold anything. These take seconds when a comparison is quadratic.
func TestHostileValuesAreCompared(t *testing.T) {
	const n = 100_000
	numbered := func(format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	random := func(seed uint64) string {
		r := rand.New(rand.NewPCG(seed, 1))
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "%d\n", r.IntN(50))
		}
		return b.String()
	}
	deep := func(end string) string { return strings.Repeat(`[`, 9000) + end + strings.Repeat(`]`, 9000) }
	for name, c := range map[string][2]any{
		"no line in common":     {numbered("a%d"), numbered("b%d")},
		"every second line":     {numbered("%d\nx"), numbered("%d\ny")},
		"equal lines":           {strings.Repeat("x\n", n), strings.Repeat("x\n", n/2) + "y\n" + strings.Repeat("x\n", n)},
		"lines in random order": {random(1), random(2)},
		"one very long line":    {strings.Repeat("x", 1_000_000) + "a", strings.Repeat("x", 1_000_000) + "b"},
		"a long line of many":   {"a\n" + strings.Repeat("x", 1_000_000) + "a\n", "a\n" + strings.Repeat("x", 1_000_000) + "b\n"},
		"a deep document":       {deep("1"), deep("2")},
		"a list of objects":     {objectsFrom(0, n/4), objectsFrom(n, n/4)},
		"a list upside down":    {objectsFrom(0, n/4), upsideDown(objectsFrom(0, n/4))},
		"similar objects":       {similarObjects("a", 1500), similarObjects("b", 1500)},
		"a wide object":         {wide(n/4, 1), wide(n/4, 2)},
		"deep objects":          {nested(2000, 1), nested(2000, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			if a, ok := c[0].(string); ok && strings.Contains(a, "\n") {
				linesGiveAfter(t, a, c[1].(string))
			}
			plan := planOf(t, updated(object{"v": c[0]}, object{"v": c[1]}))
			s := read(t, plan, Options{ValuesBytes: int64(len(plan))})
			if d := s.Changes[0].Diff; len(d) == 0 || s.Changes[0].Omitted || len(canonical(d)) > 2*maxDiff {
				t.Errorf("%d attributes, omitted: %v, %d bytes", len(d), s.Changes[0].Omitted, len(canonical(d)))
			}
		})
	}
}

func objectsFrom(start, n int) list {
	out := list{}
	for i := range n {
		out = append(out, object{"id": start + i})
	}
	return out
}

func upsideDown(l list) list {
	out := list{}
	for i := range l {
		out = append(out, l[len(l)-1-i])
	}
	return out
}

func similarObjects(name string, n int) list {
	out := list{}
	for i := range n {
		out = append(out, object{"a": "x", "b": "y", "c": "z", "name": fmt.Sprint(name, i)})
	}
	return out
}

func wide(n, v int) object {
	out := object{}
	for i := range n {
		out[fmt.Sprint("k", i)] = v
	}
	return out
}

func nested(depth int, v any) any {
	for range depth {
		v = object{"a": v}
	}
	return v
}
