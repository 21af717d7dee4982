package github

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// token is a credential: of an installation, or of a person.
type token struct {
	install     *installation // nil for a person's token
	person      *account
	expires     time.Time      // zero: never
	repos       map[int64]bool // nil: all of the installation
	permissions map[string]string
}

// randomText gives n random bytes as text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// Token gives a personal access token of this person, for REST and for git over HTTP.
func (p *Person) Token() string {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	value := "ghp_" + randomText(27)
	p.d.tokens[value] = &token{person: p.d.account(p.login)}
	return value
}
