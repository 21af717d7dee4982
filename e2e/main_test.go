package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/cli"
	"github.com/lockkeeper/lockkeeper/policy/rego"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/openapi"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
)

// asLockkeeper makes the test binary behave as the real one. The engine starts
// its own executable as runner, so that word alone does, too.
const asLockkeeper = "LOCKKEEPER_TEST_MAIN"

// manifest has the text of app.yml, which is a part of the real program.
const manifest = "LOCKKEEPER_TEST_MANIFEST"

// jobsWrite has patterns of directories that the jobs of the AWS engine may write.
const jobsWrite = "LOCKKEEPER_TEST_JOBS_WRITE"

func TestMain(m *testing.M) {
	if os.Getenv(insideUser) != "" {
		fmt.Fprintln(os.Stderr, enterWorld())
		os.Exit(1)
	}
	if filepath.Base(os.Args[0]) == app.EvaluatorName {
		os.Exit(rego.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv(inNetwork) != "" {
		if err := serveMetadata(); err != nil {
			os.Exit(cli.Complain(err))
		}
	}
	if err := setManifest(); err != nil {
		os.Exit(cli.Complain(err))
	}
	if os.Getenv(asLockkeeper) != "" || cli.StartedByItself(os.Args[1:]) {
		os.Exit(program().Run(os.Args[1:]))
	}
	if os.Getenv(insideProgram) == "" { // else it came along
		if err := backendtest.BuildRunner(); err != nil {
			os.Exit(cli.Complain(err))
		}
	}
	code := m.Run()
	leaveWorlds()
	os.Exit(code)
}

// program is the binary that the tests' own binary stands for.
func program() cli.Program {
	p := cli.Program{Version: "development", Manifest: []byte(os.Getenv(manifest))}
	for _, pattern := range filepath.SplitList(os.Getenv(jobsWrite)) {
		dirs, _ := filepath.Glob(pattern)
		p.JobsWrite = append(p.JobsWrite, dirs...)
	}
	return p
}

// setManifest reads the App's manifest, for this process and for those that it starts,
// wherever they are.
func setManifest() error {
	if os.Getenv(manifest) != "" || os.Getenv(asLockkeeper) != "" || cli.StartedByItself(os.Args[1:]) {
		return nil
	}
	text, err := os.ReadFile("../app.yml")
	if err != nil {
		return err
	}
	return os.Setenv(manifest, string(text))
}

// stage is a sandbox world with a Lockkeeper, in this process or in one of its
// own, and with GitHub's description as the judge of all traffic.
type stage struct {
	testing.TB
	world  *sandbox.Sandbox
	dir    string
	config string        // file
	store  *sqlite.Store // the server's own, opened a second time to look on
	github *httptest.Server
	hook   string                          // where the server in this process takes webhooks
	engine func(*artifact.Dir) run.Backend // of the server in this process; nil for the one that the config names

	// Of the server when it is a process; left out, they are those of the tests.
	executable  string
	wrapper     []string // command that runs it
	attributes  *syscall.SysProcAttr
	environment []string
	user        *syscall.Credential

	mu      sync.Mutex
	onCall  func(n int, r *http.Request, serve func())     // guarded by mu; sees each call of GitHub's API
	watch   func(r *http.Request, body string, status int) // guarded by mu; sees each call and its answer
	calls   int                                            // guarded by mu
	process *exec.Cmd                                      // guarded by mu; the server when it is a process
}

// newStage makes a world; nothing serves its App yet. change may alter the
// server's config before it is written.
func newStage(t testing.TB, change ...func(map[string]any)) *stage {
	t.Helper()
	return newStageWith(t, nil, change...)
}

// newStageWith is newStage with permissions of the App beside those of its
// manifest.
func newStageWith(t testing.TB, permissions map[string]string, change ...func(map[string]any)) *stage {
	t.Helper()
	s := &stage{TB: t, dir: stageDir(t)}
	mux := http.NewServeMux()
	s.github = httptest.NewServer(mux)
	t.Cleanup(s.github.Close)
	spec, err := openapi.Load()
	s.check(err)
	options := sandbox.Options{Dir: s.dir, URL: s.github.URL, Checker: openapi.NewChecker(spec, func(violation string) { t.Errorf("GitHub's description is violated: %s", violation) })}
	options.Key, err = appKey()
	s.check(err)
	s.check(cli.ReadManifest([]byte(os.Getenv(manifest)), &options))
	maps.Copy(options.Permissions, permissions)
	s.world, err = sandbox.New(options)
	s.check(err)
	t.Cleanup(s.world.GitHub.Close)
	mux.Handle("/api/v3/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.api(w, r) }))
	mux.Handle("/", s.world.Handler())
	s.config, err = cli.WriteConfig(s.dir, s.world, append([]func(map[string]any){func(c map[string]any) {
		c["listen"], c["isolation"] = "127.0.0.1:0", "required"
	}}, change...)...)
	s.check(err)
	s.check(os.MkdirAll(filepath.Join(s.dir, "server"), 0o700))
	file := filepath.Join(s.dir, "server", "lockkeeper.db")
	sqlitetest.Make(t, file)
	s.store, err = sqlite.Open(context.Background(), file)
	s.check(err)
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

// appKey is the App's in every world of these tests: to make one takes a while.
var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func (s *stage) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// command runs the program as a process of its own and returns all that it prints.
func (s *stage) command(args ...string) (out string, exit int) {
	s.Helper()
	executable, err := os.Executable()
	s.check(err)
	cmd := exec.CommandContext(s.Context(), executable, args...)
	cmd.Env = append(os.Environ(), asLockkeeper+"=1")
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.check(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// api serves one call of GitHub's API, with onCall around it.
func (s *stage) api(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls++
	n, hook, watch := s.calls, s.onCall, s.watch
	s.mu.Unlock()
	serve := func() { s.world.Handler().ServeHTTP(w, r) }
	if watch != nil {
		serve = func() { watched(watch, s.world.Handler(), w, r) }
	}
	if hook != nil {
		hook(n, r, serve)
		return
	}
	serve()
}

// watched serves a call and tells what was sent and how it was answered.
func watched(watch func(*http.Request, string, int), h http.Handler, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a broken body is the double's to refuse
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	h.ServeHTTP(answer, r)
	watch(r, string(body), answer.status)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// serve runs Lockkeeper in this process until the returned function is called.
// Each change may alter its parts before they work.
func (s *stage) serve(change ...func(*app.App)) (stop func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(zerolog.New(zerolog.NewTestWriter(s)).Level(zerolog.WarnLevel).WithContext(context.Background()))
	cfg, err := cli.LoadConfig(ctx, s.config)
	s.check(err)
	a, err := app.New(ctx, cfg, app.Options{Version: "development", SharedDisk: os.Getenv(jobsWrite) != "", Engine: s.engine})
	s.check(err)
	for _, c := range change {
		c(a)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.hook = "http://" + l.Addr().String() + githubapp.DefaultWebhookRoute
	s.world.GitHub.SetWebhook(s.hook, s.world.WebhookSecret)
	done := make(chan error, 1)
	go func() {
		done <- a.Run(ctx, app.Part{Name: "http", Run: func(ctx context.Context) error { return server.Serve(ctx, l, a.Handler) }})
	}()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.Errorf("the server ended with %v", err)
		}
		if err := a.Close(); err != nil {
			s.Error(err)
		}
	})
}

// until waits for a condition of the world.
func (s *stage) until(what string, cond func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.world.GitHub.Wait(ctx, cond); err != nil {
		s.Fatalf("still waiting for %s; the conversation so far:\n%s", what, s.conversation(1))
	}
}

// poll waits for a condition of the store or of a process, which tell nobody of
// their changes.
func (s *stage) poll(what string, cond func() bool) {
	s.Helper()
	began := time.Now()
	for !cond() {
		waited := time.Since(began)
		if waited > time.Minute {
			s.Fatalf("still waiting for %s: %s; the conversation so far:\n%s", what, s.unfinished(), s.conversation(1))
		}
		// Between looks, which cost more than what they wait for; the condition decides.
		time.Sleep(min(10*time.Millisecond+waited/10, 100*time.Millisecond))
	}
}

// quiet waits until nothing is left to do: no delivery, no active run, no
// notice.
func (s *stage) quiet() {
	s.Helper()
	s.poll("quiet", func() bool { return s.unfinished() == "" })
}

func (s *stage) unfinished() string {
	s.Helper()
	if slices.ContainsFunc(s.world.GitHub.Deliveries(), func(d github.Delivery) bool { return !d.Done }) {
		return "a webhook on its way"
	}
	// In the order of what comes of what: deliveries make runs, and runs notices.
	ctx, far := context.Background(), time.Now().Add(24*time.Hour)
	deliveries, err := s.store.PendingDeliveries(ctx, far, 10)
	s.check(err)
	if len(deliveries) > 0 {
		return fmt.Sprintf("%d deliveries to act on", len(deliveries))
	}
	active, err := s.store.ActiveRuns(ctx)
	s.check(err)
	if len(active) > 0 {
		return fmt.Sprintf("%d active runs, the first %s", len(active), active[0].State)
	}
	notices, err := s.store.DueNotices(ctx, far, 10)
	s.check(err)
	if len(notices) > 0 {
		return fmt.Sprintf("%d notices to send, the first a %s", len(notices), notices[0].Kind)
	}
	return ""
}

func (s *stage) pull(number int) github.PullView {
	s.Helper()
	v, err := s.world.GitHub.Pull(sandbox.Repository, number)
	s.check(err)
	return v
}

// said lists what Lockkeeper wrote on a pull request, oldest first.
func (s *stage) said(number int) (out []github.CommentView) {
	s.Helper()
	for _, c := range s.pull(number).Comments() {
		if c.App {
			out = append(out, c)
		}
	}
	return out
}

// plans are those comments that show a plan.
func (s *stage) plans(number int) (out []github.CommentView) {
	s.Helper()
	for _, c := range s.said(number) {
		if strings.HasPrefix(c.Body, "### ") || strings.Contains(c.Body, "\n### Plan") {
			out = append(out, c)
		}
	}
	return out
}

func (s *stage) runs(number int) []run.Run {
	s.Helper()
	var repo int64
	active, err := s.store.PullRuns(context.Background(), s.repositoryID(&repo), number, 1000)
	s.check(err)
	return active
}

// repositoryID is the demo repository's id, as webhooks carry it.
func (s *stage) repositoryID(id *int64) int64 {
	s.Helper()
	for _, d := range s.world.GitHub.Deliveries() {
		if d.RepositoryID != 0 && !bytes.Contains(d.Payload, []byte(`"full_name":"`+innocent+`"`)) {
			*id = d.RepositoryID
		}
	}
	return *id
}

// conversation is a pull request as text.
func (s *stage) conversation(number int) string {
	v, err := s.world.GitHub.Pull(sandbox.Repository, number)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, c := range v.Comments() {
		fmt.Fprintf(&b, "── %s:\n%s\n", c.Author, c.Body)
		for _, r := range c.Reactions {
			fmt.Fprintf(&b, "   :%s: %s\n", r.Content, r.By)
		}
	}
	for _, c := range v.Checks {
		fmt.Fprintf(&b, "── check %s: %s %s, %s\n", c.Name, c.Status, c.Conclusion, c.Title)
	}
	return b.String()
}
