package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	gh "github.com/google/go-github/v60/github"
	"github.com/gregjones/httpcache"
	"github.com/palantir/go-githubapp/githubapp"
)

// token asks for an installation token.
func (w *world) token(options *gh.InstallationTokenOptions) (*gh.InstallationToken, error) {
	id, err := w.Install(testRepo)
	must(w.t, err)
	token, _, err := w.asApp().Apps.CreateInstallationToken(ctx, id, options)
	return token, err
}

func (w *world) withToken(options *gh.InstallationTokenOptions) *gh.Client {
	w.t.Helper()
	token, err := w.token(options)
	must(w.t, err)
	return w.client(bearerTransport(token.GetToken()))
}

func TestTokensAreNarrowedButNeverWidened(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	must(t, w.AddRepository("acme", "other", "main"))
	_, err := w.Install("acme/other")
	must(t, err)
	must(t, w.AddRepository("acme", "secret", "main"))
	t.Run("one repository", func(t *testing.T) {
		c := w.withToken(&gh.InstallationTokenOptions{Repositories: []string{"infra"}})
		_, _, err := c.Repositories.Get(ctx, "acme", "infra")
		must(t, err)
		_, _, err = c.Repositories.Get(ctx, "acme", "other")
		wantStatus(t, err, 404)
	})
	t.Run("fewer permissions", func(t *testing.T) {
		c := w.withToken(&gh.InstallationTokenOptions{Permissions: &gh.InstallationPermissions{Contents: gh.String("read")}})
		_, _, err := c.Issues.CreateComment(ctx, "acme", "infra", n, &gh.IssueComment{Body: gh.String("x")})
		wantStatus(t, err, 403)
		var e *gh.ErrorResponse
		if !errors.As(err, &e) || e.Message != "Resource not accessible by integration" ||
			e.Response.Header.Get("X-Accepted-GitHub-Permissions") != "issues=write; pull_requests=write" {
			t.Errorf("refusal %v", err)
		}
	})
	t.Run("more permissions", func(t *testing.T) {
		_, err := w.token(&gh.InstallationTokenOptions{Permissions: &gh.InstallationPermissions{Administration: gh.String("write")}})
		wantStatus(t, err, 422)
	})
	t.Run("not installed", func(t *testing.T) {
		_, err := w.token(&gh.InstallationTokenOptions{Repositories: []string{"secret"}})
		wantStatus(t, err, 422)
		_, _, err = w.bot().Repositories.Get(ctx, "acme", "secret")
		wantStatus(t, err, 404)
	})
}

func TestTokensEnd(t *testing.T) {
	w := newWorld(t)
	works := func(c *gh.Client) error { _, _, err := c.Repositories.Get(ctx, "acme", "infra"); return err }
	t.Run("revoked", func(t *testing.T) {
		c := w.withToken(nil)
		must(t, works(c))
		_, err := c.Apps.RevokeInstallationToken(ctx)
		must(t, err)
		wantStatus(t, works(c), 401)
	})
	t.Run("suspended", func(t *testing.T) {
		c := w.withToken(nil)
		must(t, w.Suspend(testRepo))
		wantStatus(t, works(c), 403)
		must(t, w.Unsuspend(testRepo))
		must(t, works(c))
	})
	t.Run("expired", func(t *testing.T) {
		token, err := w.token(nil)
		must(t, err)
		if len(token.GetToken()) == 40 || !strings.HasPrefix(token.GetToken(), "ghs_") {
			t.Errorf("token of %d characters", len(token.GetToken()))
		}
		c := w.client(bearerTransport(token.GetToken()))
		w.Faults().Advance(59 * time.Minute)
		must(t, works(c))
		w.Faults().Advance(2 * time.Minute)
		wantStatus(t, works(c), 401)
	})
	t.Run("uninstalled", func(t *testing.T) {
		id, err := w.Install(testRepo)
		must(t, err)
		w.mu.Lock()
		token := &token{install: w.installs[id], permissions: allPermissions}
		w.mu.Unlock()
		w.Double.mu.Lock()
		w.tokens["ghs_x"] = token
		w.Double.mu.Unlock()
		must(t, w.Uninstall(testRepo))
		wantStatus(t, works(w.client(bearerTransport("ghs_x"))), 401)
	})
}

