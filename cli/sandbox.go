package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/durable"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/server"
)

type sandboxCmd struct {
	Listen  string `default:"127.0.0.1:8423" help:"Address of the page, of GitHub's API and of the server."`
	Once    bool   `help:"Play the scenario without a person, print the conversation, and exit 0 when all of it came out right."`
	Verbose bool   `help:"Print the server's log, too."`
	Webhook string `placeholder:"URL" help:"Start GitHub alone, for a server that you start yourself and that gets its webhooks here, such as http://127.0.0.1:8080/api/github/hook."`
	Dir     string `help:"Keep everything in this directory, a new or an empty one. Left out: a temporary one that is removed at the end." type:"path"`
}

// Run starts a GitHub, a server and an engine in this process.
func (c *sandboxCmd) Run(ctx context.Context, p Program) (err error) {
	dir, clean, err := c.dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	if c.Once {
		c.Listen = "127.0.0.1:0"
	}
	l, err := listen(c.Listen, "lockkeeper sandbox --listen 127.0.0.1:PORT")
	if err != nil {
		return err
	}
	if c.Webhook != "" {
		return c.rehearse(ctx, p, dir, l)
	}
	level := zerolog.WarnLevel
	if c.Verbose {
		level = zerolog.InfoLevel
	}
	log := zerolog.New(console(os.Stderr)).Level(level).With().Timestamp().Logger()
	ctx, cancel := context.WithCancel(log.WithContext(ctx))
	defer cancel()
	s, err := p.startSandbox(ctx, dir, "http://"+l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.world.Protect(report.CheckApply); err != nil {
		return errors.Join(err, l.Close())
	}
	scenario := func(ctx context.Context) error {
		if c.Once {
			defer cancel() // the end of the scenario is the end
			return play(ctx, s.world, os.Stdout)
		}
		return welcome(ctx, s.world, os.Stdout)
	}
	return s.app.Run(ctx, app.Part{Name: "scenario", Run: scenario},
		app.Part{Name: "http", Run: func(ctx context.Context) error { return server.Serve(ctx, l, s.handler()) }})
}

// rehearse serves GitHub alone, for a server that people start by themselves.
func (c *sandboxCmd) rehearse(ctx context.Context, p Program, dir string, l net.Listener) (err error) {
	served := false
	defer func() {
		if !served {
			err = errors.Join(err, l.Close())
		}
	}()
	hook, err := url.Parse(c.Webhook)
	if err != nil || hook.Scheme != "http" || hook.Host == "" || hook.Port() == "" || hook.Path != githubapp.DefaultWebhookRoute || c.Once {
		return fmt.Errorf("--webhook needs the address of a server, and no --once: http://HOST:PORT%s", githubapp.DefaultWebhookRoute)
	}
	world, file, err := p.newWorld(dir, "http://"+l.Addr().String(), c.Webhook, func(settings map[string]any) { settings["listen"] = hook.Host })
	if err != nil {
		return err
	}
	defer world.GitHub.Close()
	n, err := world.OpenFirst()
	if err != nil {
		return err
	}
	fmt.Printf(`
GitHub is running, and a pull request is open:

    %s

Start your own server for it in another terminal:

    lockkeeper serve --config %s

Then comment /plan on that page. What was sent before it listened is found within
six minutes, and planned. Press Ctrl-C to end.

`, world.PullURL(n), file)
	served = true // which closes it
	return server.Serve(ctx, l, world.Handler())
}

func (c *sandboxCmd) dir() (dir string, clean func() error, err error) {
	if c.Dir == "" {
		dir, err = os.MkdirTemp("", "lockkeeper-sandbox-")
		if err != nil {
			return "", nil, fmt.Errorf("making a directory for the sandbox (choose another place with TMPDIR or --dir): %w", err)
		}
		return dir, func() error { return removeUsed(dir) }, nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the sandbox's directory: %w", err)
	}
	there, err := os.ReadDir(c.Dir)
	if err != nil {
		return "", nil, fmt.Errorf("looking into the sandbox's directory: %w", err)
	}
	if len(there) > 0 { // the double begins again, so a store of an earlier one would not fit
		return "", nil, fmt.Errorf("%s is not empty, and each sandbox starts empty: empty it, or name another directory with --dir", c.Dir)
	}
	return c.Dir, func() error { return nil }, nil
}

// removeUsed removes a directory in which jobs that outlived the server may
// still be writing: as soon as they let it, within seconds.
func removeUsed(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err := os.RemoveAll(dir); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// sandboxServer is a world with a Lockkeeper that serves it.
type sandboxServer struct {
	world *sandbox.Sandbox
	app   *app.App
}

// startSandbox makes a world below dir and a server for it. The world's App has
// exactly the permissions and events of the manifest.
func (p Program) startSandbox(ctx context.Context, dir, url string) (*sandboxServer, error) {
	world, file, err := p.newWorld(dir, url, url+githubapp.DefaultWebhookRoute)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(file, config.Sources{Env: os.Getenv})
	if err != nil {
		return nil, err
	}
	if err := shareTerraform(cfg.DataDir); err != nil {
		return nil, err
	}
	a, err := app.New(ctx, cfg, p.options())
	if err != nil {
		return nil, err
	}
	return &sandboxServer{world, a}, nil
}

// newWorld makes a world below dir that sends its webhooks to hook, and the config of a
// server for it, which each change may alter.
func (p Program) newWorld(dir, url, hook string, change ...func(map[string]any)) (world *sandbox.Sandbox, file string, err error) {
	options := sandbox.Options{Dir: dir, URL: url, Webhook: hook}
	if err := ReadManifest(p.Manifest, &options); err != nil {
		return nil, "", err
	}
	if world, err = sandbox.New(options); err != nil {
		return nil, "", err
	}
	file, err = WriteConfig(dir, world, change...)
	return world, file, err
}

func (s *sandboxServer) close() error {
	s.world.GitHub.Close()
	return s.app.Close()
}

// handler serves GitHub and Lockkeeper on one port.
func (s *sandboxServer) handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []string{githubapp.DefaultWebhookRoute, "/healthz", "/readyz", "/metrics"} {
		mux.Handle(route, s.app.Handler)
	}
	mux.Handle("/", s.world.Handler())
	return mux
}

// shareTerraform lets a Terraform that has to be fetched stay in the person's
// cache directory, where the next sandbox finds it. Without such a directory it
// goes where everything else of the sandbox goes.
func shareTerraform(dataDir string) error {
	for _, name := range []string{"terraform", "tofu"} {
		if _, err := exec.LookPath(name); err == nil {
			return nil
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil // no home
	}
	shared := filepath.Join(cache, "lockkeeper", "terraform")
	if os.MkdirAll(shared, 0o700) != nil {
		return nil // a home that cannot be written to
	}
	fmt.Fprintf(os.Stderr, "No terraform and no tofu on the PATH: using Terraform %s from %s, which is fetched when it is not there.\n", toolchain.Pinned, shared)
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return os.Symlink(shared, filepath.Join(dataDir, "terraform"))
}

// ReadManifest takes permissions and events of the App from its manifest (app.yml).
func ReadManifest(manifest []byte, o *sandbox.Options) error {
	m, err := readManifest(manifest)
	if err != nil {
		return err
	}
	o.Permissions, o.Events = m.Permissions, m.Events
	return nil
}

func readManifest(manifest []byte) (m wanted, err error) {
	if err := yaml.Unmarshal(manifest, &m); err != nil {
		return m, fmt.Errorf("reading the App's manifest: %w", err)
	}
	return m, nil
}

// WriteConfig writes the server's config, the App's keys and the demo's
// Terraform states below dir. The states of a directory that was used before
// stay. Each change may alter the config.
func WriteConfig(dir string, world *sandbox.Sandbox, change ...func(map[string]any)) (file string, err error) {
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(in("states"), 0o700); err != nil {
		return "", err
	}
	for project, state := range demo.States() {
		file := in(filepath.Join("states", project+".tfstate"))
		if _, err := os.Stat(file); err == nil {
			continue
		}
		if err := os.WriteFile(file, state, 0o600); err != nil {
			return "", err
		}
	}
	environment := func(policy map[string]any) map[string]any {
		return map[string]any{"backend_config": map[string]string{"path": in("states/{project}.tfstate")}, "policy": policy,
			"directories": map[string]any{"write": []string{in("states")}}}
	}
	settings := map[string]any{
		"data_dir": in("server"),
		// It starts everywhere, and says at the start what is missing.
		"isolation": "best_effort",
		"github": map[string]any{
			"url": world.URL, "api_url": world.URL + "/api/v3/", "app_id": sandbox.AppID,
			"writes_per_minute": 1_000_000, "writes_per_hour": 1_000_000, // this GitHub has no such limits
			"private_key_file": in("private-key.pem"), "webhook_secret_file": in("webhook-secret"),
		},
		"default_environment": "dev",
		"environments": map[string]any{
			"dev":  environment(map[string]any{"approvals": 0}),
			"prod": environment(map[string]any{"approvals": 1, "unlock": []string{demo.Owner + "/production"}}),
		},
	}
	for _, c := range change {
		c(settings)
	}
	text, err := yaml.Marshal(settings)
	if err != nil {
		return "", err
	}
	// The configuration comes last, and whole: who waits for it finds what it names.
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"private-key.pem", world.PrivateKey}, {"webhook-secret", []byte(world.WebhookSecret)}, {"server.yml", text},
	} {
		if err := durable.WriteFile(in(f.name), f.content); err != nil {
			return "", err
		}
	}
	return in("server.yml"), nil
}

// welcome opens the first pull request, waits for its plan, and says where to
// look.
func welcome(ctx context.Context, world *sandbox.Sandbox, out *os.File) error {
	n, err := world.OpenFirst()
	if err != nil {
		return err
	}
	planned, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := world.GitHub.Wait(planned, func() bool { return lastComment(world, n) != "" }); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the first pull request was not planned within a minute: %w", err)
	}
	fmt.Fprintf(out, `
Lockkeeper is running, and a pull request is open and planned:

    %s

Be its author, a reviewer or an outsider there, and comment /plan. When the
reviewer approved, comment /apply.
What an administrator sees is at %s/metrics, and with --verbose in the log here.
Press Ctrl-C to end; nothing is kept.

`, world.PullURL(n), world.URL)
	<-ctx.Done()
	return nil
}
