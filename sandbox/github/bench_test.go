package github

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkREST measures the handler alone, as the measured path of a plan meets it.
func BenchmarkREST(b *testing.B) {
	w := newWorld(b)
	n := w.open()
	w.checker = nil
	handler := w.routes() // without the checker
	w.Faults().RateLimit(0)
	token, err := w.token(nil)
	must(b, err)
	head := w.view(n).HeadSHA
	for name, c := range map[string]struct{ method, path, body string }{
		"pull":       {"GET", fmt.Sprintf("/pulls/%d", n), ""},
		"files":      {"GET", fmt.Sprintf("/pulls/%d/files", n), ""},
		"reviews":    {"GET", fmt.Sprintf("/pulls/%d/reviews", n), ""},
		"compare":    {"GET", "/compare/main..." + head, ""},
		"permission": {"GET", "/collaborators/alice/permission", ""},
		"contents":   {"GET", "/contents/a/main.tf", ""},
		"check":      {"POST", "/check-runs", `{"name": "plan", "status": "in_progress", "head_sha": "` + head + `"}`},
		"reaction":   {"POST", "/issues/comments/1/reactions", `{"content": "eyes"}`},
		"comment":    {"POST", fmt.Sprintf("/issues/%d/comments", n), `{"body": "hello"}`},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				req := httptest.NewRequest(c.method, "/api/v3/repos/acme/infra"+c.path, strings.NewReader(c.body))
				req.Header.Set("Authorization", "Bearer "+token.GetToken())
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, req)
				if answer.Code >= http.StatusInternalServerError {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}

// BenchmarkPush measures one commit with all that follows: refs, facts, webhooks.
func BenchmarkPush(b *testing.B) {
	for name, files := range map[string]int{"one file": 1, "10,000 files": 10000} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.open()
			i := 0
			for b.Loop() {
				i++
				changes := manyFiles(files)
				changes["n"] = fmt.Sprint(i)
				if _, err := w.As("alice").Push(testRepo, "feature", "m", changes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
