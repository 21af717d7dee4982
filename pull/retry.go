package pull

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"
)

// How long to wait when the answer does not say.
const (
	// GitHub asks for at least a minute after a secondary rate limit
	// (docs.github.com, "Rate limits for the REST API", "Exceeding the rate limit").
	rateLimitWait = time.Minute
	troubleWait   = time.Second // 5xx and network trouble; callers wait longer each time
	leastWait     = time.Second
)

// RetryAfter reports whether an error of Read or Fetch is temporary, and how long
// to wait before the same call may succeed. Rate limits, 5xx answers and network
// trouble are temporary; everything else, a cancelled context too, is not.
func RetryAfter(err error, now time.Time) (wait time.Duration, temporary bool) {
	if err == nil || errors.Is(err, context.Canceled) {
		return 0, false
	}
	wait, temporary = classify(err, now)
	if !temporary {
		return 0, false
	}
	return max(wait, leastWait), true
}

func classify(err error, now time.Time) (time.Duration, bool) {
	var primary *github.RateLimitError
	if errors.As(err, &primary) {
		return primary.Rate.Reset.Sub(now), true
	}
	var secondary *github.AbuseRateLimitError
	if errors.As(err, &secondary) {
		if secondary.RetryAfter != nil {
			return *secondary.RetryAfter, true
		}
		return rateLimitWait, true
	}
	// go-github makes its two types only of 403; a 429 arrives as any other answer.
	var answer *github.ErrorResponse
	if errors.As(err, &answer) {
		return classifyAnswer(answer.Response, answer.Message, now)
	}
	// Getting an installation token is a call of its own, inside the transport.
	var token *ghinstallation.HTTPError
	if errors.As(err, &token) && token.Response != nil {
		return classifyAnswer(token.Response, token.Message, now)
	}
	return troubleWait, networkTrouble(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrRemote)
}

// networkTrouble leaves out the trouble of disks: an Errno is a net.Error by its
// methods, but one of the network comes inside of a net.OpError.
func networkTrouble(err error) bool {
	var network net.Error // url.Error is one
	if !errors.As(err, &network) {
		return false
	}
	_, bare := network.(syscall.Errno)
	return !bare
}

func classifyAnswer(response *http.Response, message string, now time.Time) (time.Duration, bool) {
	if response == nil {
		return 0, false
	}
	wait, given := requestedWait(response.Header, now)
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests,
		code == http.StatusForbidden && (given || strings.Contains(strings.ToLower(message), "rate limit")):
		if given {
			return wait, true
		}
		return rateLimitWait, true
	case code == http.StatusUnauthorized: // of a new token, too: the client has requested one
		return rateLimitWait / 4, true
	case code >= 500:
		if given {
			return wait, true
		}
		return troubleWait, true
	}
	return 0, false
}

// requestedWait is what the headers request: retry-after in seconds, else the reset
// of a quota that is used up (docs.github.com, "Rate limits for the REST API").
func requestedWait(header http.Header, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if header.Get("X-RateLimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			return time.Unix(reset, 0).Sub(now), true
		}
	}
	return 0, false
}

// Unauthorized reports whether GitHub refused the credentials themselves.
func Unauthorized(err error) bool {
	var answer *github.ErrorResponse
	var token *ghinstallation.HTTPError
	switch {
	case errors.As(err, &answer) && answer.Response != nil:
		return answer.Response.StatusCode == http.StatusUnauthorized
	case errors.As(err, &token) && token.Response != nil:
		return token.Response.StatusCode == http.StatusUnauthorized
	}
	return errors.Is(err, errUnauthorized)
}
