package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
)

// scheduled takes every delivery.
type scheduled func(githubapp.Dispatch) error

func (s scheduled) Schedule(_ context.Context, d githubapp.Dispatch) error { return s(d) }

// endpointOf serves an endpoint whose room can be looked into.
func endpointOf(t *testing.T, maxBytes int64, take scheduled) (url string, r *room) {
	t.Helper()
	h, err := Webhook{Secrets: []string{secret, previous}, AppID: appID, MaxBytes: maxBytes, Handlers: []githubapp.EventHandler{ignored{}}, Inbox: take}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL, h.(*endpoint).room
}

func head(length int, lines ...string) string {
	lines = append([]string{"POST / HTTP/1.1", "Host: x", "Content-Type: application/json", "X-GitHub-Event: ping", "X-GitHub-Delivery: g",
		fmt.Sprint("Content-Length: ", length)}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

var wellFormed = "X-Hub-Signature-256: sha256=" + strings.Repeat("ab", 32)

func (r *room) most() (small, large int64) {
	for _, p := range []*pool{&r.small, &r.large} {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	return r.small.most, r.large.most
}

func post(t *testing.T, url string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "ping", "X-GitHub-Delivery": "g", "X-Hub-Signature-256": sign(secret, body)} {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Forty connections that send nearly all of a large body and then nothing take
// no more than the room there is, and hold up no webhook, small or large.
func TestBodiesOfAnybodyTakeBoundedMemory(t *testing.T) {
	const most = 4 << 20
	url, room := endpointOf(t, most, func(githubapp.Dispatch) error { return nil })
	part := make([]byte, most-1)
	var clients sync.WaitGroup
	defer clients.Wait()
	for range 40 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		clients.Go(func() {
			_, _ = io.WriteString(conn, head(most, wellFormed))
			_, _ = conn.Write(part) // blocks until it is read, or the connection ends
		})
	}
	if status := post(t, url, []byte("{}")); status != http.StatusOK {
		t.Errorf("a small webhook is answered %d", status)
	}
	large := make([]byte, most/2)
	for status := 0; status != http.StatusOK; { // it is sent again, as the server asks GitHub to
		if status = post(t, url, large); status != http.StatusOK && status != http.StatusServiceUnavailable {
			t.Fatalf("a large webhook is answered %d", status)
		}
	}
	if small, large := room.most(); large > 2*most || small > smallRoom || large == 0 {
		t.Errorf("%d and %d bytes were in memory at once", small, large)
	}
}

func TestLargeSignedBodiesTakeTurns(t *testing.T) {
	const most = 4 << 20
	var mu sync.Mutex
	now, peak := 0, 0
	url, room := endpointOf(t, most, func(d githubapp.Dispatch) error {
		mu.Lock()
		now += len(d.Payload)
		peak = max(peak, now)
		mu.Unlock()
		time.Sleep(10 * time.Millisecond) // what a disk takes; nothing waits for it
		mu.Lock()
		now -= len(d.Payload)
		mu.Unlock()
		return nil
	})
	body := make([]byte, most)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for post(t, url, body) != http.StatusOK {
			}
		})
	}
	clients.Wait()
	if _, large := room.most(); large > 2*most || peak > 2*most {
		t.Errorf("%d bytes were let in at once, %d kept at once", large, peak)
	}
}

// What cannot be a delivery is answered although nothing of its body came.
func TestWhatIsNoDeliveryIsAnsweredBeforeItsBody(t *testing.T) {
	url, room := endpointOf(t, 4<<20, func(githubapp.Dispatch) error { t.Error("kept"); return nil })
	for name, tt := range map[string]struct {
		head string
		want int
	}{
		"no signature":      {head(4 << 20), 401},
		"two signatures":    {head(4<<20, wellFormed, wellFormed), 401},
		"sha1":              {head(4<<20, "X-Hub-Signature-256: sha1="+strings.Repeat("ab", 20)), 401},
		"sha512":            {head(4<<20, "X-Hub-Signature-256: sha512="+strings.Repeat("ab", 64)), 401},
		"a short signature": {head(4<<20, "X-Hub-Signature-256: sha256=abcd"), 401},
		"too large":         {head(4<<20+1, wellFormed), 413},
		"another App":       {head(4<<20, wellFormed, "X-GitHub-Hook-Installation-Target-ID: 1"), 403},
		"no event":          {strings.Replace(head(4<<20, wellFormed), "X-GitHub-Event: ping\r\n", "", 1), 400},
		"no delivery id":    {strings.Replace(head(4<<20, wellFormed), "X-GitHub-Delivery: g\r\n", "", 1), 400},
		"a form":            {strings.Replace(head(4<<20, wellFormed), "application/json", "application/x-www-form-urlencoded", 1), 415},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.head); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tt.want || !resp.Close {
				t.Errorf("answered %d, close %v, want %d and that it is closed", resp.StatusCode, resp.Close, tt.want)
			}
		})
	}
	if small, large := room.most(); small+large > 0 {
		t.Errorf("%d and %d bytes were let in", small, large)
	}
}

