// Package app is the server: New opens what the config names and makes the parts, each
// in a file of its own, and Run lets them work. Nothing is decided here, and no command
// line is read.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/outbox"
	sinks "github.com/lockkeeper/lockkeeper/outbox/github"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/reserve"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/worker"
)

// App is one Lockkeeper: the parts, and how long they live. Until Run its parts may
// be altered.
type App struct {
	Handler  http.Handler // webhook endpoint, health, and metrics unless the config gives those an address
	Metrics  http.Handler // metrics alone
	Lost     *server.Lost
	Comments *server.Comments
	Worker   *worker.Worker
	Sender   *outbox.Sender
	GitHub   *sinks.GitHub // what Sender sends to
	Clients  githubapp.ClientCreator
	// Terraform are the programs that plan here, the default first; none where jobs bring
	// their own.
	Terraform []string

	name    *appName
	engine  run.Backend
	parts   []Part
	closers []func() error // in the order of opening
}

// Part is something that works until its context is done.
type Part struct {
	Name string
	Run  func(context.Context) error
}

// Options are what a server gets from the program that it is part of.
type Options struct {
	Version string
	// SharedDisk says that jobs of the AWS engine see this machine's disk, as those of
	// tests do: then a state in a file is not lost.
	SharedDisk bool
	// Engine makes another engine than the config names, over the server's artifacts; nil
	// for none. It is for tests of what is made of plans.
	Engine func(artifacts *artifact.Dir) run.Backend
}

// New opens what the config names and wires it. Nothing works before Run.
func New(ctx context.Context, cfg config.Config, o Options) (_ *App, err error) {
	a := &App{name: &appName{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	w, err := a.open(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	sender, onGitHub := w.outbox()
	a.Sender, a.GitHub, a.Clients, a.Terraform = sender, onGitHub, w.clients, terraforms(w.engine)
	preparer := newPreparer(cfg, o, w.clients, w.storage)
	a.Worker = w.worker(ctx, preparer, sender.Wake)
	onGitHub.Live, onGitHub.Waits = a.Worker.Live, w.waits
	base := w.base(ctx, preparer, a.Worker, sender.Wake)
	inbox := server.NewInbox(patient{w.db}, base.Handlers(), time.Now, w.metrics)
	if a.Handler, err = w.handler(ctx, base, inbox); err != nil {
		return nil, err
	}
	a.Metrics, a.engine = server.MetricsAlone(w.metrics), w.engine
	a.Lost, a.Comments = w.lost(), w.comments(inbox)
	a.parts = []Part{
		{"inbox", inbox.Run}, {"worker", a.Worker.Run}, {"sender", sender.Run},
		{"lost deliveries", a.Lost.Run}, {"lost comments", a.Comments.Run}, {"locks", w.locks(a.Worker, sender.Wake).Run},
		{"retention", retention{w.db, w.dir}.run}, {"disk", w.watchDisk}, {"mirrors", tidying{preparer.Gate.Mirrors}.run},
	}
	return a, nil
}

// storage is what the server has on disk, or in a bucket.
type storage struct {
	db        *sqlite.Store
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
func (k *storage) openArtifacts(ctx context.Context, cfg config.Config) (err error) {
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
func (a *App) open(ctx context.Context, cfg config.Config, o Options) (w wiring, err error) {
	w.cfg, w.appName = cfg, a.name
	if w.storage, err = a.openStorage(ctx, cfg); err != nil {
		return w, err
	}
	if o.Engine != nil {
		w.engine = o.Engine(w.dir)
	} else if w.engine, err = newEngine(ctx, cfg, w.storage); err != nil {
		return w, err
	}
	w.metrics = server.NewMetrics()
	w.metrics.Built(o.Version)
	w.metrics.WatchBacklog(func() (server.Backlog, error) {
		b, err := w.db.Backlog(ctx)
		return server.Backlog(b), err
	})
	w.metrics.WatchStates(func() (server.States, error) {
		l, err := w.db.Locks(ctx)
		return server.StatesOf(l), err
	})
	if engine, ok := w.engine.(interface {
		Signs() (message, sweep time.Time)
	}); ok {
		w.metrics.WatchEngine(engine.Signs)
	}
	w.clients, err = Clients(cfg.GitHub, o.Version, w.metrics)
	return w, err
}

// openStorage locks the data directory and opens what it holds.
func (a *App) openStorage(ctx context.Context, cfg config.Config) (k storage, err error) {
	dir := cfg.DataDir
	if err := a.lockDataDir(ctx, dir); err != nil {
		return k, err
	}
	if k.reserve, err = reserve.Open(dir); err != nil {
		return k, err
	}
	if k.digests, err = openDigestKeys(dir); err != nil {
		return k, err
	}
	if k.db, err = sqlite.Open(ctx, filepath.Join(dir, "lockkeeper.db")); err != nil {
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

// Run works until ctx is done or a part fails, and waits for all of them. There are more
// parts than its own: at least the one that serves Handler.
func (a *App) Run(ctx context.Context, more ...Part) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range slices.Concat(a.parts, more) {
		g.Go(func() error {
			if err := p.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// Close lets go of everything that New opened, last first.
func (a *App) Close() error {
	var all error
	for i := len(a.closers) - 1; i >= 0; i-- {
		all = errors.Join(all, a.closers[i]())
	}
	a.closers = nil
	return all
}

// lockWithin is how long the server before this one may hold its lock: until it
// has ended, and with it the programs that it was just about to start.
const lockWithin = 3 * time.Second

// lockDataDir makes sure that one server works on a data directory, and nobody
// else looks into it. The operating system ends the lock with the process.
func (a *App) lockDataDir(ctx context.Context, dir string) error {
	if err := makePrivate(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the data directory: %w", err)
	}
	a.closers = append(a.closers, f.Close)
	for until := time.Now().Add(lockWithin); ; {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("locking the data directory: %w", err)
		case time.Now().After(until):
			return fmt.Errorf("another server works on %q: stop it, or give this one a data_dir of its own", dir)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// keepIndex loads the module index and saves it at the end, so that a restart
// stays fast. A missing file is an empty index.
func (a *App) keepIndex(index *project.Index, file string) error {
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
