// Package sandbox is a small world to try Lockkeeper in: a GitHub with one
// organization, the demo repository, three people, and a GitHub App with fresh
// keys. It runs in one process on one port and keeps everything in one
// directory.
//
// It stands outside of the flow: the server meets it as GitHub, over HTTP. It
// must not know anything of Lockkeeper: who serves the App is the caller's.
package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/page"
)

// AppID is the id of the sandbox's one GitHub App.
const AppID = 1001

// Sandbox is one world.
type Sandbox struct {
	GitHub        *github.Double
	PrivateKey    []byte // of the App, PEM
	WebhookSecret string
	URL           string // without a trailing slash
}

// Options configure a Sandbox.
type Options struct {
	Dir     string // for the repositories
	URL     string // where Handler will be reachable
	Webhook string // where the App receives webhooks; empty: they are stored as failed
	// Permissions and Events are those of the App's manifest.
	Permissions map[string]string
	Events      []string
	Checker     github.Checker  // judges all traffic; nil: nobody does
	Key         *rsa.PrivateKey // of the App; nil: a new one
}

// New makes a world with the demo repository on it.
func New(o Options) (*Sandbox, error) {
	key, err := o.Key, error(nil)
	if key == nil {
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, fmt.Errorf("making a key: %w", err)
		}
	}
	s := &Sandbox{
		PrivateKey:    pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		WebhookSecret: rand.Text() + rand.Text(),
		URL:           o.URL,
	}
	s.GitHub, err = github.New(github.Options{
		Dir: filepath.Join(o.Dir, "repositories"), BaseURL: o.URL, WebhookURL: o.Webhook, WebhookSecret: s.WebhookSecret, Checker: o.Checker,
		App: github.App{
			ID: AppID, Slug: "lockkeeper", Name: "Lockkeeper", PublicKey: &key.PublicKey,
			Permissions: o.Permissions, Events: o.Events,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the GitHub double: %w", err)
	}
	if err := s.seed(); err != nil {
		s.GitHub.Close()
		return nil, fmt.Errorf("making the demo repository: %w", err)
	}
	return s, nil
}

// Repository is the demo repository's full name.
const Repository = demo.Owner + "/" + demo.Repository

func (s *Sandbox) seed() error {
	d := s.GitHub
	if err := d.AddOrg(demo.Owner, demo.Author, demo.Reviewer); err != nil {
		return err
	}
	for team, members := range demo.Teams() {
		if err := d.AddTeam(demo.Owner, team, members...); err != nil {
			return err
		}
	}
	if err := d.AddRepository(demo.Owner, demo.Repository, demo.DefaultBranch); err != nil {
		return err
	}
	for login, role := range map[string]string{demo.Author: "write", demo.Reviewer: "write", demo.Outsider: "read"} {
		if err := d.SetPermission(Repository, login, role); err != nil {
			return err
		}
	}
	if _, err := d.Commit(Repository, demo.DefaultBranch, demo.Author, "Describe the infrastructure", files(demo.Files())); err != nil {
		return err
	}
	_, err := d.Install(Repository)
	return err
}

// Protect lets nothing into the demo's default branch without the check of that name, as
// docs/install.md has people protect theirs.
func (s *Sandbox) Protect(check string) error {
	rule := map[string]any{"type": "required_status_checks", "parameters": map[string]any{
		"required_status_checks": []map[string]any{{"context": check}}, "strict_required_status_checks_policy": false,
	}}
	if err := s.GitHub.SetBranchRules(Repository, demo.DefaultBranch, rule); err != nil {
		return fmt.Errorf("protecting the branch %s: %w", demo.DefaultBranch, err)
	}
	return nil
}

// OpenFirst opens the demo's pull request and returns its number.
func (s *Sandbox) OpenFirst() (int, error) {
	c := demo.FirstChange()
	author := s.GitHub.As(c.Author)
	if _, err := author.Push(Repository, c.Branch, c.Title, files(c.Files)); err != nil {
		return 0, fmt.Errorf("pushing the first change: %w", err)
	}
	n, err := author.OpenPull(Repository, c.Branch, demo.DefaultBranch, c.Title, c.Body, false)
	if err != nil {
		return 0, fmt.Errorf("opening the first pull request: %w", err)
	}
	return n, nil
}

// PullURL is the page of a pull request of the demo repository.
func (s *Sandbox) PullURL(number int) string {
	return fmt.Sprintf("%s/%s/pull/%d", s.URL, Repository, number)
}

// Handler serves GitHub's API, git, and the pages for people.
func (s *Sandbox) Handler() http.Handler {
	api := s.GitHub.Handler()
	pages := page.New(s.GitHub, page.Options{})
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", api)
	mux.Handle("/api/graphql", api)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if git(r) {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	return mux
}

// git recognizes git's smart HTTP requests (gitprotocol-http(5)).
func git(r *http.Request) bool {
	for _, end := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		if matched, _ := filepath.Match("/*/*"+end, r.URL.Path); matched {
			return true
		}
	}
	return false
}

func files(in map[string][]byte) github.Files {
	out := make(github.Files, len(in))
	for path, content := range in {
		if content == nil {
			out[path] = github.Deleted
			continue
		}
		out[path] = string(content)
	}
	return out
}