func TestAppTokensAreChecked(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	good := jwt.RegisteredClaims{Issuer: itoa(int64(testAppID)), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(9 * time.Minute))}
	for name, c := range map[string]struct {
		change func(*jwt.RegisteredClaims)
		method jwt.SigningMethod
		key    any
		want   int
	}{
		"good":         {func(*jwt.RegisteredClaims) {}, jwt.SigningMethodRS256, w.key, 200},
		"too long":     {func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(20 * time.Minute)) }, jwt.SigningMethodRS256, w.key, 401},
		"expired":      {func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(now.Add(-time.Second)) }, jwt.SigningMethodRS256, w.key, 401},
		"other issuer": {func(c *jwt.RegisteredClaims) { c.Issuer = "78" }, jwt.SigningMethodRS256, w.key, 401},
		"no iat":       {func(c *jwt.RegisteredClaims) { c.IssuedAt = nil }, jwt.SigningMethodRS256, w.key, 401},
		"HS256":        {func(*jwt.RegisteredClaims) {}, jwt.SigningMethodHS256, []byte("x"), 401},
		"RS512":        {func(*jwt.RegisteredClaims) {}, jwt.SigningMethodRS512, w.key, 401},
	} {
		t.Run(name, func(t *testing.T) {
			claims := good
			c.change(&claims)
			value, err := jwt.NewWithClaims(c.method, claims).SignedString(c.key)
			must(t, err)
			_, resp, err := w.client(bearerTransport(value)).Apps.Get(ctx, "")
			if resp == nil || resp.StatusCode != c.want {
				t.Errorf("want %d: %v", c.want, err)
			}
		})
	}
}

func TestWorksWithGoGithubapp(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	config := githubapp.Config{V3APIURL: w.url + "/api/v3", V4APIURL: w.url + "/api/graphql"}
	config.App.IntegrationID, config.App.PrivateKey = testAppID, w.pem()
	creator, err := githubapp.NewDefaultCachingClientCreator(config,
		githubapp.WithClientCaching(true, func() httpcache.Cache { return httpcache.NewMemoryCache() }))
	must(t, err)
	app, err := creator.NewAppClient()
	must(t, err)
	i, err := githubapp.NewInstallationsService(app).GetByRepository(ctx, "acme", "infra")
	must(t, err)
	c, err := creator.NewInstallationClient(i.ID)
	must(t, err)
	for range 2 {
		_, _, err = c.Issues.Get(ctx, "acme", "infra", n)
		must(t, err)
	}
	if got := w.Requests()["POST /app/installations/{installation_id}/access_tokens"]; got != 1 {
		t.Errorf("%d tokens were made, want 1", got)
	}
}

func TestUnchangedAnswersAreFree(t *testing.T) {
	w := newWorld(t)
	w.open()
	c := w.withToken(nil)
	_, first, err := c.Repositories.Get(ctx, "acme", "infra")
	must(t, err)
	req, err := c.NewRequest("GET", "repos/acme/infra", nil)
	must(t, err)
	req.Header.Set("If-None-Match", first.Header.Get("ETag"))
	second, err := c.Do(ctx, req, nil)
	if second == nil || second.StatusCode != 304 {
		t.Fatalf("want 304: %v", err)
	}
	if second.Rate.Remaining != first.Rate.Remaining {
		t.Errorf("a 304 cost %d calls", first.Rate.Remaining-second.Rate.Remaining)
	}
	if first.Header.Get("X-GitHub-Request-Id") == "" || first.Header.Get("X-GitHub-Media-Type") == "" {
		t.Error("headers are missing")
	}
	if got := w.Requests()["GET /repos/{owner}/{repo}"]; got != 2 {
		t.Errorf("%d calls counted, want 2", got)
	}
	w.ResetRequests()
	if got := w.Requests(); len(got) != 0 {
		t.Errorf("after the reset: %v", got)
	}
}

