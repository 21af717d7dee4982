package github

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Faults makes this GitHub misbehave as the real one can. All switches are off at first; counts run down as they are used.
type Faults struct {
	d *Double

	mu       sync.Mutex // guards everything below
	advanced time.Duration
	latency  time.Duration
	unknown  int // answers with mergeable null
	perHour  int // calls; 0: no limit
	failures []*failure

	contentPerMinute, contentPerHour int // writes; 0: no limit

	befores   []*before
	pageSize  int // most entries of a page; 0: what GitHub allows
	forget    int
	drop      int
	duplicate int
	reorder   int
	delay     time.Duration
	together  bool
	noTokens  bool
}

// failure answers the next calls of an operation with something else.
type failure struct {
	left   int
	match  string
	answer func(now time.Time) *Error
}

// before runs something ahead of the next calls of an operation.
type before struct {
	match string
	do    func()
}

func newFaults(d *Double) *Faults { return &Faults{d: d, unknown: 1, perHour: hourlyLimit} }

// set changes switches and wakes everybody who waits for time or deliveries.
func (f *Faults) set(change func()) {
	f.mu.Lock()
	change()
	f.mu.Unlock()
	f.d.hooks.wake()
	f.d.feed.changed()
}

// Advance moves the double's clock: tokens expire, rate limits reset, delayed webhooks become due, forgotten check runs
// become stale. It takes no real time.
func (f *Faults) Advance(by time.Duration) {
	f.set(func() { f.advanced += by })
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.expireChecks()
}

func (f *Faults) offset() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.advanced
}

// Latency makes each REST call take at least this long in real time.
func (f *Faults) Latency(d time.Duration) { f.set(func() { f.latency = d }) }

// MergeableAfter sets how many answers say "mergeable": null after each change of head or base; 1 at first.
func (f *Faults) MergeableAfter(answers int) { f.set(func() { f.unknown = answers }) }

func (f *Faults) mergeableAfter() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unknown
}

// FailNext answers the next n calls whose operation contains match ("POST", "check-runs"; "" is all) with that status.
// Operations are spelled like those of Requests.
func (f *Faults) FailNext(n, status int, match string) {
	f.failing(n, match, func(time.Time) *Error {
		return &Error{Status: status, Message: http.StatusText(status)}
	})
}

// FailNoMore takes back what FailNext and the limits of the next calls asked for and has not happened.
func (f *Faults) FailNoMore() { f.set(func() { f.failures = nil }) }

// LimitNext answers the next n matching calls as when the hourly (primary) limit is used up; status is 403 or 429.
func (f *Faults) LimitNext(n, status int, reset time.Duration, match string) {
	f.failing(n, match, func(now time.Time) *Error {
		return &Error{
			Status: status, Message: "API rate limit exceeded for installation.",
			docs:   primaryLimitDocs,
			header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": itoa(now.Add(reset).Unix())},
		}
	})
}

// LimitSecondaryNext answers the next n matching calls as when a secondary limit is hit; status is 403 or 429.
func (f *Faults) LimitSecondaryNext(n, status int, retryAfter time.Duration, match string) {
	f.failing(n, match, func(time.Time) *Error { return errTooFast(status, retryAfter) })
}

// BeforeNext runs do, once, before the next matching call is looked at: what people do in just that moment. Calls of git match,
// too, as "git-upload-pack /owner/name.git".
func (f *Faults) BeforeNext(match string, do func()) {
	f.set(func() { f.befores = append(f.befores, &before{match, do}) })
}

// meet runs what BeforeNext asked for. Callers hold no lock.
func (f *Faults) meet(operation string) {
	f.mu.Lock()
	i := slices.IndexFunc(f.befores, func(b *before) bool { return strings.Contains(operation, b.match) })
	var met *before
	if i >= 0 {
		met = f.befores[i]
		f.befores = slices.Delete(f.befores, i, i+1)
	}
	f.mu.Unlock()
	if met != nil {
		met.do()
	}
}

