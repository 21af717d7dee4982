package page

import (
	"fmt"
	"net/http"
	"time"
)

// eventsURL is where changes are announced, for all pages alike.
const eventsURL = "/-/events"

// heartbeat keeps proxies and browsers from closing a quiet stream.
const heartbeat = 20 * time.Second

// events announces by Server-Sent Events that something changed; the page then
// reads itself again. An announcement carries no data, so losing one costs
// nothing once the next arrives, and one is sent at the start for what changed
// while the page was loading.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	changes, cancel := s.double.Changes()
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	message := "event: change\ndata:\n\n"
	for {
		if _, err := fmt.Fprint(w, message); err != nil || stream.Flush() != nil {
			return
		}
		select {
		case <-changes:
			message = "event: change\ndata:\n\n"
		case <-beat.C:
			message = ": still here\n\n"
		case <-r.Context().Done():
			return
		}
	}
}
