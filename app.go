package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/config"
	"github.com/lockkeeper/lockkeeper/store"
)

// app is one Lockkeeper: the parts, and how long they live.
type app struct {
	handler  http.Handler // webhook endpoint, health, metrics
	parts    []part
	lost     *server.Lost
	comments *server.Comments
	worker   *run.Worker
	closers  []func() error // in the order of opening
}

// part is something that works until its context is done.
type part struct {
	name string
	run  func(context.Context) error
}

// newApp opens what the config names and wires it. Nothing works before run.
func newApp(ctx context.Context, cfg config.Config) (_ *app, err error) {
	a := &app{}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	kept, err := a.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	db, artifacts := kept.db, kept.artifacts
	engine, err := newEngine(ctx, cfg, kept)
	if err != nil {
		return nil, err
	}
	metrics := server.NewMetrics()
	metrics.WatchBacklog(func() (server.Backlog, error) {
		b, err := db.Backlog(ctx)
		return server.Backlog(b), err
	})
	clients, err := newClients(cfg.GitHub, metrics)
	if err != nil {
		return nil, err
	}

	sender := &report.Sender{
		Store: db, Now: time.Now, RetryAfter: pull.RetryAfter, AppID: cfg.GitHub.AppID, WebURL: cfg.GitHub.URL,
		Client: func(_ context.Context, id int64) (*github.Client, error) { return clients.NewInstallationClient(id) },
		Open:   func(ctx context.Context, ref run.Artifact) (io.ReadCloser, error) { return artifacts.Open(ctx, ref) },
	}
	sender.NoApply = withoutApply(cfg)
	merger := merger{store: db, client: clients.NewInstallationClient, noApply: sender.NoApply, method: cfg.Automerge.Method, notify: sender.Wake}
	sender.Merge = merger.merge
	preparer := newPreparer(cfg, clients, kept)
	worker := &run.Worker{
		Store: db, Backend: engine, Prepare: preparer.Prepare, Recheck: preparer.Recheck, JudgeGate: preparer.Judge,
		LockAtApply: cfg.Locks.At == "apply", Merge: cfg.Automerge.Enabled,
		Notify: sender.Wake, Now: time.Now, Patience: 15 * time.Minute,
	}
	sender.Live, a.worker = worker.Live, worker
	base := &server.Base{
		Runs: worker, Store: db, Facts: preparer.Facts, Why: why(preparer), Notify: sender.Wake, Now: time.Now, AppID: cfg.GitHub.AppID,
		Repositories: cfg.Repositories, Autoplan: cfg.Autoplan.Enabled, Drafts: cfg.Autoplan.Drafts, Status: status(ctx, engine),
		RequiredChecks: requiredChecks(cfg),
	}
	inbox := server.NewInbox(db, base.Handlers(), time.Now, metrics)
	webhook, err := server.Webhook{
		Secrets: cfg.GitHub.WebhookSecrets(), AppID: cfg.GitHub.AppID, MaxBytes: int64(cfg.Limits.WebhookBodyBytes),
		Handlers: base.Handlers(), Inbox: inbox, Metrics: metrics,
	}.Handler()
	if err != nil {
		return nil, err
	}
	a.handler = (&server.Server{Webhook: webhook, Metrics: metrics, Ready: db.Ready, Log: *zerolog.Ctx(ctx)}).Handler()
	locks := &server.Locks{Store: db, Runs: worker, Client: clients.NewInstallationClient, Notify: sender.Wake, Now: time.Now, Every: 5 * time.Minute,
		Expire: time.Duration(cfg.Locks.ExpireAfter), Notice: cfg.Locks.WarnBefore}
	a.lost = &server.Lost{App: clients.NewAppClient, Now: time.Now, Every: 5 * time.Minute, Pause: time.Minute}
	a.comments = &server.Comments{Store: db, Inbox: inbox, Client: clients.NewInstallationClient, Now: time.Now, Every: 5 * time.Minute, Pause: time.Minute}
	a.parts = []part{
		{"inbox", inbox.Run}, {"worker", worker.Run}, {"sender", sender.Run}, {"lost deliveries", a.lost.Run},
		{"lost comments", a.comments.Run},
		{"locks", locks.Run},
		{"retention", retention{db, kept.dir}.run}, {"mirrors", tidying{preparer.Mirrors}.run},
	}
	return a, nil
}

// kept is what the server keeps.
type kept struct {
	db        *store.SQLite
	artifacts artifactStore
	dir       *artifact.Dir // of the artifacts; nil when they are in a bucket
	index     *project.Index
}

// artifactStore is a directory or a bucket; artifact.Dir says what the methods
// promise.
type artifactStore interface {
	PutContent(ctx context.Context, prefix string, r io.Reader) (run.Artifact, error)
	Open(ctx context.Context, ref run.Artifact) (io.ReadCloser, error)
}

// openArtifacts opens the store of artifacts that the config names.
func (k *kept) openArtifacts(ctx context.Context, cfg config.Config) (err error) {
	if cfg.Artifacts == "s3" {
		k.artifacts, err = openBucket(ctx, cfg.AWS)
		return err
	}
	k.dir, err = artifact.OpenDir(filepath.Join(cfg.DataDir, "artifacts"))
	k.artifacts = k.dir
	return err
}

// open locks the data directory and opens what it holds.
func (a *app) open(ctx context.Context, cfg config.Config) (k kept, err error) {
	dir := cfg.DataDir
	if err := a.lockDataDir(dir); err != nil {
		return k, err
	}
	if k.db, err = store.Open(ctx, filepath.Join(dir, "lockkeeper.db")); err != nil {
		return k, err
	}
	a.closers = append(a.closers, k.db.Close)
	if err := k.openArtifacts(ctx, cfg); err != nil {
		return k, err
	}
	if k.dir != nil {
		a.closers = append(a.closers, k.dir.Close)
	}
	k.index = new(project.Index)
	return k, a.keepIndex(k.index, filepath.Join(dir, "modules.index"))
}

// run works until ctx is done or a part fails, and waits for all of them. serve
// is one more part.
func (a *app) run(ctx context.Context, serve func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range append(a.parts, part{"http", serve}) {
		g.Go(func() error {
			if err := p.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// close lets go of everything that newApp opened, last first.
func (a *app) close() error {
	var all error
	for i := len(a.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, a.closers[i]())
	}
	a.closers = nil
	return all
}

// lockDataDir makes sure that one server works on a data directory. The
// operating system ends the lock with the process.
func (a *app) lockDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the data directory: %w", err)
	}
	a.closers = append(a.closers, f.Close)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another server works on %q: stop it, or give this one a data_dir of its own", dir)
	}
	return nil
}

// keepIndex loads the module index and saves it at the end, so that a restart
// stays fast. A missing file is an empty index.
func (a *app) keepIndex(index *project.Index, file string) error {
	if err := index.Load(file); err != nil {
		return fmt.Errorf("reading the module index: %w", err)
	}
	a.closers = append(a.closers, func() error {
		if err := index.Save(file); err != nil {
			return fmt.Errorf("keeping the module index: %w", err)
		}
		return nil
	})
	return nil
}
