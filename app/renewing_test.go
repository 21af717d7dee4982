package app

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// answering is a round tripper that answers with a status.
type answering struct {
	status int
	calls  int
	bodies []string
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.calls++
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		a.bodies = append(a.bodies, string(body))
	}
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

func TestFinding9ACallThatMeetsA401IsMadeOnceMoreWithANewToken(t *testing.T) {
	for name, tt := range map[string]struct{ method, body string }{"a read": {"GET", ""}, "a write": {"POST", `{"body":"x"}`}} {
		t.Run(name, func(t *testing.T) {
			ended, good, made := &answering{status: 401}, &answering{status: 200}, 0
			transport := &renewingTransport{current: ended, make: func() (http.RoundTripper, error) { made++; return good, nil }}
			for range 3 {
				var body io.Reader
				if tt.body != "" {
					body = bytes.NewReader([]byte(tt.body))
				}
				r, err := http.NewRequest(tt.method, "http://x/", body)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := transport.RoundTrip(r)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v, %v", resp, err)
				}
				_ = resp.Body.Close()
			}
			if made != 1 || ended.calls != 1 || good.calls != 3 {
				t.Errorf("%d new tokens, %d and %d calls", made, ended.calls, good.calls)
			}
			if tt.body != "" && good.bodies[0] != tt.body {
				t.Errorf("sent %q again", good.bodies[0])
			}
		})
	}
}

func TestFinding9ASecond401InARowDoesNotLoop(t *testing.T) {
	ended, made := &answering{status: 401}, 0
	transport := &renewingTransport{current: &answering{status: 401}, make: func() (http.RoundTripper, error) { made++; return ended, nil }}
	r, err := http.NewRequest("GET", "http://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil || resp.StatusCode != 401 || made != 1 || ended.calls != 1 {
		t.Errorf("%v, %v after %d new tokens and %d calls", resp, err, made, ended.calls)
	}
}

// tripper is a round tripper that is a function, as those of go-githubapp are.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Many calls that meet the end of one token ask for one new one.
func TestFinding9CallsAtOnceAskForOneNewToken(t *testing.T) {
	ended, good := &answering{status: 401}, &answering{status: 200}
	var mu sync.Mutex
	made, here := 0, make(chan struct{})
	arrived := 0
	const calls = 8
	guarded := func(to *answering, wait func()) tripper {
		return func(r *http.Request) (*http.Response, error) {
			wait()
			mu.Lock()
			defer mu.Unlock()
			return to.RoundTrip(r)
		}
	}
	together := func() { // all of them have the old one
		mu.Lock()
		if arrived++; arrived == calls {
			close(here)
		}
		mu.Unlock()
		<-here
	}
	transport := &renewingTransport{current: guarded(ended, together), make: func() (http.RoundTripper, error) {
		made++
		return guarded(good, func() {}), nil
	}}
	all(calls, func(int) {
		r, err := http.NewRequest("GET", "http://x/", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := transport.RoundTrip(r); err != nil || resp.StatusCode != 200 {
			t.Errorf("%v, %v", resp, err)
		}
	})
	if made != 1 || ended.calls != calls || good.calls != calls {
		t.Errorf("%d new tokens, %d and %d calls", made, ended.calls, good.calls)
	}
}

// all does something for each of n numbers at once and waits.
func all(n int, do func(i int)) {
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() { do(i) })
	}
	g.Wait()
}
