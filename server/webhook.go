package server

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"
)

// minSecret is the least length of a webhook secret, in bytes. go-githubapp
// accepts unsigned requests when the secret is empty (T25).
const minSecret = 32

// Webhook is the endpoint that GitHub delivers to. It answers 2xx only after
// the delivery is in the store; everything that is not a signed delivery for
// this App is refused before anything is parsed.
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
	byEvent := map[string]bool{}
	for _, h := range wh.Handlers {
		for _, event := range h.Handles() {
			if byEvent[event] {
				return nil, errors.New("two handlers for the event " + event) // go-githubapp would drop one silently
			}
			byEvent[event] = true
		}
	}
	dispatchers := make([]http.Handler, len(wh.Secrets))
	for i, secret := range wh.Secrets {
		if len(secret) < minSecret {
			return nil, errors.New("a webhook secret is shorter than 32 bytes: set one of at least 32 random bytes")
		}
		dispatchers[i] = githubapp.NewEventDispatcher(wh.Handlers, secret,
			githubapp.WithScheduler(wh.Inbox), githubapp.WithErrorCallback(wh.onError))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wh.serve(w, r, dispatchers) }), nil
}

func (wh Webhook) serve(w http.ResponseWriter, r *http.Request, dispatchers []http.Handler) {
	body, status, why := wh.read(w, r)
	if why == "" {
		for i, secret := range wh.Secrets {
			if github.ValidateSignature(r.Header.Get(github.SHA256SignatureHeader), body, []byte(secret)) == nil {
				r.Body = io.NopCloser(bytes.NewReader(body))
				dispatchers[i].ServeHTTP(w, r)
				return
			}
		}
		status, why = http.StatusUnauthorized, "the signature does not match"
	}
	zerolog.Ctx(r.Context()).Warn().Str("why", why).Msg("refused a webhook request")
	wh.Metrics.delivery("refused")
	http.Error(w, why, status)
}

// read returns the body of a request that looks like a delivery, or why it does
// not.
func (wh Webhook) read(w http.ResponseWriter, r *http.Request) (body []byte, status int, why string) {
	h := r.Header
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	target := h.Get("X-GitHub-Hook-Installation-Target-ID")
	switch {
	case err != nil || media != "application/json":
		return nil, http.StatusUnsupportedMediaType, "deliveries are application/json: set the content type of the webhook"
	case len(h.Values(github.SHA256SignatureHeader)) != 1:
		return nil, http.StatusUnauthorized, "one X-Hub-Signature-256 header is needed: set the webhook secret in the GitHub App"
	case h.Get(github.EventTypeHeader) == "" || h.Get(github.DeliveryIDHeader) == "":
		return nil, http.StatusBadRequest, "the headers X-GitHub-Event and X-GitHub-Delivery are needed"
	case target != "" && target != strconv.FormatInt(wh.AppID, 10):
		return nil, http.StatusForbidden, "this delivery is for another GitHub App"
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, wh.MaxBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, "the body is larger than allowed"
	case err != nil:
		return nil, http.StatusBadRequest, "the body ended early"
	}
	return body, 0, ""
}

func (wh Webhook) onError(w http.ResponseWriter, r *http.Request, err error) {
	wh.Metrics.delivery("error")
	githubapp.DefaultErrorCallback(w, r, err)
}
