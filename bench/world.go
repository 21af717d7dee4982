package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const (
	repository = "acme/infra"
	appID      = 1001
	secret     = "0123456789abcdef0123456789abcdef"
	person     = "ana"
)

type bencher struct {
	binary string // of Lockkeeper
	dir    string // for everything that is written
	rounds int
	worlds int
}

// world is a GitHub double in this process and a Lockkeeper that serves it.
type world struct {
	github *github.Double
	server *exec.Cmd
	url    string // of the double
	dir    string // for everything of this world
	hook   string // where Lockkeeper takes deliveries
	stop   func()
	plans  int    // asked for so far
	states string // directory of Terraform's states
}

// start makes a repository with these files on main and a Lockkeeper.
func (b *bencher) start(ctx context.Context, files github.Files) (*world, error) {
	return b.startWith(ctx, func(d *github.Double, _ string) error { return seed(d, files) })
}

// startWith is start with another way to fill the repository.
func (b *bencher) startWith(ctx context.Context, fill func(d *github.Double, url string) error) (*world, error) {
	b.worlds++
	dir := filepath.Join(b.dir, fmt.Sprintf("world-%d", b.worlds))
	if err := os.MkdirAll(filepath.Join(dir, "states"), 0o700); err != nil { // which the config gives to jobs
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	d, err := github.New(github.Options{
		Dir: filepath.Join(dir, "repositories"), BaseURL: srv.URL, WebhookSecret: secret,
		App: github.App{ID: appID, Slug: "lockkeeper", Name: "Lockkeeper", PublicKey: &key.PublicKey,
			Permissions: map[string]string{"checks": "write", "contents": "read", "issues": "write", "metadata": "read", "pull_requests": "write"},
			Events:      []string{"check_run", "check_suite", "issue_comment", "pull_request"}},
	})
	if err != nil {
		return nil, err
	}
	mux.Handle("/", d.Handler())
	w := &world{github: d, url: srv.URL, dir: dir, states: filepath.Join(dir, "states")}
	if err := fill(d, srv.URL); err != nil {
		return nil, err
	}
	if err := w.serve(ctx, b.binary, srv.URL, key); err != nil {
		return nil, err
	}
	d.SetWebhook(w.hook, secret)
	w.stop = func() {
		_ = w.server.Process.Signal(syscall.SIGTERM)
		_ = w.server.Wait()
		d.Close()
		srv.Close()
	}
	return w, nil
}

func seed(d *github.Double, files github.Files) error {
	if err := empty(d); err != nil {
		return err
	}
	if _, err := d.Commit(repository, "main", person, "base", files); err != nil {
		return err
	}
	_, err := d.Install(repository)
	return err
}

// empty makes the repository, without a commit.
func empty(d *github.Double) error {
	if err := d.AddOrg("acme", person); err != nil {
		return err
	}
	if err := d.AddRepository("acme", "infra", "main"); err != nil {
		return err
	}
	return d.SetPermission(repository, person, "write")
}

// serve starts Lockkeeper and waits until it says where it listens.
func (w *world) serve(ctx context.Context, binary, url string, key *rsa.PrivateKey) error {
	in := func(name string) string { return filepath.Join(w.dir, name) }
	config := map[string]any{
		"listen": "127.0.0.1:0", "data_dir": in("data"), "log": map[string]string{"level": "info", "format": "json"},
		"github": map[string]any{"url": url, "api_url": url + "/api/v3/", "app_id": appID,
			"private_key_file": in("key.pem"), "webhook_secret_file": in("secret"),
			"writes_per_minute": 1_000_000, "writes_per_hour": 1_000_000}, // or GitHub's limits would be measured
		"default_environment": "dev",
		"environments": map[string]any{"dev": map[string]any{
			"backend_config": map[string]string{"path": in("states/{project}.tfstate")},
			"directories":    map[string]any{"write": []string{in("states")}},
			"policy":         map[string]any{"approvals": 0}, // there is nobody else
		}},
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{"config.yml": text, "key.pem": private, "secret": []byte(secret)} {
		if err := os.WriteFile(in(name), content, 0o600); err != nil {
			return err
		}
	}
	w.server = exec.CommandContext(ctx, binary, "serve", "--config", in("config.yml"))
	logs, err := w.server.StderrPipe()
	if err != nil {
		return err
	}
	if err := w.server.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), `"address":"`); ok {
			address, _, _ := strings.Cut(rest, `"`)
			w.hook = "http://" + address + "/api/github/hook"
			go func() {
				for lines.Scan() {
					if !strings.Contains(lines.Text(), `"level":"info"`) {
						fmt.Fprintln(os.Stderr, lines.Text())
					}
				}
			}()
			return nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	return errors.New("the server ended before it listened")
}

// open opens a pull request with these changes and waits for its plan.
func (w *world) open(ctx context.Context, files github.Files) (int, error) {
	return w.openOn(ctx, "topic", files)
}

// openOn is open from a branch of that name.
func (w *world) openOn(ctx context.Context, branch string, files github.Files) (int, error) {
	p := w.github.As(person)
	if _, err := p.Push(repository, branch, "change", files); err != nil {
		return 0, err
	}
	n, err := p.OpenPull(repository, branch, "main", "change", "", false)
	if err != nil {
		return 0, err
	}
	return n, w.await(ctx, n, github.CommentView{})
}

// plan comments /plan and returns how long it took until the comment was
// brought up to date. The time begins before the comment is made. The comment
// says what it answers, so two ways to ask for the same make it differ.
func (w *world) plan(ctx context.Context, number int) (time.Duration, error) {
	before := w.comment(number)
	line := [...]string{"/plan", "/plan *"}[w.plans%2]
	w.plans++
	began := time.Now()
	if _, err := w.github.As(person).Comment(repository, number, line); err != nil {
		return 0, err
	}
	if err := w.await(ctx, number, before); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, w.settle(ctx, number)
}

// await waits until Lockkeeper's comment differs from before.
func (w *world) await(ctx context.Context, number int, before github.CommentView) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := w.github.Wait(ctx, func() bool { return w.comment(number).Body != before.Body }); err != nil {
		return fmt.Errorf("waiting for the plan of pull request %d: %w", number, err)
	}
	return w.settle(ctx, number)
}

// settle waits until no check run is in progress, so that one measurement does
// not run into the next.
func (w *world) settle(ctx context.Context, number int) error {
	return w.github.Wait(ctx, func() bool {
		view, err := w.github.Pull(repository, number)
		return err == nil && !slices.ContainsFunc(view.Checks, func(c github.CheckView) bool {
			return c.Status != "completed" && c.Name != "lockkeeper/apply" // that one waits for a person
		})
	})
}

// comment is Lockkeeper's comment about what is planned.
func (w *world) comment(number int) github.CommentView {
	comments := w.comments(number, "<!-- lockkeeper:comment -->")
	if len(comments) == 0 {
		return github.CommentView{}
	}
	return comments[len(comments)-1]
}

// comments are Lockkeeper's comments with a mark.
func (w *world) comments(number int, mark string) (out []github.CommentView) {
	view, err := w.github.Pull(repository, number)
	if err != nil {
		return nil
	}
	for _, m := range view.Timeline {
		if m.Comment != nil && m.Comment.App && strings.Contains(m.Comment.Body, mark) {
			out = append(out, *m.Comment)
		}
	}
	return out
}

// median of durations, in milliseconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return ms(d[len(d)/2])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
