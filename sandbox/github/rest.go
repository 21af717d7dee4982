package github

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const apiPrefix = "/api/v3"

// call is one REST request on its way to an answer.
type call struct {
	d      *Double
	r      *http.Request
	values map[string]string // of the path
	by     actor
	token  *token // nil for the App itself
	repo   *repository
	free   bool // does not count against the rate limit
}

// answer is what a handler gives back. A nil body sends none.
type answer struct {
	status int
	body   any
	header map[string]string
	plain  []byte // instead of body: bytes that are not JSON
}

func ok(body any) (answer, error)      { return answer{status: http.StatusOK, body: body}, nil }
func created(body any) (answer, error) { return answer{status: http.StatusCreated, body: body}, nil }
func noContent() (answer, error)       { return answer{status: http.StatusNoContent}, nil }

// restRoutes are all operations of the REST API.
func (d *Double) restRoutes() []route {
	return slices.Concat(
		d.appRoutes(), d.installationRoutes(), d.deliveryRoutes(), d.repositoryRoutes(), d.pullRoutes(), d.issueRoutes(),
		d.commentRoutes(), d.reviewRoutes(), d.checkRoutes(), d.suiteRoutes(), d.commitRoutes(), d.contentRoutes(), d.gitRoutes(),
		d.refRoutes(), d.deploymentRoutes(), d.accountRoutes(), d.activityRoutes(),
	)
}

// routes puts the REST API and git on one port.
func (d *Double) routes() http.Handler {
	rt := newRouter(d.restRoutes())
	var api http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serveREST(rt, w, r) })
	if d.checker != nil {
		api = d.checker.Wrap(apiPrefix, api)
	}
	git := d.gitHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == apiPrefix || strings.HasPrefix(r.URL.Path, apiPrefix+"/") {
			api.ServeHTTP(w, d.byName(r))
			return
		}
		if r.URL.Path == graphqlPath && r.Method == http.MethodPost {
			d.serveGraphQL(w, r)
			return
		}
		git.ServeHTTP(w, r)
	})
}

func (d *Double) serveREST(rt *router, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	route, values := rt.find(r)
	c := &call{d: d, r: r, values: values}
	var a answer
	var err error = errNotFound()
	operation := r.Method + " " + strings.TrimPrefix(r.URL.Path, apiPrefix)
	if route != nil {
		operation = route.operation
	}
	d.mu.Lock()
	d.counts[operation]++
	d.mu.Unlock()
	d.faults.meet(operation)
	fault, latency := d.faults.next(operation, d.now())
	switch {
	case fault != nil:
		err = fault
	case route != nil:
		if err = c.admit(route.needs); err == nil {
			err = d.writing(c)
		}
		if err == nil {
			a, err = route.handle(c)
		}
	}
	d.limited(c, err)
	if rest := latency - time.Since(start); rest > 0 {
		select {
		case <-time.After(rest):
		case <-r.Context().Done():
		}
	}
	if err != nil {
		a = c.refusal(err)
	}
	if route != nil && route.bare && a.status == http.StatusNotFound {
		a.body = nil
	}
	c.write(w, a)
}

// refusal turns an error into GitHub's answer.
func (c *call) refusal(err error) answer {
	var e *Error
	if !errors.As(err, &e) {
		if errors.Is(err, errNoObject) {
			e = errNotFound()
		} else {
			e = &Error{Status: http.StatusInternalServerError, Message: "Server Error: " + err.Error()}
		}
	}
	body := object{"message": e.Message, "documentation_url": "https://docs.github.com/rest" + e.docs, "status": strconv.Itoa(e.Status)}
	if e.Errors != nil {
		body["errors"] = e.Errors
	}
	return answer{status: e.Status, body: body, header: e.header}
}

func (c *call) write(w http.ResponseWriter, a answer) {
	h := w.Header()
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	h.Set("X-GitHub-Request-Id", strings.ToUpper(randomText(12)))
	h.Set("Vary", "Accept, Authorization, Cookie, Accept-Encoding")
	body := a.plain
	if a.body != nil {
		body = render(a.body)
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	unchanged := false
	if c.r.Method == http.MethodGet && a.status == http.StatusOK {
		sum := sha256.Sum256(body)
		tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
		unchanged = c.r.Header.Get("If-None-Match") == tag
	}
	c.limitHeaders(h, !unchanged && !c.free)
	for k, v := range a.header {
		h.Set(k, v)
	}
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the client went away: nobody to tell
}

// decode reads the JSON body into v; an absent body leaves v as it is.
func (c *call) decode(v any) error {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 64<<20))
	if err != nil {
		return &Error{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		if typed := (*json.UnmarshalTypeError)(nil); errors.As(err, &typed) {
			return errUnprocessable("Invalid request.\n\nFor 'properties/%s', %s is not a %s.", typed.Field, typed.Value, typed.Type)
		}
		return &Error{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
	}
	return nil
}

// number reads an integer of the path; anything else is not found.
func (c *call) number(name string) (int64, error) {
	n, err := strconv.ParseInt(c.values[name], 10, 64)
	if err != nil {
		return 0, errNotFound()
	}
	return n, nil
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// page is one page of a list; see https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api.
type page struct {
	from, to int
	header   map[string]string
}

// paginate cuts a list of total items. Callers need not hold d.mu.
func (c *call) paginate(total int) page { return c.paginateBy(total, 30, 100) }

// paginateBy is paginate with another page size and its maximum.
func (c *call) paginateBy(total, per, maximum int) page {
	at := 1
	if n, err := strconv.Atoi(c.query("per_page")); err == nil && n > 0 {
		per = min(n, maximum)
	}
	if n, err := strconv.Atoi(c.query("page")); err == nil && n > 0 {
		at = n
	}
	per = c.d.faults.page(per)
	p := page{from: min((at-1)*per, total), to: min(at*per, total)}
	last := (total + per - 1) / per
	var links []string
	link := func(rel string, n int) {
		q := c.r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.d.publicURL(), c.r.URL.EscapedPath(), q.Encode(), rel))
	}
	if at > 1 {
		link("prev", at-1)
	}
	if at < last {
		link("next", at+1)
		link("last", last)
	}
	if at > 1 {
		link("first", 1)
	}
	if links != nil {
		p.header = map[string]string{"Link": strings.Join(links, ", ")}
	}
	return p
}

func (d *Double) publicURL() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.baseURL
}

// listed answers with one page of items, rendered by each; it holds d.mu meanwhile.
func listed[T any](c *call, items []T, each func(T) object) (answer, error) {
	p := c.paginate(len(items))
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	out := make([]object, 0, p.to-p.from)
	for _, x := range items[p.from:p.to] {
		out = append(out, each(x))
	}
	return answer{status: http.StatusOK, body: out, header: p.header}, nil
}

// counted is listed inside an object with total_count.
func counted[T any](c *call, name string, items []T, each func(T) object) (answer, error) {
	a, err := listed(c, items, each)
	a.body = object{"total_count": len(items), name: a.body}
	return a, err
}

// Requests gives the number of REST calls per operation ("GET /repos/{owner}/{repo}/pulls/{pull_number}") since the start
// or the last ResetRequests, refused and conditional ones included.
func (d *Double) Requests() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[string]int{}
	for k, n := range d.counts {
		counts[k] = n
	}
	return counts
}

// ResetRequests starts counting anew.
func (d *Double) ResetRequests() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts = map[string]int{}
}