func TestPagesAreLinked(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	for range 5 {
		_, err := w.As("bob").Comment(testRepo, n, "x")
		must(t, err)
	}
	opts := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: 2}}
	total := 0
	for pages := 1; ; pages++ {
		list, resp, err := w.bot().Issues.ListComments(ctx, "acme", "infra", n, opts)
		must(t, err)
		total += len(list)
		if resp.NextPage == 0 {
			if pages != 3 || total != 5 {
				t.Errorf("%d comments on %d pages", total, pages)
			}
			return
		}
		if resp.LastPage != 3 {
			t.Errorf("last page %d, want 3", resp.LastPage)
		}
		opts.Page = resp.NextPage
	}
}

func TestPermissionShowsRolesTheOldWay(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission(testRepo, "root", "admin"))
	must(t, w.SetPermission(testRepo, "nobody", "none"))
	for login, want := range map[string]string{
		"alice": "write/write", "bob": "read/read", "carol": "write/maintain", "dave": "read/triage", "root": "admin/admin", "nobody": "none/none",
	} {
		p, _, err := w.bot().Repositories.GetPermissionLevel(ctx, "acme", "infra", login)
		must(t, err)
		if got := p.GetPermission() + "/" + p.User.GetRoleName(); got != want {
			t.Errorf("%s: %s, want %s", login, got, want)
		}
	}
	_, _, err := w.bot().Repositories.GetPermissionLevel(ctx, "acme", "infra", "ghost")
	wantStatus(t, err, 404)
}

func TestAuthorAssociationDescribes(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	must(t, w.SetPublic(testRepo, true))
	for login, want := range map[string]string{"alice": "MEMBER", "carol": "COLLABORATOR", "stranger": "NONE"} {
		id, err := w.As(login).Comment(testRepo, n, "x")
		must(t, err)
		c, _, err := w.bot().Issues.GetComment(ctx, "acme", "infra", id)
		must(t, err)
		if c.GetAuthorAssociation() != want {
			t.Errorf("%s: %s, want %s", login, c.GetAuthorAssociation(), want)
		}
	}
}

func TestTeamsAndOrganizations(t *testing.T) {
	w := newWorld(t)
	bot := w.bot()
	_, _, err := bot.Teams.GetTeamMembershipBySlug(ctx, "acme", "platform", "bob")
	wantStatus(t, err, 404)
	_, _, err = bot.Teams.GetTeamMembershipBySlug(ctx, "acme", "nope", "alice")
	wantStatus(t, err, 404)
}

func TestBranchRules(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetBranchRules(testRepo, "main", map[string]any{"type": "pull_request", "parameters": map[string]any{
		"required_approving_review_count": 2, "dismiss_stale_reviews_on_push": true, "require_code_owner_review": true,
		"require_last_push_approval": false, "required_review_thread_resolution": false,
	}}))
	rules, _, err := w.bot().Repositories.GetRulesForBranch(ctx, "acme", "infra", "main")
	must(t, err)
	if len(rules) != 1 || rules[0].Type != "pull_request" {
		t.Errorf("rules %v", rules)
	}
}

