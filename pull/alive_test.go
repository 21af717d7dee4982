package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// slowPack makes the upstream take its time before it sends a pack: a server
// that counts and compresses. Until then it says every second that it is there.
// The pack waits for the file to appear.
func (u *upstream) slowPack(ready string) {
	u.tb.Helper()
	hook := filepath.Join(u.root, "slow-pack")
	script := fmt.Sprintf("#!/bin/sh\nwhile ! test -e %q; do sleep 0.1; done\nexec \"$@\"\n", ready)
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		u.tb.Fatal(err)
	}
	// Git takes a program to run from no repository's own configuration.
	config := filepath.Join(u.root, "gitconfig")
	if err := os.WriteFile(config, fmt.Appendf(nil, "[uploadpack]\n\tpackObjectsHook = %s\n\tkeepAlive = 1\n", hook), 0o600); err != nil {
		u.tb.Fatal(err)
	}
	u.env = append(u.env, "GIT_CONFIG_GLOBAL="+config)
}

// Finding 6: a server that makes a pack for long and says that it is there is
// waited for, longer than silence would be.
func TestFinding6APackThatTakesLongIsWaitedFor(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	ready := filepath.Join(t.TempDir(), "ready")
	u.slowPack(ready)
	t.Cleanup(func() { _ = os.WriteFile(ready, nil, 0o600) }) // so that the server ends, whatever happens
	mirror := newMirror(t, Limits{})
	mirror.stall = 4 * time.Second // of which a server's keepalives are a quarter
	asked := make(chan struct{}, 16)
	u.onGit.Store(new(func() { asked <- struct{}{} }))
	done := make(chan error, 1)
	go func() { done <- mirror.Fetch(t.Context(), u.remote(), sha) }()
	<-asked
	select {
	case err := <-done:
		t.Fatalf("given up although the server said that it is there: %v", err)
	case <-time.After(3 * mirror.stall): // the thing itself: so long nothing but keepalives
	}
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A connection that stands still does not hold up later fetches for ever.
func TestARemoteThatFallsSilentIsGivenUp(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	target, err := url.Parse(strings.TrimSuffix(u.url, "/repo.git"))
	if err != nil {
		t.Fatal(err)
	}
	for name, silent := range map[string]func(w http.ResponseWriter, r *http.Request){
		"before it answers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in an answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = io.WriteString(w, "000dpackfile\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method == http.MethodPost && strings.Contains(string(body), "command=fetch") {
					silent(w, r)
					return
				}
				again, _ := http.NewRequestWithContext(r.Context(), r.Method, target.String()+r.URL.RequestURI(), strings.NewReader(string(body)))
				again.Header = r.Header.Clone()
				again.Header.Del("Accept-Encoding")
				resp, err := http.DefaultTransport.RoundTrip(again)
				if err != nil {
					return
				}
				defer resp.Body.Close()
				w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
				w.WriteHeader(resp.StatusCode)
				_, _ = io.Copy(w, resp.Body)
			}))
			defer srv.Close()
			mirror := newMirror(t, Limits{})
			mirror.stall = 2 * time.Second
			err := mirror.Fetch(t.Context(), Remote{URL: srv.URL + "/repo.git"}, sha)
			if !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), errStalled.Error()) {
				t.Errorf("%v, want that it is given up", err)
			}
		})
	}
}

// Finding 9: a token that ends early is replaced, once.
func TestFinding9ATokenThatGitHubRefusesIsReplacedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		tokens []string
		works  bool
	}{
		"the second works":  {[]string{"ended", "good"}, true},
		"the second as bad": {[]string{"ended", "ended too", "good"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			u.token.Store(new("good"))
			sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
			var refused []string
			remote := Remote{URL: u.url, Token: func(_ context.Context, no string) (string, error) {
				refused = append(refused, no)
				return tt.tokens[len(refused)-1], nil
			}}
			err := newMirror(t, Limits{}).Fetch(t.Context(), remote, sha)
			if (err == nil) != tt.works || fmt.Sprintf("%q", refused) != `["" "ended"]` {
				t.Errorf("%v, after it was told of %q", err, refused)
			}
			if _, temporary := RetryAfter(err, time.Now()); err != nil && !temporary {
				t.Errorf("a refused token is no error for good: %v", err)
			}
		})
	}
}
