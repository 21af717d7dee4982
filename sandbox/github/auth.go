package github

import (
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// access is what an operation asks of its caller.
type access struct {
	app         bool   // the App itself, by JSON web token
	public      bool   // anybody with credentials of any kind
	anonymous   bool   // anybody at all
	permissions string // alternatives as X-Accepted-GitHub-Permissions spells them: "issues=write; pull_requests=write"
	role        string // what a person needs instead; default: read to read, write to write
}

var (
	asApp     = access{app: true}
	asAnybody = access{public: true}
)

// needs is access by installation token with one of these permissions.
func needs(permissions string) access { return access{permissions: permissions} }

// needsRole is needs with the role that a person must have.
func needsRole(permissions, role string) access { return access{permissions: permissions, role: role} }

var levels = map[string]int{"": 0, "read": 1, "write": 2, "admin": 3}

// admit authenticates a call and finds the repository that it is about.
func (c *call) admit(a access) error {
	if a.anonymous {
		return nil
	}
	if a.app {
		return c.d.verifyJWT(bearer(c.r))
	}
	if err := c.authenticate(a.public); err != nil {
		return err
	}
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.values["owner"] != "" {
		c.repo = c.d.repo(c.values["owner"] + "/" + c.values["repo"])
		if c.repo == nil {
			if moved := c.redirect(); moved != nil {
				return moved
			}
		}
		if c.repo == nil || !c.sees(c.repo) {
			return errNotFound()
		}
	}
	return c.permit(a)
}

// authenticate finds out who calls.
func (c *call) authenticate(jwtToo bool) error {
	value := bearer(c.r)
	if value == "" {
		return &Error{Status: http.StatusUnauthorized, Message: "Requires authentication"}
	}
	if jwtToo && strings.Count(value, ".") == 2 {
		return c.d.verifyJWT(value)
	}
	t, err := c.d.useToken(value)
	if err != nil {
		return err
	}
	c.token = t
	c.by = c.d.tokenActor(t)
	return c.d.spend()
}

// useToken finds a valid token.
func (d *Double) useToken(value string) (*token, error) {
	refused := d.faults.refusesTokens()
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tokens[value]
	if t == nil || t.install != nil && refused || !t.expires.IsZero() && !d.now().Before(t.expires) {
		return nil, &Error{Status: http.StatusUnauthorized, Message: "Bad credentials"}
	}
	if t.install != nil && d.installs[t.install.id] == nil {
		return nil, &Error{Status: http.StatusUnauthorized, Message: "Bad credentials"}
	}
	if t.install != nil && !t.install.suspendedAt.IsZero() {
		return nil, errForbidden("This installation has been suspended")
	}
	return t, nil
}

func (d *Double) tokenActor(t *token) actor {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.person != nil {
		return actor{account: t.person}
	}
	return actor{account: d.account(d.app.Slug + "[bot]"), app: true}
}

// sees reports whether the caller may know that a repository exists. Callers hold d.mu.
func (c *call) sees(r *repository) bool {
	switch {
	case !r.private:
		return true
	case c.token == nil:
		return false
	case c.token.person != nil:
		return r.may(c.token.person.login, "read")
	}
	return c.token.covers(r)
}

func (t *token) covers(r *repository) bool {
	return t.install != nil && r.install == t.install && (t.repos == nil || t.repos[r.id])
}

// permit checks the permissions. Callers hold d.mu.
func (c *call) permit(a access) error {
	if a.permissions == "" {
		return nil
	}
	alternatives := strings.Split(a.permissions, "; ")
	for _, alternative := range alternatives {
		name, level, _ := strings.Cut(alternative, "=")
		if c.token.allows(c.repo, name, level, a.role) {
			return nil
		}
	}
	if c.token.person != nil {
		if strings.HasPrefix(a.permissions, "checks=write") {
			return errForbidden("You must authenticate via a GitHub App.")
		}
		return errForbidden("Must have push access to repository")
	}
	e := errForbidden("Resource not accessible by integration")
	e.header = map[string]string{"X-Accepted-GitHub-Permissions": a.permissions}
	return e
}

// allows reports whether a token has a permission; for persons, whether their role has it.
func (t *token) allows(r *repository, name, level, role string) bool {
	if t.person == nil {
		if r != nil && !t.covers(r) { // a public repository without the App: only its metadata
			return level == "read"
		}
		return levels[t.permissions[name]] >= levels[level]
	}
	if name == "checks" && level == "write" {
		return false
	}
	if role == "" {
		role = level
	}
	return r == nil || r.may(t.person.login, role)
}

// bearer gives the credential of a request.
func bearer(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "token") {
		return value
	}
	return ""
}

// maxJWT is the longest life of an App's JSON web token; a minute of clock drift is forgiven.
const maxJWT = 10*time.Minute + time.Minute

// verifyJWT checks the App's own credential by the real clock, which made it, not by the one that Faults.Advance moves; see
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app.
func (d *Double) verifyJWT(value string) error {
	bad := func(message string) error { return &Error{Status: http.StatusUnauthorized, Message: message} }
	d.mu.Lock()
	app, clientID := d.app, d.clientID()
	d.mu.Unlock()
	claims := &jwt.RegisteredClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(value, claims, func(*jwt.Token) (any, error) { return app.PublicKey, nil })
	now := d.clock()
	switch {
	case err != nil || app.PublicKey == nil:
		return bad("A JSON web token could not be decoded")
	case claims.Issuer != itoa(app.ID) && claims.Issuer != clientID:
		return bad("'Issuer' claim ('iss') must be an Integer")
	case claims.ExpiresAt == nil || !now.Before(claims.ExpiresAt.Time):
		return bad("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.Sub(now) > maxJWT:
		return bad("'Expiration time' claim ('exp') is too far in the future")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now.Add(time.Minute)):
		return bad("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return nil
}
