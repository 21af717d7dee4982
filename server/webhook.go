package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"
)

// minSecret is the least length of a webhook secret, in bytes (T25).
const minSecret = 32

// Webhook is the endpoint that GitHub delivers to. It answers 2xx only after
// the delivery is in the store; everything that is not a signed delivery for
// this App is refused before anything is parsed. go-githubapp's own dispatcher
// reads a body of any number of connections into memory, and copies it.
type Webhook struct {
	Secrets  []string // the current one first; two while it is being rotated
	AppID    int64
	MaxBytes int64
	Handlers []githubapp.EventHandler
	Inbox    githubapp.Scheduler
	Metrics  *Metrics
}

// Handler checks the secrets and builds the endpoint.
func (wh Webhook) Handler() (http.Handler, error) {
	if len(wh.Secrets) == 0 {
		return nil, errors.New("no webhook secret: set one of at least 32 random bytes, here and in the GitHub App")
	}
	known := map[string]bool{}
	for _, h := range wh.Handlers {
		for _, event := range h.Handles() {
			if known[event] {
				return nil, errors.New("two handlers for the event " + event) // the inbox would take the first
			}
			known[event] = true
		}
	}
	for _, secret := range wh.Secrets {
		if len(secret) < minSecret {
			return nil, errors.New("a webhook secret is shorter than 32 bytes: set one of at least 32 random bytes")
		}
	}
	return &endpoint{Webhook: wh, known: known, room: newRoom(wh.MaxBytes)}, nil
}

// endpoint is a checked Webhook.
type endpoint struct {
	Webhook
	known map[string]bool // events that a handler takes
	room  *room
}

// bodyWait is how long a request waits for room. GitHub gives up after 10
// seconds, and the server asks for what it missed (Lost).
const bodyWait = 8 * time.Second

// refusal is why a request is no delivery.
type refusal struct {
	status int
	why    string
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if no := e.looks(r); no != nil {
		e.refuse(w, r, no)
		return
	}
	length := r.ContentLength
	if length < 0 {
		length = min(smallBody, e.MaxBytes) // nobody says how long it is, so it must be small
	}
	ctx, cancel := context.WithTimeout(r.Context(), bodyWait)
	control := http.NewResponseController(w)
	g, err := e.room.enter(ctx, length, func() { _ = control.SetReadDeadline(time.Now()) })
	cancel()
	if err != nil {
		w.Header().Set("Retry-After", "10")
		e.refuse(w, r, &refusal{http.StatusServiceUnavailable, "too much is being received at once: send it again later"})
		return
	}
	defer g.leave()
	body, no := read(r, length)
	if no == nil && !e.signed(r, body) {
		no = &refusal{http.StatusUnauthorized, "the signature does not match"}
	}
	if no != nil {
		e.refuse(w, r, no)
		return
	}
	g.finish()
	e.take(w, r, body)
}

// refuse answers what is no delivery, and hears no more of it.
func (e *endpoint) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	zerolog.Ctx(r.Context()).Warn().Str("why", no.why).Msg("refused a webhook request")
	e.Metrics.delivery("refused")
	w.Header().Set("Connection", "close")
	http.Error(w, no.why, no.status)
}

// looks says from its header alone why a request cannot be a delivery.
func (e *endpoint) looks(r *http.Request) *refusal {
	h := r.Header
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	target := h.Get("X-GitHub-Hook-Installation-Target-ID")
	signatures := h.Values(github.SHA256SignatureHeader)
	switch {
	case err != nil || media != "application/json":
		return &refusal{http.StatusUnsupportedMediaType, "deliveries are application/json: set the content type of the webhook"}
	case len(signatures) != 1:
		return &refusal{http.StatusUnauthorized, "one X-Hub-Signature-256 header is needed: set the webhook secret in the GitHub App"}
	case signature(signatures[0]) == nil:
		return &refusal{http.StatusUnauthorized, "X-Hub-Signature-256 must be sha256= and 64 hexadecimal digits"}
	case h.Get(github.EventTypeHeader) == "" || h.Get(github.DeliveryIDHeader) == "":
		return &refusal{http.StatusBadRequest, "the headers X-GitHub-Event and X-GitHub-Delivery are needed"}
	case target != "" && target != strconv.FormatInt(e.AppID, 10):
		return &refusal{http.StatusForbidden, "this delivery is for another GitHub App"}
	case r.ContentLength > e.MaxBytes:
		return &refusal{http.StatusRequestEntityTooLarge, "the body is larger than allowed"}
	}
	return nil
}

// signature is the digest that a header names; nil when it names none. Other
// digests than SHA-256 are none.
func signature(header string) []byte {
	digits, ok := strings.CutPrefix(header, "sha256=")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil
	}
	return sum
}

// signed reports whether one of the secrets signed the body.
func (e *endpoint) signed(r *http.Request, body []byte) bool {
	given, good := signature(r.Header.Get(github.SHA256SignatureHeader)), false
	for _, secret := range e.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		good = hmac.Equal(mac.Sum(nil), given) || good
	}
	return good
}

// read reads a body of at most n bytes into memory of that size.
func read(r *http.Request, n int64) ([]byte, *refusal) {
	body := make([]byte, n)
	got, err := io.ReadFull(r.Body, body)
	switch {
	case err != nil && r.ContentLength < 0 && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return body[:got], nil
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "the body ended early, or took too long"}
	case r.ContentLength < 0:
		return nil, &refusal{http.StatusLengthRequired, "a body of this size needs a Content-Length"}
	}
	return body, nil
}

// take stores a delivery, and answers.
func (e *endpoint) take(w http.ResponseWriter, r *http.Request, body []byte) {
	event, guid := r.Header.Get(github.EventTypeHeader), r.Header.Get(github.DeliveryIDHeader)
	log := zerolog.Ctx(r.Context()).With().Str("event", event).Str("delivery", guid).Logger()
	log.Info().Msg("received a webhook")
	if !e.known[event] {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	err := e.Inbox.Schedule(log.WithContext(r.Context()), githubapp.Dispatch{EventType: event, DeliveryID: guid, Payload: body})
	if err != nil {
		e.Metrics.delivery("error")
		log.Error().Err(err).Msg("storing a delivery")
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}
