package github

import (
	"net/http"
	"strconv"
	"time"
)

// hourlyLimit is the primary rate limit of an installation on GitHub Enterprise Cloud.
const hourlyLimit = 15000

// primaryLimitDocs is where GitHub sends clients that used up their budget, below docs.github.com/rest.
const primaryLimitDocs = "/overview/rate-limits-for-the-rest-api"

// RateLimit changes how many calls per hour this GitHub allows; 15,000 at first, 0 for no limit.
func (f *Faults) RateLimit(perHour int) { f.set(func() { f.perHour = perHour }) }

func (f *Faults) limit() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.perHour
}

// spend refuses a call when the hour's calls are used up.
func (d *Double) spend() error {
	limit := d.faults.limit()
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if !now.Before(d.window) {
		d.spent, d.window = 0, now.Add(time.Hour)
	}
	if limit > 0 && d.spent >= limit {
		e := errForbidden("API rate limit exceeded for installation.")
		e.docs = primaryLimitDocs
		return e
	}
	return nil
}

// limitHeaders shows the budget after this call; conditional requests that change nothing are free.
func (c *call) limitHeaders(h http.Header, counts bool) {
	limit := c.d.faults.limit()
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if counts && c.token != nil {
		c.d.spent++
	}
	rate := c.d.rate(limit)
	for name, key := range map[string]string{"Limit": "limit", "Remaining": "remaining", "Reset": "reset", "Used": "used"} {
		h.Set("X-RateLimit-"+name, strconv.FormatInt(rate[key].(int64), 10))
	}
	h.Set("X-RateLimit-Resource", "core")
}

// rate renders the budget. Callers hold d.mu.
func (d *Double) rate(limit int) object {
	used := min(d.spent, limit)
	if limit == 0 { // no limit: the budget stays full, or clients would stop by themselves
		limit = hourlyLimit
	}
	return object{"limit": int64(limit), "remaining": int64(limit - used), "reset": d.window.Unix(), "used": int64(used)}
}

// getRateLimit answers GET /rate_limit, which is free.
func (d *Double) getRateLimit(c *call) (answer, error) {
	limit := d.faults.limit()
	d.mu.Lock()
	defer d.mu.Unlock()
	c.free = true
	rate := d.rate(limit)
	return ok(object{"resources": object{"core": rate, "search": rate, "graphql": rate, "integration_manifest": rate}, "rate": rate})
}

// secondaryLimitDocs is where GitHub sends clients that went too fast.
const secondaryLimitDocs = primaryLimitDocs + "#about-secondary-rate-limits"

func errTooFast(status int, retryAfter time.Duration) *Error {
	return &Error{
		Status:  status,
		Message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
		docs:    secondaryLimitDocs,
		header:  map[string]string{"Retry-After": itoa(int64(retryAfter.Seconds()))},
	}
}

// LimitContent changes how many writes of an installation this GitHub allows in any minute and in any hour; 0 is no limit, as at
// first. GitHub's are "no more than 80 content-generating requests per minute and no more than 500 content-generating requests
// per hour" (docs.github.com, "Rate limits for the REST API", "About secondary rate limits"). Which count is not said there:
// here all do but GET.
func (f *Faults) LimitContent(perMinute, perHour int) {
	f.set(func() { f.contentPerMinute, f.contentPerHour = perMinute, perHour })
}

func (f *Faults) contentLimits() (perMinute, perHour int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.contentPerMinute, f.contentPerHour
}

// Limits is what clients met of rate limits.
type Limits struct {
	Refused int // calls
	InARow  int // of them, right after another one of the same installation
}

// Limits tells what clients met of rate limits since the start.
func (d *Double) Limits() Limits {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.limits
}

// writing counts a write of an installation, or refuses it.
func (d *Double) writing(c *call) error {
	perMinute, perHour := d.faults.contentLimits()
	if c.token == nil || c.token.install == nil || c.r.Method == http.MethodGet || perMinute+perHour == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now, id := d.now(), c.token.install.id
	for len(d.writes[id]) > 0 && now.Sub(d.writes[id][0]) >= time.Hour {
		d.writes[id] = d.writes[id][1:]
	}
	list := d.writes[id]
	for _, w := range []struct {
		most   int
		window time.Duration
	}{{perMinute, time.Minute}, {perHour, time.Hour}} {
		if n := len(list); w.most > 0 && n >= w.most && now.Sub(list[n-w.most]) < w.window {
			return errTooFast(http.StatusForbidden, w.window-now.Sub(list[n-w.most])+time.Second)
		}
	}
	d.writes[id] = append(list, now)
	return nil
}

// limited takes note of how a call of an installation ended, for Limits.
func (d *Double) limited(c *call, err error) {
	if c.token == nil || c.token.install == nil {
		return
	}
	e, _ := err.(*Error)
	is := e != nil && (e.docs == primaryLimitDocs || e.docs == secondaryLimitDocs)
	d.mu.Lock()
	defer d.mu.Unlock()
	id := c.token.install.id
	if is {
		d.limits.Refused++
		if d.wasLimited[id] {
			d.limits.InARow++
		}
	}
	d.wasLimited[id] = is
}
