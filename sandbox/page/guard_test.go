package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", pullAt, pullAt + "/files", "/nobody", "/-/assets/page.js", "/-/assets/page.css"} {
		response, err := w.client.Get(w.url + path)
		must(t, err)
		response.Body.Close()
		policy := response.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %q lacks %q", path, policy, want)
			}
		}
	}
}

func TestT49OtherSitesCannotPost(t *testing.T) {
	w := newWorld(t)
	headers := map[string]http.Header{
		"a browser that says so":    {"Sec-Fetch-Site": {"cross-site"}},
		"a neighbour on this host":  {"Sec-Fetch-Site": {"same-site"}},
		"an older browser's origin": {"Origin": {"https://evil.test"}},
	}
	for name, header := range headers {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{pullAt + "/comment", pullAt + "/edit", pullAt + "/merge", "/-/person"} {
				request, err := http.NewRequest(http.MethodPost, w.url+path, strings.NewReader("body=/apply&login=rui-reviewer"))
				must(t, err)
				request.Header = header.Clone()
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				response, err := w.client.Do(request)
				must(t, err)
				response.Body.Close()
				if response.StatusCode != http.StatusForbidden {
					t.Errorf("%s: status %d, want 403", path, response.StatusCode)
				}
			}
		})
	}
	if moments := len(w.pull().Timeline); moments != 1 {
		t.Errorf("%d moments, want only the opening", moments)
	}
}

func TestT49OtherHostNamesAreRefused(t *testing.T) {
	w := newWorld(t)
	request, err := http.NewRequest(http.MethodGet, w.url+pullAt, nil)
	must(t, err)
	request.Host = "rebound.evil.test"
	response, err := w.client.Do(request)
	must(t, err)
	response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %d, want 421", response.StatusCode)
	}
	tests := map[string]bool{
		"localhost:8080": true, "127.0.0.1": true, "[::1]:80": true, "LOCALHOST": true, "devbox:80": true,
		"localhost.evil.test": false, "10.0.0.1:80": false, "": false, "127.0.0.1.evil.test:80": false,
	}
	for host, want := range tests {
		if got := allowedHost(host, []string{"devbox"}); got != want {
			t.Errorf("allowedHost(%q) = %t, want %t", host, got, want)
		}
	}
}

// TestT49HostileTextStaysText puts markup wherever people or the App can write.
func TestT49HostileTextStaysText(t *testing.T) {
	corpus := []string{
		`<script>alert(1)</script>`, `<img src=//evil.test/x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onmouseover='alert(1)`,
		`</textarea><script>alert(1)</script>`, `</title><script>alert(1)</script>`, `{{.You}}`, `javascript:alert(1)`,
	}
	w := newWorld(t)
	must(t, w.SetPublic(repo, true))
	for i, attack := range corpus {
		must(t, w.As(demo.Author).EditTitle(repo, 1, attack, attack))
		_, err := w.As(attack).Comment(repo, 1, attack)
		must(t, err)
		_, err = w.As(demo.Reviewer).Review(repo, 1, "COMMENT", attack)
		must(t, err)
		path := fmt.Sprintf("%d %s.tf", i, strings.ReplaceAll(attack, "/", "∕"))
		_, err = w.As(demo.Author).Push(repo, branch, attack, github.Files{path: attack + "\n"})
		must(t, err)
		w.check(gh.CreateCheckRunOptions{
			Name: attack, DetailsURL: gh.String("javascript:alert(1)"), Status: gh.String("completed"), Conclusion: gh.String("neutral"),
			Output:  &gh.CheckRunOutput{Title: gh.String(attack), Summary: gh.String(attack), Text: gh.String(attack)},
			Actions: []*gh.CheckRunAction{{Label: attack[:min(20, len(attack))], Description: attack[:min(40, len(attack))], Identifier: attack[:min(20, len(attack))]}},
		})
		for _, tab := range []string{"", "/commits", "/checks", "/files", "/edit?path=" + url.QueryEscape(path), "?comment=" + url.QueryEscape(attack)} {
			_, page := w.get(pullAt + tab)
			checkHarmless(t, page, attack+" on "+tab)
		}
		_, page := w.get("/")
		checkHarmless(t, page, attack+" on /")
		_, page = w.get("/" + url.PathEscape(attack))
		checkHarmless(t, page, attack+" in the path")
	}
}

// checkHarmless judges a page as a browser parses it: the only script, style
// and image are its own, and nothing is inline.
func checkHarmless(t *testing.T, page *html.Node, where string) {
	t.Helper()
	own := []string{"/-/assets/page.js", "/-/assets/icon.svg"}
	for node := range page.Descendants() {
		if slices.Contains([]string{"style", "iframe", "object", "embed", "base", "video", "audio"}, node.Data) && node.Type == html.ElementNode {
			t.Errorf("%s: element <%s>", where, node.Data)
		}
		if node.Data == "script" && attribute(node, "src") != own[0] {
			t.Errorf("%s: a script of somebody else", where)
		}
		for _, a := range node.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style":
				t.Errorf("%s: attribute %s=%q", where, a.Key, a.Val)
			case a.Key == "src" && !slices.Contains(own, a.Val):
				t.Errorf("%s: loads %q", where, a.Val)
			case a.Key == "href" && strings.HasPrefix(strings.TrimSpace(strings.ToLower(a.Val)), "javascript:"):
				t.Errorf("%s: link %q", where, a.Val)
			}
		}
	}
}
