package openapi

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// Checker watches traffic and reports what contradicts the description. It
// never changes a message.
type Checker struct {
	spec *Spec

	reporting sync.Mutex // held while report runs
	report    func(violation string)

	mu   sync.Mutex // guards seen
	seen map[string]int
}

// NewChecker returns a Checker that calls report once for every violation, a
// sentence that begins with route, request, response or webhook. Calls come
// from the goroutines that serve requests, one at a time; report must not send
// requests through the Checker.
func NewChecker(spec *Spec, report func(violation string)) *Checker {
	return &Checker{spec: spec, report: report, seen: map[string]int{}}
}

// Seen counts the answers per operation and status, such as
// "issues/create-comment 201". The map is the caller's to keep.
func (c *Checker) Seen() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

// Wrap passes every request on to next and checks those whose path is prefix
// or lies below it, with their answers. Such requests and answers are held in
// memory whole, so next cannot stream or hijack below prefix. A request is a
// violation even where next refuses it: a client should not have sent it.
func (c *Checker) Wrap(prefix string, next http.Handler) http.Handler {
	prefix = strings.TrimSuffix(prefix, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, below := strings.CutPrefix(r.URL.EscapedPath(), prefix)
		if !below || path != "" && path[0] != '/' {
			next.ServeHTTP(w, r)
			return
		}
		if path == "" {
			path = "/"
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the request body ended early", http.StatusBadRequest)
			return
		}
		query, accept, method := r.URL.Query(), r.Header.Get("Accept"), r.Method
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &recorder{header: http.Header{}, code: http.StatusOK}
		next.ServeHTTP(answer, r)

		operation := c.spec.find(method, path)
		if operation == nil {
			c.violation("route %s %s: no such operation in operations.txt", method, path)
		} else {
			c.count(operation.id, answer.code)
			for _, wrong := range c.spec.request(operation, query, body) {
				c.violation("request %s %s %s: %s", operation.id, method, path, wrong)
			}
			c.checkAnswer(operation, method, accept, body, answer)
		}
		answer.writeTo(w)
	})
}

func (c *Checker) checkAnswer(o *operation, method, accept string, sent []byte, answer *recorder) {
	if refusal := mustRefuse(o.id, sent); refusal != "" && answer.code < 300 {
		c.violation("response %s %d: accepted what GitHub refuses with 422: %s", o.id, answer.code, refusal)
	}
	if method == http.MethodHead {
		return
	}
	for _, wrong := range c.spec.response(o, accept, answer.code, answer.header, answer.body.Bytes()) {
		c.violation("response %s %d: %s", o.id, answer.code, wrong)
	}
}

// Webhook checks one payload that the double sends; event is the value of the
// X-GitHub-Event header.
func (c *Checker) Webhook(event string, payload []byte) {
	for _, wrong := range c.spec.webhook(event, payload) {
		c.violation("webhook %s: %s", event, wrong)
	}
}

func (c *Checker) count(operationID string, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[fmt.Sprintf("%s %d", operationID, code)]++
}

func (c *Checker) violation(format string, args ...any) {
	c.reporting.Lock()
	defer c.reporting.Unlock()
	c.report(fmt.Sprintf(format, args...))
}

// recorder is a ResponseWriter that keeps the answer until it was checked.
type recorder struct {
	header  http.Header
	code    int
	written bool
	body    bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	if !r.written {
		r.code, r.written = code, true
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recorder) writeTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.code)
	_, _ = w.Write(r.body.Bytes()) // an error means that the client has gone
}
