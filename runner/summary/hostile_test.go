package summary

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/run"
)

// Providers write parts of a plan's JSON, and a program that a pull request brings
// may write all of it. Whatever stands in it is read or refused: nothing panics,
// what is counted is what is named, and the summary keeps its bounds.
func TestAPlanThatSomebodyMadeUpIsReadOrRefused(t *testing.T) {
	whole, err := os.ReadFile("testdata/every-action.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		var plan any
		if err := json.Unmarshal(whole, &plan); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			plan = spoil(t, plan)
		}
		text, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			text = text[:rapid.IntRange(0, len(text)).Draw(t, "length")]
		}
		limit := rapid.SampledFrom([]int{0, 1, 2000}).Draw(t, "bytes")
		s, err := Read(bytes.NewReader(text), int64(len(text)), Options{Bytes: limit, Key: []byte("key")})
		if err != nil {
			return
		}
		read++
		named := map[run.Action]int{}
		omitted, shown := 0, 0
		for _, c := range s.Changes {
			named[c.Action]++
			if c.Omitted {
				omitted++
			}
			shown += len(c.Diff)
		}
		counts := map[run.Action]int{run.ActionCreate: s.Counts.Add, run.ActionUpdate: s.Counts.Change, run.ActionReplace: s.Counts.Replace,
			run.ActionDestroy: s.Counts.Destroy, run.ActionForget: s.Counts.Forget}
		for action, n := range counts {
			if named[action] != n {
				t.Errorf("%d of action %s are counted, %d are named", n, action, named[action])
			}
		}
		if omitted != s.DiffOmitted {
			t.Errorf("%d diffs are said to be left out, %d are", s.DiffOmitted, omitted)
		}
		if limit == 1 && shown > 0 {
			t.Errorf("%d attributes are shown where there is no room for one", shown)
		}
	})
	if read == 0 {
		t.Error("nothing was ever read")
	}
}

// spoil replaces a value somewhere in x by another one, or removes it.
func spoil(t *rapid.T, x any) any {
	deeper := rapid.IntRange(0, 7).Draw(t, "deeper") > 0
	switch x := x.(type) {
	case map[string]any:
		if !deeper || len(x) == 0 {
			break
		}
		key := rapid.SampledFrom(slices.Sorted(maps.Keys(x))).Draw(t, "key")
		if rapid.IntRange(0, 9).Draw(t, "remove") == 0 {
			delete(x, key)
			return x
		}
		x[key] = spoil(t, x[key])
		return x
	case []any:
		if !deeper || len(x) == 0 {
			break
		}
		i := rapid.IntRange(0, len(x)-1).Draw(t, "index")
		if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			return append(x, x[i])
		}
		x[i] = spoil(t, x[i])
		return x
	}
	deep := any("deep")
	for range 200 {
		deep = []any{deep}
	}
	return rapid.SampledFrom([]any{
		nil, true, false, 0.0, -1e300, "", "create", "delete", "\x00\u202e`<!--", strings.Repeat("long\n", 3000), []any{}, map[string]any{},
		[]any{"delete", "create"}, []any{"no-op", "delete"}, map[string]any{"": nil}, deep,
	}).Draw(t, "instead")
}
