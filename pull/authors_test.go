package pull

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func by(login string) Signature {
	return Signature{Email: login + "@example.com", Login: login, ID: int64(len(login))}
}

func stranger(email string) Signature { return Signature{Email: email} }

func TestT19WhoMadeThePullRequest(t *testing.T) {
	web := Signature{Email: "noreply@github.com", Login: "web-flow", ID: 19864447}
	commit := func(sha string, author, committer Signature, message string) Commit {
		return Commit{SHA: sha, Author: author, Committer: committer, Message: message}
	}
	tests := []struct {
		name         string
		listed, all  []Commit
		logins       string
		unattributed int
	}{
		{"author and committer", []Commit{commit("1", by("ada"), by("bob"), "x")}, nil, "ada bob", 0},
		{"GitHub's own hand is nobody's", []Commit{commit("1", by("ada"), web, "x")}, nil, "ada", 0},
		{"its address with another account is that account's", []Commit{commit("1", by("ada"), Signature{Email: "noreply@github.com", Login: "eve"}, "x")}, nil, "ada eve", 0},
		{"an author whom GitHub does not know", []Commit{commit("1", stranger("x@y.z"), by("bob"), "x")}, nil, "bob", 1},
		{"a committer whom GitHub does not know", []Commit{commit("1", by("ada"), stranger("x@y.z"), "x")}, nil, "ada", 1},
		{"a commit is counted once", []Commit{commit("1", stranger("a@b.c"), stranger("d@e.f"), "x\n\nCo-authored-by: G <g@h.i>")}, nil, "", 1},
		{"a co-author with the address of an author", []Commit{
			commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: Bob <BOB@example.com>"), commit("2", by("bob"), by("bob"), "x"),
		}, nil, "ada bob", 0},
		{"a co-author with GitHub's address", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: Eve <eve@users.noreply.github.com>")}, nil, "ada eve", 0},
		{"a co-author with GitHub's numbered address", []Commit{commit("1", by("ada"), by("ada"), "x\n\nco-authored-by: Eve <77+Eve@users.noreply.github.com>\r\n")}, nil, "ada eve", 0},
		{"a co-author on an Enterprise Server", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: Eve <eve@users.noreply.git.acme.example>")}, nil, "ada eve", 0},
		{"an App as co-author", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: r <9+renovate[bot]@users.noreply.github.com>")}, nil, "ada renovate[bot]", 0},
		{"a co-author whom nobody knows", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: Eve <eve@evil.example>")}, nil, "ada", 0},
		{"a co-author without an address", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: Eve")}, nil, "ada", 0},
		{"a co-author in the middle of the message", []Commit{commit("1", by("ada"), by("ada"), "x\n\n  Co-Authored-By : Eve <eve@users.noreply.github.com>\n\nmore")}, nil, "ada eve", 0},
		{"words about co-authors are none", []Commit{commit("1", by("ada"), by("ada"), "say who co-authored-by: means <a@b.c>")}, nil, "ada", 0},
		{"an address that only looks like GitHub's", []Commit{commit("1", by("ada"), by("ada"), "x\n\nCo-authored-by: E <eve@users.noreply.github.com.>, <eve@notusers.noreply.github.com>")}, nil, "ada eve", 0},
		{"commits that only git knows, by a known address", []Commit{commit("1", by("ada"), by("ada"), "x")},
			[]Commit{commit("1", stranger("ada@example.com"), stranger("ada@example.com"), "x"), commit("2", stranger("ADA@example.com"), stranger("eve@users.noreply.github.com"), "x")}, "ada eve", 0},
		{"commits that only git knows, by strangers", []Commit{commit("1", by("ada"), by("ada"), "x")},
			[]Commit{commit("2", stranger("x@y.z"), stranger("x@y.z"), "x"), commit("3", stranger("x@y.z"), stranger("x@y.z"), "x")}, "ada", 2},
		{"an empty address is nobody's", []Commit{commit("1", Signature{Login: "ada"}, by("ada"), "x"), commit("2", stranger(""), by("ada"), "x")}, nil, "ada", 1},
		{"a tool that the server lists", []Commit{commit("1", by("ada"), stranger("Bot@Tool.example"), "x"), commit("2", stranger("bot@tool.example"), by("ada"), "x")}, nil, "ada", 0},
		{"an address that only ends like a tool's", []Commit{commit("1", by("ada"), stranger("a-bot@tool.example"), "x")}, nil, "ada", 1},
		{"no commits", nil, nil, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AuthorsOf(tt.listed, tt.all, func(email string) bool { return email == "bot@tool.example" })
			if logins := strings.Join(got.Logins, " "); logins != tt.logins || got.Unattributed != tt.unattributed {
				t.Errorf("%q and %d unattributed, want %q and %d", logins, got.Unattributed, tt.logins, tt.unattributed)
			}
		})
	}
}

func TestT19AnAccountIsKnownByItsIDAfterARename(t *testing.T) {
	got := AuthorsOf([]Commit{{SHA: "1", Author: by("ada"), Committer: by("ada"), Message: "Co-authored-by: x <77+old-name@users.noreply.github.com>"}}, nil, nil)
	if diff := cmp.Diff(Authors{Logins: []string{"ada", "old-name"}, IDs: []int64{3, 77}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// signed commits once on the branch, with names that nobody checks.
func (u *upstream) signed(branch, parent, author, committer, message string) string {
	u.tb.Helper()
	from := ""
	if parent != "" {
		from = "from " + parent + "\n"
	}
	u.git(fmt.Sprintf("commit refs/heads/%s\nauthor A <%s> 1700000000 +0000\ncommitter C <%s> 1700000000 +0000\ndata %d\n%s\n%sM 100644 inline f\ndata %d\n%s\n",
		branch, author, committer, len(message), message, from, len(message), message), "fast-import", "--quiet", "--force")
	return strings.TrimSpace(u.git("", "rev-parse", "refs/heads/"+branch))
}

func TestCommitsOfGitAreAllThatTheHeadHasAndTheBaseLacks(t *testing.T) {
	u := newUpstream(t)
	base := u.signed("main", "", "base@x", "base@x", "base")
	first := u.signed("topic", base, "a@x", "b@x", "first\n\nCo-authored-by: G <g@h.i>\n")
	head := u.signed("topic", first, "c d@x", "", "")
	moved := u.signed("main", base, "other@x", "other@x", "other")
	m := fetched(t, u, head, moved)
	got, err := m.Commits(t.Context(), moved, head)
	if err != nil {
		t.Fatal(err)
	}
	want := []Commit{
		{SHA: head, Parents: []string{first}, Author: stranger("c d@x"), Message: "\n"},
		{SHA: first, Parents: []string{base}, Author: stranger("a@x"), Committer: stranger("b@x"), Message: "first\n\nCo-authored-by: G <g@h.i>\n\n"},
	}
	for i := range got {
		got[i].Message = strings.TrimRight(got[i].Message, "\n")
		want[i].Message = strings.TrimRight(want[i].Message, "\n")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same, err := m.Commits(t.Context(), head, head); err != nil || len(same) != 0 {
		t.Errorf("%v, %v", same, err)
	}
	if _, err := m.Commits(t.Context(), "--all", head); err == nil {
		t.Error("an option passed for a commit")
	}
	if _, err := m.Commits(t.Context(), strings.Repeat("d", 40), head); err == nil {
		t.Error("a base that is not there passed for an empty one")
	}
}

// Whoever presses "Update branch" has written nothing; whoever changes something on the way has.
func TestT19MergesOfTheBaseAreNobodysWork(t *testing.T) {
	u := newUpstream(t)
	root := u.commit("main", nil, entry{path: "a", content: "1\n2\n3\n"}, entry{path: "b", content: "b"})
	topic := u.commit("topic", []string{root}, entry{path: "a", content: "1\n2\n3\n4\n"})
	base := u.commit("main", []string{root}, entry{path: "b", content: "bb"})
	other := u.commit("other", []string{root}, entry{path: "c", content: "c"})
	clean := u.commit("clean", []string{topic, base}, entry{path: "b", content: "bb"})
	more := u.commit("more", []string{topic, base}, entry{path: "b", content: "bb"}, entry{path: "a", content: "evil"})
	ours := u.commit("ours", []string{topic, base})
	foreign := u.commit("foreign", []string{topic, other}, entry{path: "c", content: "c"})
	m := fetched(t, u, clean, more, ours, foreign, base)
	for name, tt := range map[string]struct {
		head  string
		clean bool
	}{
		"a clean merge": {clean, true}, "a merge with a change": {more, false}, "a merge that keeps the old": {ours, false}, "a merge of another branch": {foreign, false},
	} {
		all, err := m.Commits(t.Context(), base, tt.head)
		if err != nil {
			t.Fatal(err)
		}
		merges, err := m.BaseMerges(t.Context(), all)
		if err != nil || merges[tt.head] != tt.clean || len(merges) > 1 {
			t.Errorf("%s: %v, %v", name, merges, err)
		}
		if got := len(WithoutBaseMerges(all, merges)); got != len(all)-len(merges) {
			t.Errorf("%s: %d commits are left of %d", name, got, len(all))
		}
	}
}
