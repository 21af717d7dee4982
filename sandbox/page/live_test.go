package page

import (
	"bufio"
	"context"
	"net/http"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
)

func TestChangesAreAnnounced(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+eventsURL, nil)
	must(t, err)
	response, err := w.client.Do(request)
	must(t, err)
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("content type %q", kind)
	}
	lines := bufio.NewScanner(response.Body)
	announced := func() {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: change" {
				return
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
	}
	announced() // at the start, for what changed while the page loaded
	_, err = w.As(demo.Author).Comment(repo, 1, "hello")
	must(t, err)
	announced()
}
