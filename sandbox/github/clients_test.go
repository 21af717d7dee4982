package github

import (
	"errors"
	"net/http"
	"testing"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"
)

// bot is a client as the App has it on acme, through ghinstallation.
func (w *world) bot() *gh.Client {
	w.t.Helper()
	return w.client(w.installationTransport(nil))
}

func (w *world) installationTransport(options *gh.InstallationTokenOptions) *ghinstallation.Transport {
	id, err := w.Install(testRepo)
	must(w.t, err)
	transport := ghinstallation.NewFromAppsTransport(w.appsTransport(), id)
	transport.BaseURL = w.url + "/api/v3"
	transport.InstallationTokenOptions = options
	return transport
}

func (w *world) appsTransport() *ghinstallation.AppsTransport {
	transport := ghinstallation.NewAppsTransportFromPrivateKey(http.DefaultTransport, testAppID, w.key)
	transport.BaseURL = w.url + "/api/v3"
	return transport
}

// asApp is a client with the App's own JSON web token.
func (w *world) asApp() *gh.Client { return w.client(w.appsTransport()) }

// person is a client with a personal access token.
func (w *world) person(login string) *gh.Client {
	return w.client(bearerTransport(w.As(login).Token()))
}

type bearerTransport string

func (b bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) client(transport http.RoundTripper) *gh.Client {
	w.t.Helper()
	c, err := gh.NewClient(&http.Client{Transport: transport}).WithEnterpriseURLs(w.url, w.url)
	must(w.t, err)
	return c
}

// wantStatus checks the status of a refusal.
func wantStatus(t testing.TB, err error, status int) {
	t.Helper()
	var e *gh.ErrorResponse
	var limited *gh.RateLimitError
	var abused *gh.AbuseRateLimitError
	switch {
	case errors.As(err, &limited):
		e = &gh.ErrorResponse{Response: limited.Response}
	case errors.As(err, &abused):
		e = &gh.ErrorResponse{Response: abused.Response}
	case !errors.As(err, &e):
		t.Fatalf("want status %d, got error %v", status, err)
	}
	if e.Response.StatusCode != status {
		t.Errorf("status %d, want %d: %v", e.Response.StatusCode, status, err)
	}
}
