package github

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one operation of the REST API.
type route struct {
	operation string // method and path as GitHub documents it, e.g. "GET /repos/{owner}/{repo}"; {path...} takes the rest
	needs     access
	handle    func(*call) (answer, error)
	bare      bool // says no with a 404 that has no body

	method   string
	segments []string
}

// router finds routes by path. net/http's own cannot hold both /issues/comments/{id} and /issues/{number}/comments.
type router struct{ routes []route }

func newRouter(routes []route) *router {
	for i := range routes {
		r := &routes[i]
		path := ""
		r.method, path, _ = strings.Cut(r.operation, " ")
		r.segments = strings.Split(strings.TrimPrefix(path, "/"), "/")
		r.operation = strings.ReplaceAll(r.operation, "...}", "}")
	}
	slices.SortStableFunc(routes, func(a, b route) int { return b.literals() - a.literals() })
	return &router{routes: routes}
}

func (r *route) literals() int {
	n := 0
	for _, s := range r.segments {
		if !strings.HasPrefix(s, "{") {
			n++
		}
	}
	return n
}

// find gives the route of a request and the values of its path; nil if there is none.
func (rt *router) find(r *http.Request) (*route, map[string]string) {
	path := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), apiPrefix), "/")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = plain
		}
	}
	for i := range rt.routes {
		x := &rt.routes[i]
		if x.method != r.Method {
			continue
		}
		if values, ok := x.match(segments); ok {
			return x, values
		}
	}
	return nil, nil
}

func (r *route) match(segments []string) (map[string]string, bool) {
	last := r.segments[len(r.segments)-1]
	tail, takesRest := strings.CutSuffix(last, "...}")
	fixed := r.segments
	if takesRest {
		fixed = fixed[:len(fixed)-1]
	}
	if len(segments) < len(fixed) || !takesRest && len(segments) != len(fixed) {
		return nil, false
	}
	for i, want := range fixed { // most routes differ by a word: look before allocating
		if want[0] != '{' && want != segments[i] {
			return nil, false
		}
	}
	values := map[string]string{}
	for i, want := range fixed {
		if want[0] == '{' {
			values[want[1:len(want)-1]] = segments[i]
		}
	}
	if takesRest {
		values[tail[1:]] = strings.Join(segments[len(fixed):], "/")
	}
	return values, true
}
