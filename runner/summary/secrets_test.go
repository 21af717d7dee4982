package summary

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var canaryPattern = regexp.MustCompile(`canary-\d+-end`)

// canaries makes values whose every leaf tells where it came from, with marks
// at any place of them.
type canaries struct {
	t *rapid.T
	n int
}

func (c *canaries) value(depth int) any {
	kind := rapid.IntRange(0, 4).Draw(c.t, "kind")
	switch {
	case depth > 0 && kind <= 1:
		out := map[string]any{}
		for _, k := range []string{"a", "b", "name"} {
			if rapid.Bool().Draw(c.t, "key") {
				out[k] = c.value(depth - 1)
			}
		}
		return out
	case depth > 0 && kind <= 3:
		out := []any{}
		for range rapid.IntRange(0, 4).Draw(c.t, "length") {
			out = append(out, c.value(depth-1))
		}
		return out
	}
	c.n++
	s := fmt.Sprintf("canary-%04d-end", c.n)
	switch rapid.IntRange(0, 4).Draw(c.t, "text") {
	case 0:
		return s + "\nsecond line\nthird line\n"
	case 1:
		return fmt.Sprintf(`{"x":[%q,1],"y":{"z":"open"}}`, s)
	case 2:
		return strings.Repeat("long ", 100) + s
	}
	return s
}

// moved keeps everything, elements of lists perhaps elsewhere, and adds some.
func (c *canaries) changed(v, marks any) (any, any) {
	switch v := v.(type) {
	case map[string]any:
		out, with := map[string]any{}, map[string]any{}
		for _, k := range []string{"a", "b", "name"} {
			if e, ok := v[k]; ok {
				out[k], with[k] = c.changed(e, child(marks, k))
			}
		}
		return out, orTrue(marks, with)
	case []any:
		out, with := []any{}, []any{}
		add := func(v, mark any) {
			at := rapid.IntRange(0, len(out)).Draw(c.t, "place")
			out, with = slices.Insert(out, at, v), slices.Insert(with, at, mark)
		}
		for i, e := range v {
			if rapid.IntRange(0, 4).Draw(c.t, "gone") > 0 {
				add(c.changed(e, element(marks, i)))
			}
		}
		for range rapid.IntRange(0, 2).Draw(c.t, "new") {
			e := c.value(1)
			add(e, c.marks(e))
		}
		return out, orTrue(marks, with)
	}
	if rapid.IntRange(0, 3).Draw(c.t, "other") == 0 {
		return c.value(1), marks
	}
	return v, marks
}

func orTrue(mark, marks any) any {
	if isTrue(mark) {
		return true
	}
	return marks
}

func (c *canaries) marks(v any) any {
	if rapid.IntRange(0, 3).Draw(c.t, "mark") == 0 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range []string{"a", "b", "name"} {
			if e, ok := v[k]; ok {
				out[k] = c.marks(e)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, c.marks(e))
		}
		return out
	}
	return false
}

// leaves collects the canaries below marks.
func leaves(v, marks any, found map[string]bool) {
	if !isTrue(marks) {
		switch v.(type) {
		case map[string]any, []any:
			each(v, marks, "", func(v, marks any, _ string) { leaves(v, marks, found) })
		}
		return
	}
	for _, s := range canaryPattern.FindAllString(canonical(v), -1) {
		found[s] = true
	}
}

// Whatever moves, goes or comes: a value that is marked on either side is shown
// on neither, without anybody who looks for it in the text.
func secretsStaySecret(t *rapid.T) {
	c := &canaries{t: t}
	v := object{"v": c.value(3)}
	marks := c.marks(v["v"])
	after, with := c.changed(v["v"], marks)
	beforeMarks, afterMarks := any(object{"v": marks}), any(object{"v": with})
	switch rapid.IntRange(0, 3).Draw(t, "forgotten") { // a provider that marks on one side only
	case 0:
		beforeMarks = object{}
	case 1:
		afterMarks = object{}
	}
	change := object{"actions": list{"update"}, "before": v, "after": object{"v": after}, "before_sensitive": beforeMarks, "after_sensitive": afterMarks}
	plan := planOf(t, change)
	s, err := Read(strings.NewReader(plan), int64(len(plan)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	content, _ := json.Marshal(s)
	found := map[string]bool{}
	leaves(v, beforeMarks, found)
	leaves(change["after"], afterMarks, found)
	for secret := range found {
		if strings.Contains(string(content), secret) {
			t.Fatalf("%s is shown:\n%s\nbefore %s\nmarks  %s\nafter  %s\nmarks  %s", secret, shown(s.Changes[0].Diff),
				canonical(v), canonical(beforeMarks), canonical(change["after"]), canonical(afterMarks))
		}
	}
}

func planOf(t rapid.TB, change object) string {
	content, err := json.Marshal(object{"format_version": "1.2", "resource_changes": list{object{"address": "x.y", "type": "x", "change": change}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestSecretsStaySecret(t *testing.T) { rapid.Check(t, secretsStaySecret) }

func FuzzSecretsStaySecret(f *testing.F) { f.Fuzz(rapid.MakeFuzz(secretsStaySecret)) }