// FailGit answers the next n calls of git with that status.
func (f *Faults) FailGit(n, status int) { f.FailNext(n, status, gitService) }

// gitService begins what git's calls are spelled like; no operation of REST has it.
const gitService = "git-upload-pack "

// nextGit is next for calls of git, which only FailGit makes fail.
func (f *Faults) nextGit(operation string) *Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.failures {
		if x.left > 0 && x.match == gitService && strings.HasPrefix(operation, gitService) {
			x.left--
			return x.answer(time.Time{})
		}
	}
	return nil
}

// PageSize cuts all lists into pages of at most n entries, whatever is asked for; 0 ends that.
func (f *Faults) PageSize(n int) { f.set(func() { f.pageSize = n }) }

// page bounds how many entries a page has.
func (f *Faults) page(per int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pageSize > 0 {
		return min(per, f.pageSize)
	}
	return per
}

func (f *Faults) failing(n int, match string, answer func(time.Time) *Error) {
	f.set(func() { f.failures = append(f.failures, &failure{left: n, match: match, answer: answer}) })
}

// next gives the fault that a call meets, if any, and how long the call must take.
func (f *Faults) next(operation string, now time.Time) (*Error, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = slices.DeleteFunc(f.failures, func(x *failure) bool { return x.left == 0 })
	for _, x := range f.failures {
		if strings.Contains(operation, x.match) {
			x.left--
			return x.answer(now), f.latency
		}
	}
	return nil, f.latency
}

// DropWebhooks loses the next n deliveries: stored as timed out, never sent.
func (f *Faults) DropWebhooks(n int) { f.set(func() { f.drop = n }) }

// ForgetWebhooks loses the next n deliveries without a trace, as in an incident: never sent, and not in the list of deliveries.
func (f *Faults) ForgetWebhooks(n int) { f.set(func() { f.forget = n }) }

// forgets reports whether the next delivery is one of those.
func (f *Faults) forgets() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forget == 0 {
		return false
	}
	f.forget--
	return true
}

// DuplicateWebhooks sends each of the next n deliveries twice.
func (f *Faults) DuplicateWebhooks(n int) { f.set(func() { f.duplicate = n }) }

// ReorderWebhooks holds the next n deliveries back until all n are there, then sends the last one first.
func (f *Faults) ReorderWebhooks(n int) { f.set(func() { f.reorder = n }) }

// DelayWebhooks sends each delivery that much later by the double's clock; see Advance.
func (f *Faults) DelayWebhooks(d time.Duration) { f.set(func() { f.delay = d }) }

// RevokeTokens takes all tokens of installations back before they expire, as GitHub does when an installation changes. New ones
// are good.
func (f *Faults) RevokeTokens() {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	maps.DeleteFunc(f.d.tokens, func(_ string, t *token) bool { return t.install != nil })
}

// RefuseTokens answers 401 to every token of an installation, also to one that was just given out, until it is called with false.
func (f *Faults) RefuseTokens(on bool) { f.set(func() { f.noTokens = on }) }

func (f *Faults) refusesTokens() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.noTokens
}

// SendAtOnce sends up to 64 deliveries at once, each as soon as it is there and in no order, as GitHub does. Off, as at first,
// each one waits for the answer to the one before.
func (f *Faults) SendAtOnce(on bool) { f.set(func() { f.together = on }) }

func (f *Faults) atOnce() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.together
}

// holding tells how many deliveries must be there before any is sent (0: no reordering) and how late each is.
func (f *Faults) holding() (reorder int, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reorder, f.delay
}

// released ends a reordering.
func (f *Faults) released() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reorder = 0
}

// fate decides what happens to the next delivery.
func (f *Faults) fate() (drop, twice bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.drop > 0 {
		f.drop--
		return true, false
	}
	if f.duplicate > 0 {
		f.duplicate--
		return false, true
	}
	return false, false
}
