package app

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
)

// renewing makes clients of installations that survive the early end of their
// token: GitHub takes tokens back when permissions or repositories of an
// installation change, and go-githubapp caches each for the hour that it was
// promised. All else is the wrapped creator's.
type renewing struct{ githubapp.ClientCreator }

func (r renewing) NewInstallationClient(id int64) (*github.Client, error) {
	client, err := r.ClientCreator.NewInstallationClient(id)
	if err != nil {
		return nil, err
	}
	t := &renewingTransport{make: func() (http.RoundTripper, error) {
		fresh, err := r.ClientCreator.NewInstallationClient(id)
		if err != nil {
			return nil, err
		}
		return fresh.Client().Transport, nil
	}, current: client.Client().Transport}
	out := github.NewClient(&http.Client{Transport: t, Timeout: client.Client().Timeout})
	out.BaseURL, out.UserAgent = client.BaseURL, client.UserAgent
	return out, nil
}

// renewingTransport makes a call once more, with a new token, when GitHub does
// not take the one that it has. It is safe for concurrent use.
type renewingTransport struct {
	make func() (http.RoundTripper, error) // with no token yet

	mu      sync.Mutex
	current http.RoundTripper // guarded by mu
	renewed int               // guarded by mu; how often current was replaced
}

func (t *renewingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	used, renewed := t.current, t.renewed
	t.mu.Unlock()
	resp, err := used.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil {
		return resp, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil // the answer that there is
		}
	}
	fresh, err := t.renew(renewed)
	if err != nil {
		return nil, fmt.Errorf("getting a new token: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	_ = resp.Body.Close()
	return fresh.RoundTrip(again)
}

// renew replaces what was used when that was the renewed-th, unless another call
// did so meanwhile. Transports can be functions, which cannot be compared.
func (t *renewingTransport) renew(renewed int) (http.RoundTripper, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.renewed != renewed {
		return t.current, nil
	}
	fresh, err := t.make()
	if err == nil {
		t.current = fresh
		t.renewed++
	}
	return fresh, err
}
