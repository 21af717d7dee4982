package page

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// contentPolicy lets a page load its own style, script and icon, talk to its
// own server, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard keeps other sites out. Whoever posts here pushes commits that Terraform
// then runs on this machine, so another site in the same browser must neither
// post (cross-origin protection) nor read by pointing its own name at this
// address (the host check).
func guard(hosts []string, next http.Handler) http.Handler {
	refuse := func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "This form was sent by another site. Open the sandbox's own page and try there.", http.StatusForbidden)
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(refuse))
	protected := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		if !allowedHost(r.Host, hosts) {
			http.Error(w, "The sandbox answers to localhost only. Open it as http://localhost with its port.", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		protected.ServeHTTP(w, r)
	})
}

// allowedHost reports whether a Host header names this machine's loopback or
// one of the extra names.
func allowedHost(host string, extra []string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" || slices.Contains(extra, name) {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}
