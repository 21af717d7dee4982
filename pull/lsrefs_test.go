package pull

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A remote may answer anything.
func TestAnswersAboutTips(t *testing.T) {
	main := strings.Repeat("ab", 20)
	const abilities, tip = "000eversion 2\n0000", "003dabababababababababababababababababababab refs/heads/main\n"
	for _, row := range []struct{ name, advertised, answered, want string }{
		{"a tip", abilities, tip + "0000", ""},
		{"the service is named first, as GitHub does", "001e# service=git-upload-pack\n0000" + abilities, tip + "0000", ""},
		{"version 0", "001e# service=git-upload-pack\n0000003d" + main + " refs/heads/main\n0000", "", errNotProtocol.Error()},
		{"nothing is advertised", "0000", "", errNotProtocol.Error()},
		{"the advertisement breaks off", "000eversion 2\n", "", io.ErrUnexpectedEOF.Error()},
		{"the answer breaks off behind a line", abilities, tip, io.ErrUnexpectedEOF.Error()},
		{"the answer breaks off within a line", abilities, tip[:20], io.ErrUnexpectedEOF.Error()},
		{"an empty answer", abilities, "", io.ErrUnexpectedEOF.Error()},
		{"no ref at all", abilities, "0000", "it names no branch at all"},
		{"a branch that does not exist yet", abilities, packets("unborn HEAD symref-target:refs/heads/main\n"), "it names no branch at all"},
		{"a length that is none", abilities, "zzzz", errNotProtocol.Error()},
		{"a length that is too short", abilities, "0003", errNotProtocol.Error()},
		{"an error of git", abilities, packets("ERR access denied\x1b[31m\n"), `it said "access denied\x1b[31m"`},
		{"no object name", abilities, packets("abc refs/heads/main\n"), "a line that is none"},
		{"one word", abilities, packets(main + "\n"), "a line that is none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement; charset=utf-8")
					_, _ = io.WriteString(w, row.advertised)
					return
				}
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				_, _ = io.WriteString(w, row.answered)
			}))
			defer srv.Close()
			got, err := newMirror(t, Limits{}).Tips(t.Context(), Remote{URL: srv.URL + "/x.git"}, "refs/heads/main")
			if row.want == "" {
				if err != nil || got["refs/heads/main"] != main {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), row.want) || got != nil {
				t.Errorf("%v, %v, want %s", got, err, row.want)
			}
			if _, temporary := RetryAfter(err, time.Now()); !temporary {
				t.Error("it is not asked again")
			}
		})
	}
}

// What a proxy does to a conversation: it adds to a content type, puts a page of its own
// in the way, or drops the header by which version 2 is chosen.
func TestAProxyInFrontOfTips(t *testing.T) {
	main := strings.Repeat("ab", 20)
	const git = "application/x-git-upload-pack-"
	const abilities, tip = "000eversion 2\n0000", "003dabababababababababababababababababababab refs/heads/main\n0000"
	const want = "the answer is none of version 2 of git's protocol; does a proxy in between drop the header Git-Protocol?"
	for _, row := range []struct{ name, advertisement, advertised, result, want string }{
		{"charset", git + "advertisement; charset=utf-8", abilities, git + "result; charset=utf-8", ""},
		{"a page instead of the advertisement", "text/html; charset=utf-8", abilities, git + "result", want},
		{"a page instead of the result", git + "advertisement", abilities, "text/html", want},
		{"no type at all", "", abilities, git + "result", want},
		{"the header is dropped", git + "advertisement", "001e# service=git-upload-pack\n0000003d" + main + " refs/heads/main\n0000", git + "result", want},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				kind, answer := row.advertisement, row.advertised
				if r.Method == http.MethodPost {
					kind, answer = row.result, tip
				}
				w.Header()["Content-Type"] = []string{kind}
				_, _ = io.WriteString(w, answer)
			}))
			defer srv.Close()
			got, err := newMirror(t, Limits{}).Tips(t.Context(), Remote{URL: srv.URL + "/x.git"}, "refs/heads/main")
			if row.want == "" {
				if err != nil || got["refs/heads/main"] != main {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), row.want) || got != nil {
				t.Errorf("%v, %v, want %s", got, err, row.want)
			}
		})
	}
}

// packets is an answer of one line.
func packets(line string) string {
	var b strings.Builder
	packet(&b, line)
	return b.String() + "0000"
}

// A redirect would carry the token to wherever it points.
func TestAQuestionAboutTipsIsNotRedirected(t *testing.T) {
	u := newUpstream(t)
	u.commit("main", nil, entry{path: "a", content: "1"})
	redirect := httptest.NewServer(http.RedirectHandler(u.url+"/info/refs?service=git-upload-pack", http.StatusFound))
	defer redirect.Close()
	_, err := newMirror(t, Limits{}).Tips(t.Context(), Remote{URL: redirect.URL + "/x.git"}, "refs/heads/main")
	if !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), "302") || u.requests.Load() != 0 {
		t.Errorf("%v, %d requests", err, u.requests.Load())
	}
}

func TestARemoteThatIsSilentAboutTipsIsLeft(t *testing.T) {
	u := newUpstream(t)
	release := make(chan struct{})
	defer close(release)
	u.onGit.Store(new(func() { <-release }))
	m := newMirror(t, Limits{})
	m.stall = 50 * time.Millisecond
	if _, err := m.Tips(t.Context(), u.remote(), "refs/heads/main"); !errors.Is(err, ErrRemote) || !errors.Is(err, errSlow) {
		t.Error(err)
	}
}

func TestTheURLOfARemoteIsCheckedBeforeItIsAskedForTips(t *testing.T) {
	for _, url := range []string{"https://me:hunter2@example.com/x.git", "file:///x", "ssh://host/x", "ext::sh -c id", "--upload-pack=id"} {
		_, err := newMirror(t, Limits{}).Tips(t.Context(), Remote{URL: url}, "refs/heads/main")
		if err == nil || errors.Is(err, ErrRemote) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
