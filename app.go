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

	"github.com/palantir/go-githubapp/githubapp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/reserve"
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
	sender   *report.Sender
	clients  githubapp.ClientCreator
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
	w, err := a.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sender := w.sender()
	a.sender, a.clients = sender, w.clients
	preparer := newPreparer(cfg, w.clients, w.kept)
	a.worker = w.worker(ctx, preparer, sender.Wake)
	sender.Live = a.worker.Live
	sender.Waits = w.waits
	base := w.base(ctx, preparer, a.worker, sender.Wake)
	inbox := server.NewInbox(patient{w.db}, base.Handlers(), time.Now, w.metrics)
	if a.handler, err = w.handler(ctx, base, inbox); err != nil {
		return nil, err
	}
	a.lost, a.comments = w.lost(), w.comments(inbox)
	a.parts = []part{
		{"inbox", inbox.Run}, {"worker", a.worker.Run}, {"sender", sender.Run},
		{"lost deliveries", a.lost.Run}, {"lost comments", a.comments.Run}, {"locks", w.locks(a.worker, sender.Wake).Run},
		{"retention", retention{w.db, w.dir}.run}, {"disk", w.watchDisk}, {"mirrors", tidying{preparer.Mirrors}.run},
	}
	return a, nil
}

// kept is what the server keeps.
type kept struct {
	db        *store.SQLite
	artifacts artifactStore
	dir       *artifact.Dir // of the artifacts; nil when they are in a bucket
	keys      artifact.Keys // of that directory
	digests   digestKeys    // of plans
	index     *project.Index
	reserve   *reserve.Reserve
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
	if k.keys, err = artifact.ParseKeys(cfg.EncryptionKey.Reveal()); err != nil {
		return err
	}
	if k.dir, err = artifact.OpenDir(filepath.Join(cfg.DataDir, "artifacts")); err != nil {
		return err
	}
	k.dir.Keys = k.keys
	k.artifacts = k.dir
	return nil
}

// open opens what the config names, and what works for all parts.
func (a *app) open(ctx context.Context, cfg config.Config) (w wiring, err error) {
	w.cfg = cfg
	if w.kept, err = a.openKept(ctx, cfg); err != nil {
		return w, err
	}
	if w.engine, err = newEngine(ctx, cfg, w.kept); err != nil {
		return w, err
	}
	w.metrics = server.NewMetrics()
	w.metrics.Built(version)
	w.metrics.WatchBacklog(func() (server.Backlog, error) {
		b, err := w.db.Backlog(ctx)
		return server.Backlog(b), err
	})
	w.metrics.WatchStates(func() (server.States, error) {
		l, err := w.db.Locks(ctx)
		return server.StatesOf(l), err
	})
	w.clients, err = newClients(cfg.GitHub, w.metrics)
	return w, err
}

// openKept locks the data directory and opens what it holds.
func (a *app) openKept(ctx context.Context, cfg config.Config) (k kept, err error) {
	dir := cfg.DataDir
	if err := a.lockDataDir(dir); err != nil {
		return k, err
	}
	if k.reserve, err = reserve.Open(dir); err != nil {
		return k, err
	}
	if k.digests, err = openDigestKeys(dir); err != nil {
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

// lockDataDir makes sure that one server works on a data directory, and nobody
// else looks into it. The operating system ends the lock with the process.
func (a *app) lockDataDir(dir string) error {
	if err := makePrivate(dir); err != nil {
		return err
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
