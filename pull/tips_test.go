package pull

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTipsAreThoseOfExactlyTheseRefs(t *testing.T) {
	u := newUpstream(t)
	main := u.commit("main", nil, entry{path: "a", content: "1"})
	topic := u.commit("feat/-x#y", nil, entry{path: "a", content: "2"})
	trap := u.commit("trap/refs/heads/main", nil, entry{path: "a", content: "3"})
	u.git("", "update-ref", "refs/pull/7/head", topic)
	m := newMirror(t, Limits{})
	got, err := m.Tips(t.Context(), u.remote(), "refs/heads/main", "refs/heads/feat/-x#y", "refs/heads/gone", "refs/pull/7/head")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"refs/heads/main": main, "refs/heads/feat/-x#y": topic, "refs/heads/gone": "", "refs/pull/7/head": topic}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := m.Tips(t.Context(), u.remote(), "refs/heads/trap/refs/heads/main"); err != nil || got["refs/heads/trap/refs/heads/main"] != trap {
		t.Errorf("%v, %v", got, err)
	}
	if files, err := output(t.Context(), git(t.Context(), m.dir, "count-objects")); err != nil || !strings.HasPrefix(files, "0 objects") {
		t.Errorf("something was fetched: %s, %v", files, err)
	}
}

func TestTipsThatCannotBeReadAreAnError(t *testing.T) {
	u := newUpstream(t)
	u.commit("main", nil, entry{path: "a", content: "1"})
	u.token.Store(new("secret-token"))
	m := newMirror(t, Limits{})
	give := func(token string) Remote {
		return Remote{URL: u.url, Token: func(context.Context, string) (string, error) { return token, nil }}
	}
	if got, err := m.Tips(t.Context(), give("secret-token"), "refs/heads/main"); err != nil || got["refs/heads/main"] == "" {
		t.Fatalf("%v, %v", got, err)
	}
	for name, remote := range map[string]Remote{
		"no token": u.remote(), "another token": give("wrong-token"), "nobody there": {URL: "http://127.0.0.1:1/x.git"}, "not there": {URL: u.url + "x"},
	} {
		got, err := m.Tips(t.Context(), remote, "refs/heads/main")
		if !errors.Is(err, ErrRemote) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if strings.Contains(err.Error(), "wrong-token") || !strings.Contains(err.Error(), "asking where refs/heads/main points") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// git takes an answer that is none of its protocol for an empty repository.
func TestAnAnswerThatIsNoneOfGitsIsNoMissingBranch(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write([]byte(`{"message": "ok"}`))
	}))
	defer srv.Close()
	got, err := newMirror(t, Limits{}).Tips(t.Context(), Remote{URL: srv.URL + "/x.git"}, "refs/heads/main")
	if !errors.Is(err, ErrRemote) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, temporary := RetryAfter(err, time.Now()); !temporary {
		t.Error("it is not asked again")
	}
}

func TestTheDefaultBranchIsTheOneThatHEADNames(t *testing.T) {
	u := newUpstream(t)
	u.commit("trunk", nil, entry{path: "a", content: "1"})
	u.commit("topic/HEAD", nil, entry{path: "a", content: "1"})
	u.git("", "symbolic-ref", "HEAD", "refs/heads/trunk")
	tips, branch, err := newMirror(t, Limits{}).TipsAndDefault(t.Context(), u.remote(), "refs/heads/main")
	if err != nil || branch != "trunk" || tips["refs/heads/main"] != "" || len(tips) != 1 {
		t.Errorf("%v, %q, %v", tips, branch, err)
	}
}

func TestTipsTakesNoPatternForARef(t *testing.T) {
	u := newUpstream(t)
	m := newMirror(t, Limits{})
	for _, ref := range []string{"", "main", "--upload-pack=touch x", "refs/heads/*", "refs/heads/?", "refs/heads/[a]", "refs/heads/a b", "refs/heads/a\nb",
		"refs/heads/..", "refs/heads/a\x00b", "refs/heads/\\", "refs/heads/", "refs//x"} {
		if _, err := m.Tips(t.Context(), u.remote(), ref); err == nil {
			t.Errorf("%q", ref)
		}
	}
	if n := u.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestConflictsIsWhatAMergeWouldMeet(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("main", nil, entry{path: "a", content: "1\n"}, entry{path: "b", content: "1\n"})
	same := u.commit("same", []string{base}, entry{path: "a", content: "2\n"})
	other := u.commit("other", []string{base}, entry{path: "b", content: "2\n"})
	against := u.commit("against", []string{base}, entry{path: "a", content: "3\n"})
	deleted := u.commit("deleted", []string{base}, entry{path: "a", remove: true})
	m := fetched(t, u, base, same, other, against, deleted)
	for _, c := range []struct {
		base, head string
		want       bool
	}{{base, same, false}, {same, other, false}, {same, against, true}, {against, same, true}, {same, deleted, true}, {same, same, false}} {
		if got, err := m.Conflicts(t.Context(), c.base, c.head); err != nil || got != c.want {
			t.Errorf("%s into %s: %v, %v", c.head, c.base, got, err)
		}
	}
	for _, sha := range []string{strings.Repeat("d", 40), "--stdin"} {
		if got, err := m.Conflicts(t.Context(), base, sha); err == nil {
			t.Errorf("%s: %v", sha, got)
		}
	}
}
