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