func TestFaultsOfTheAPI(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	c := w.withToken(nil)
	c2 := func() *gh.Client { return w.client(c.Client().Transport) } // go-github remembers limits per client
	get := func() error { _, _, err := c2().PullRequests.Get(ctx, "acme", "infra", n); return err }
	f := w.Faults()
	t.Run("5xx", func(t *testing.T) {
		f.FailNext(1, 502, "GET /repos/{owner}/{repo}/pulls")
		_, _, err := c2().Repositories.Get(ctx, "acme", "infra")
		must(t, err)
		wantStatus(t, get(), 502)
		must(t, get())
	})
	t.Run("primary limit", func(t *testing.T) {
		f.LimitNext(1, 403, time.Minute, "")
		var limited *gh.RateLimitError
		if err := get(); !errors.As(err, &limited) || limited.Rate.Remaining != 0 {
			t.Errorf("error %v", err)
		}
		f.LimitNext(1, 429, time.Minute, "")
		var plain *gh.ErrorResponse
		if err := get(); !errors.As(err, &plain) || plain.Response.Header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("secondary limit", func(t *testing.T) {
		f.LimitSecondaryNext(1, 403, 30*time.Second, "")
		var abuse *gh.AbuseRateLimitError
		if err := get(); !errors.As(err, &abuse) || abuse.GetRetryAfter() != 30*time.Second {
			t.Errorf("error %v", err)
		}
	})
	t.Run("used up", func(t *testing.T) {
		f.RateLimit(1)
		wantStatus(t, get(), 403)
		f.Advance(time.Hour)
		_, _, err := w.withToken(nil).PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		f.RateLimit(0)
		_, resp, err := w.withToken(nil).PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		if resp.Rate.Remaining != resp.Rate.Limit {
			t.Errorf("without a limit %d of %d calls remain", resp.Rate.Remaining, resp.Rate.Limit)
		}
	})
}

func TestPathsAreNeverFiles(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.checkOff()
	value := w.As("alice").Token()
	for _, path := range []string{
		"/api/v3/repos/acme/..%2f..%2fetc/contents/passwd", "/api/v3/repos/acme/infra/contents/..%2f..%2fconfig",
		"/api/v3/repos/acme/infra/git/blobs/..%2fHEAD", "/acme/infra.git/../../etc/passwd", "/acme/infra.git/config",
		"/api/v3/repos/acme/infra/git/ref/..%2fHEAD",
	} {
		req, err := http.NewRequest("GET", w.url+path, nil)
		must(t, err)
		req.URL.RawPath = path
		req.Header.Set("Authorization", "Bearer "+value)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
	for _, name := range []string{"..", ".", "a/b", "", "a b", "x.git"} {
		if err := w.AddRepository("acme", name, "main"); err == nil {
			t.Errorf("repository %q was created", name)
		}
	}
	if _, err := w.Commit(testRepo, "main", "alice", "m", Files{"../x": "y"}); err == nil {
		t.Error("a path outside the repository was committed")
	}
}

func TestRenamedRepositoriesRedirect(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	bot := w.bot()
	must(t, w.RenameRepository(testRepo, "platform"))
	w.checkOff()
	repo, _, err := bot.Repositories.Get(ctx, "acme", "infra")
	must(t, err)
	if repo.GetFullName() != "acme/platform" {
		t.Errorf("the old name leads to %s", repo.GetFullName())
	}
	c, _, err := bot.Issues.CreateComment(ctx, "acme", "infra", n, &gh.IssueComment{Body: gh.String("still here")})
	must(t, err)
	if !strings.Contains(c.GetURL(), "/acme/platform/") {
		t.Errorf("the comment is at %s", c.GetURL())
	}
	dir := t.TempDir()
	mustGit(t, dir, "init", "--quiet")
	mustGit(t, dir, "fetch", "--quiet", w.remote("acme/platform", w.As("bob").Token()), "main")
	req, err := http.NewRequest("GET", w.url+"/api/v3/repos/acme/infra", nil)
	must(t, err)
	resp, err := bearerTransport(w.As("stranger").Token()).RoundTrip(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("a stranger learned of the rename: %d", resp.StatusCode)
	}
}

func TestTokensThatGitHubTakesBack(t *testing.T) {
	w := newWorld(t)
	refused := func(client *gh.Client) bool {
		t.Helper()
		_, resp, err := client.Repositories.Get(t.Context(), "acme", "infra")
		return err != nil && resp != nil && resp.StatusCode == http.StatusUnauthorized
	}
	old := w.withToken(nil)
	if refused(old) {
		t.Error("a fresh token is refused")
	}
	w.Faults().RevokeTokens()
	if fresh := w.withToken(nil); !refused(old) || refused(fresh) {
		t.Error("the old token must be refused, and a new one taken")
	}
	w.Faults().RefuseTokens(true)
	if fresh := w.withToken(nil); !refused(fresh) {
		t.Error("a new token is taken")
	}
	w.Faults().RefuseTokens(false)
	if refused(w.withToken(nil)) {
		t.Error("a new token is refused after that")
	}
}