// The digest of other hashes is refused although the secret made it.
func TestFinding10OtherDigestsThanSHA256AreRefused(t *testing.T) {
	for _, header := range []string{"sha1=", "sha512=", "SHA256=", ""} {
		if signature(header+strings.TrimPrefix(sign(secret, nil), "sha256=")) != nil {
			t.Errorf("%q is taken for a signature", header)
		}
	}
	if signature(sign(secret, nil)) == nil {
		t.Error("a good one is refused")
	}
}

func TestABodyWithoutALengthMustBeSmall(t *testing.T) {
	kept := 0
	url, _ := endpointOf(t, 4<<20, func(d githubapp.Dispatch) error { kept = len(d.Payload); return nil })
	for size, want := range map[int]int{100: http.StatusOK, smallBody + 1: http.StatusLengthRequired} {
		body := make([]byte, size)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.MultiReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "ping", "X-GitHub-Delivery": "g", "X-Hub-Signature-256": sign(secret, body)} {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes are answered %d, want %d", size, resp.StatusCode, want)
		}
	}
	if kept != 100 {
		t.Errorf("%d bytes were kept", kept)
	}
}

func TestWhoMakesWayAndWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, over := &pool{size: 100}, make(chan struct{})
		defer close(over)
		var cuts []string
		enter := func(name string, n int64, wait time.Duration) (*guest, error) {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			var g *guest
			leave := make(chan struct{})
			g, err := p.enter(ctx, n, func() { cuts = append(cuts, name); close(leave) })
			if err == nil {
				go func() {
					select {
					case <-leave:
						g.leave()
					case <-over:
					}
				}()
			}
			return g, err
		}
		a, _ := enter("a", 60, time.Second)
		b, _ := enter("b", 40, time.Second)
		b.finish()
		if _, err := enter("early", 50, bodyGrace/2); !errors.Is(err, errNoRoom) || len(cuts) > 0 {
			t.Errorf("%v, cut %v: a body is left alone for a while", err, cuts)
		}
		if _, err := enter("c", 50, time.Minute); err != nil || fmt.Sprint(cuts) != "[a]" {
			t.Errorf("%v, cut %v, want the oldest that is not kept", err, cuts)
		}
		if _, err := enter("d", 70, 10*bodyGrace); err == nil || fmt.Sprint(cuts) != "[a c]" {
			t.Errorf("%v, cut %v: what is kept makes no way", err, cuts)
		}
		if a.leave(); p.used != 40 {
			t.Errorf("%d bytes used, want those of b", p.used)
		}
		if b.leave(); p.used != 0 || p.most > p.size {
			t.Errorf("%d bytes used, at most %d", p.used, p.most)
		}
	})
}

// However many small bodies keep coming, one that is as large as the room comes
// in, and smaller ones go first only for a while.
func TestALargeBodyComesInAmongManySmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{size: 100}
		over := make(chan struct{})
		for range 3 { // at each moment two of them are inside, and another one waits
			go func() {
				for {
					g, err := p.enter(context.Background(), 40, func() {})
					if err != nil {
						return
					}
					g.finish()
					time.Sleep(100 * time.Millisecond) // in the clock of the test
					g.leave()
					select {
					case <-over:
						return
					default:
					}
				}
			}()
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), bodyWait)
		defer cancel()
		began := time.Now()
		g, err := p.enter(ctx, 100, func() {})
		if waited := time.Since(began); err != nil || waited < bodyTurn {
			t.Errorf("%v after %s, want that it comes in, but not before smaller ones had %s", err, waited, bodyTurn)
		}
		close(over)
		if err == nil {
			g.leave()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if p.used != 0 || len(p.waiting) != 0 || p.most > p.size {
			t.Errorf("%d bytes used, at most %d, %d wait", p.used, p.most, len(p.waiting))
		}
	})
}

func TestWhoOfThoseThatWaitIsNext(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(wait time.Duration) time.Time { return now.Add(-wait) }
	for name, tt := range map[string]struct {
		byAge   bool    // the last one
		waiting []guest // oldest first
		want    int
	}{
		"the smallest":              {false, []guest{{n: 30, since: ago(bodyTurn / 2)}, {n: 20, since: now}}, 1},
		"of equals the oldest":      {false, []guest{{n: 30, since: ago(bodyTurn / 2)}, {n: 20, since: ago(1)}, {n: 20, since: now}}, 1},
		"who has waited for long":   {false, []guest{{n: 30, since: ago(bodyTurn)}, {n: 20, since: now}}, 0},
		"of several such the first": {false, []guest{{n: 30, since: ago(2 * bodyTurn)}, {n: 20, since: ago(bodyTurn)}}, 0},
		"then the smallest again":   {true, []guest{{n: 30, since: ago(bodyTurn)}, {n: 20, since: now}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pool{size: 100, byAge: tt.byAge}
			for i := range tt.waiting {
				p.waiting = append(p.waiting, &tt.waiting[i])
			}
			if got, _ := p.next(now); got != tt.want {
				t.Errorf("number %d, want %d", got, tt.want)
			}
		})
	}
}
