package pull

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// literally writes any object, whatever git thinks of it.
func (u *upstream) literally(kind, content string) string {
	u.tb.Helper()
	return strings.TrimSpace(u.git(content, "hash-object", "-t", kind, "-w", "--stdin", "--literally"))
}

func (u *upstream) tree(entries string) string {
	u.tb.Helper()
	return u.literally("tree", entries)
}

// raw is the 20 bytes of a SHA.
func raw(sha string) string {
	var b strings.Builder
	for i := 0; i < len(sha); i += 2 {
		var c byte
		_, _ = fmt.Sscanf(sha[i:i+2], "%02x", &c)
		b.WriteByte(c)
	}
	return b.String()
}

// Finding 6: one old commit that git's rules of today reject made a repository
// that could never be planned.
func TestFinding6HistoriesThatOnlyOldRulesRejectAreFetched(t *testing.T) {
	const good = "A <a@x> 1 +0000"
	for rule, tt := range map[string]struct{ author, mode string }{
		"badDate":                 {"A <a@x> today +0000", ""},
		"badDateOverflow":         {"A <a@x> 99999999999999999999 +0000", ""},
		"badEmail":                {"A <a<b@x> 1 +0000", ""},
		"badName":                 {"A> <a@x> 1 +0000", ""},
		"badTimezone":             {"A <a@x> 1 +051800", ""},
		"missingEmail":            {"A", ""},
		"missingNameBeforeEmail":  {"<a@x> 1 +0000", ""},
		"missingSpaceBeforeDate":  {"A <a@x>1 +0000", ""},
		"missingSpaceBeforeEmail": {"A<a@x> 1 +0000", ""},
		"zeroPaddedDate":          {"A <a@x> 01 +0000", ""},
		"zeroPaddedFilemode":      {good, "040000"},
	} {
		t.Run(rule, func(t *testing.T) {
			u := newUpstream(t)
			blob := u.literally("blob", "1")
			tree := u.tree("100644 a.tf\x00" + raw(blob))
			if tt.mode != "" {
				tree = u.tree(tt.mode + " dir\x00" + raw(tree))
			}
			old := u.literally("commit", "tree "+tree+"\nauthor "+tt.author+"\ncommitter "+good+"\n\nold\n")
			head := u.literally("commit", "tree "+tree+"\nparent "+old+"\nauthor "+good+"\ncommitter "+good+"\n\nnew\n")
			mirror := newMirror(t, Limits{})
			if err := mirror.Fetch(t.Context(), u.remote(), head); err != nil {
				t.Fatal(err)
			}
			if base, err := mirror.MergeBase(t.Context(), old, head); err != nil || base != old {
				t.Errorf("merge base %s, %v", base, err)
			}
			if !slices.Contains(historic, rule) {
				t.Error("not among the rules that are let through")
			}
		})
	}
	if len(historic) != 11 {
		t.Errorf("%d rules are let through, and 11 tested", len(historic))
	}
}

// What is dangerous stays refused, at once and by name.
func TestWhatMisleadsACheckoutIsRefusedByItsRule(t *testing.T) {
	const who = "A <a@x> 1 +0000"
	for name, tt := range map[string]struct {
		rule string
		tree func(u *upstream, blob string) string
	}{
		".git in a tree":   {"hasDotgit", func(u *upstream, blob string) string { return u.tree("100644 .git\x00" + raw(blob)) }},
		".GIT in a tree":   {"hasDotgit", func(u *upstream, blob string) string { return u.tree("100644 .GIT\x00" + raw(blob)) }},
		".. in a tree":     {"hasDotdot", func(u *upstream, blob string) string { return u.tree("100644 ..\x00" + raw(blob)) }},
		". in a tree":      {"hasDot", func(u *upstream, blob string) string { return u.tree("100644 .\x00" + raw(blob)) }},
		"a path as a name": {"fullPathname", func(u *upstream, blob string) string { return u.tree("100644 a/b\x00" + raw(blob)) }},
		"two entries of one name": {"duplicateEntries", func(u *upstream, blob string) string {
			return u.tree("100644 a\x00" + raw(blob) + "100644 a\x00" + raw(blob))
		}},
		"a tree out of order": {"treeNotSorted", func(u *upstream, blob string) string {
			return u.tree("100644 b\x00" + raw(blob) + "100644 a\x00" + raw(blob))
		}},
		"a symlinked .gitmodules": {"gitmodulesSymlink", func(u *upstream, blob string) string { return u.tree("120000 .gitmodules\x00" + raw(blob)) }},
		"a submodule with an option as URL": {"gitmodulesUrl", func(u *upstream, _ string) string {
			return u.tree("100644 .gitmodules\x00" + raw(u.literally("blob", "[submodule \"a\"]\n\tpath = a\n\turl = -u./payload\n")))
		}},
		"a submodule outside of modules": {"gitmodulesName", func(u *upstream, _ string) string {
			return u.tree("100644 .gitmodules\x00" + raw(u.literally("blob", "[submodule \"../../x\"]\n\tpath = a\n\turl = https://x/y\n")))
		}},
		"a submodule that runs a command": {"gitmodulesUpdate", func(u *upstream, _ string) string {
			return u.tree("100644 .gitmodules\x00" + raw(u.literally("blob", "[submodule \"a\"]\n\tpath = a\n\turl = https://x/y\n\tupdate = !id\n")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			tree := tt.tree(u, u.literally("blob", "1"))
			head := u.literally("commit", "tree "+tree+"\nauthor "+who+"\ncommitter "+who+"\n\nx\n")
			err := newMirror(t, Limits{}).Fetch(t.Context(), u.remote(), head)
			var refused *HistoryError
			if !errors.As(err, &refused) || refused.Rule != tt.rule || len(refused.Object) != 40 || refused.Reason == "" {
				t.Fatalf("%v, want that %s refuses it", err, tt.rule)
			}
			if _, temporary := RetryAfter(err, time.Now()); temporary || errors.Is(err, ErrRemote) {
				t.Errorf("it would be tried again: %v", err)
			}
		})
	}
}

// A commit with two authors could hide one of them.
func TestACommitWithTwoAuthorsIsRefusedAndNamed(t *testing.T) {
	const who = "A <a@x> 1 +0000"
	u := newUpstream(t)
	tree := u.tree("100644 a\x00" + raw(u.literally("blob", "1")))
	head := u.literally("commit", "tree "+tree+"\nauthor "+who+"\nauthor B <b@x> 1 +0000\ncommitter "+who+"\n\nx\n")
	err := newMirror(t, Limits{}).Fetch(t.Context(), u.remote(), head)
	var refused *HistoryError
	if !errors.As(err, &refused) || refused.Object != head || refused.Rule != "multipleAuthors" {
		t.Errorf("%v, want that it names the commit", err)
	}
}
