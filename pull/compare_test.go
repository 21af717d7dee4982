package pull

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompareWithABaseThatMovedOn(t *testing.T) {
	u := newUpstream(t)
	fork := u.commit("main", nil, entry{path: "same.tf", content: "0"}, entry{path: "old.tf", content: "rename me please, I am long enough"},
		entry{path: "gone.tf", content: "1"}, entry{path: "edit.tf", content: "1"}, entry{path: "type.tf", content: "1"})
	head := u.commit("pull", []string{fork},
		entry{path: "old.tf", remove: true}, entry{path: "new.tf", content: "rename me please, I am long enough"},
		entry{path: "gone.tf", remove: true}, entry{path: "edit.tf", content: "2"},
		entry{path: "type.tf", content: "edit.tf", mode: "120000"}, entry{path: "x/y.tf", content: "new"})
	base := u.commit("main", []string{fork}, entry{path: "unrelated.tf", content: "1"})
	base = u.commit("main", []string{base}, entry{path: "unrelated.tf", content: "2"})
	mirror := fetched(t, u, base, head)

	got, err := mirror.Compare(t.Context(), base, head)
	if err != nil {
		t.Fatal(err)
	}
	want := Comparison{MergeBase: fork, Behind: 2, Changes: []Change{
		{"edit.tf", Modified}, {"gone.tf", Deleted}, {"new.tf", Added}, {"old.tf", Deleted}, {"type.tf", TypeChanged}, {"x/y.tf", Added},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comparison (-want +got):\n%s", diff)
	}

	merged := u.commit("pull", []string{head, base})
	if err := mirror.Fetch(t.Context(), u.remote(), merged); err != nil {
		t.Fatal(err)
	}
	if got, err := mirror.Compare(t.Context(), base, merged); err != nil || got.Behind != 0 || got.MergeBase != base {
		t.Errorf("after the base was merged in: behind %d, merge base %s, %v", got.Behind, got.MergeBase, err)
	}
}

func TestChangedAwkwardNames(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("main", nil, entry{path: "README", content: "x"})
	var entries []entry
	for _, name := range awkward {
		entries = append(entries, entry{path: name, content: "x"})
	}
	head := u.commit("pull", []string{base}, entries...)
	changes, err := fetched(t, u, base, head).Changed(t.Context(), base, head)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range changes {
		got = append(got, change.Path)
	}
	want := slices.Sorted(slices.Values(awkward))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

func TestCompareErrors(t *testing.T) {
	u := newUpstream(t)
	a := u.commit("main", nil, entry{path: "a", content: "1"})
	b := u.commit("other", nil, entry{path: "a", content: "2"})
	mirror := fetched(t, u, a, b)
	if _, err := mirror.Compare(t.Context(), a, b); !errors.Is(err, ErrUnrelated) {
		t.Errorf("commits without common history: %v", err)
	}
	if _, err := mirror.Compare(t.Context(), a, strings.Repeat("ab", 20)); err == nil || errors.Is(err, ErrUnrelated) {
		t.Errorf("a commit that is not there: %v", err)
	}
	if _, err := mirror.Compare(t.Context(), "--help", a); err == nil {
		t.Error("an option was taken for a commit")
	}
}

// T31: GitHub lists at most 3,000 files of a pull request; git lists all.
func TestT31HugePullRequests(t *testing.T) {
	for _, n := range []int{3_001, 50_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			u := newUpstream(t)
			base := u.commit("main", nil, entry{path: "README", content: "x"})
			var entries []entry
			for i := range n - 1 {
				entries = append(entries, entry{path: fmt.Sprintf("docs/%02d/%05d.md", i%100, i), content: "x"})
			}
			entries = append(entries, entry{path: "zz-only-here/main.tf", content: "x"}) // sorts last
			head := u.commit("pull", []string{base}, entries...)
			changes, err := fetched(t, u, base, head).Changed(t.Context(), base, head)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != n || changes[n-1].Path != "zz-only-here/main.tf" {
				t.Errorf("%d changes of %d, the last is %s", len(changes), n, changes[len(changes)-1].Path)
			}
		})
	}
}

func FuzzParseChanges(f *testing.F) {
	f.Add("A\x00a/b\x00M\x00line\nfeed\x00")
	f.Add("R100\x00a\x00b\x00")
	f.Fuzz(func(t *testing.T, text string) {
		changes, err := parseChanges(text)
		if err == nil && 2*len(changes) != strings.Count(text, "\x00") {
			t.Errorf("%d changes from %q", len(changes), text)
		}
	})
}
