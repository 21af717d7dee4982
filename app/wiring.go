package app

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/outbox"
	sinks "github.com/lockkeeper/lockkeeper/outbox/github"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/service"
	"github.com/lockkeeper/lockkeeper/worker"
)

// wiring is what the parts of an app are made of.
type wiring struct {
	storage
	cfg     config.Config
	engine  run.Backend
	clients githubapp.ClientCreator
	metrics *server.Metrics
	appName *appName
}

// sweepInterval is how often the server looks for what no webhook reported.
const sweepInterval = 5 * time.Minute

// outbox is the sender of notices, and the sinks that it hands them to.
func (w wiring) outbox() (*outbox.Sender, *sinks.GitHub) {
	s := &outbox.Sender{Store: w.db, Now: time.Now}
	g := &sinks.GitHub{
		Store: w.db, Now: time.Now, RetryAfter: pull.RetryAfter, AppID: w.cfg.GitHub.AppID, WebURL: w.cfg.GitHub.URL, NoApply: withoutApply(w.cfg), Current: howCurrent(w.cfg),
		NoButtons: withoutButtons(w.cfg), PerMinute: w.cfg.GitHub.WritesPerMinute, PerHour: w.cfg.GitHub.WritesPerHour,
		Client: func(_ context.Context, id int64) (*github.Client, error) { return w.clients.NewInstallationClient(id) },
		Open:   func(ctx context.Context, ref run.Artifact) (io.ReadCloser, error) { return w.artifacts.Open(ctx, ref) },
		Notify: s.Wake,
	}
	if w.cfg.Automerge.Enabled {
		g.MergeMethod = w.cfg.Automerge.Method
	}
	s.Sinks = g.Sinks()
	return s, g
}

func (w wiring) worker(ctx context.Context, p *prepare.Preparer, notify func()) *worker.Worker {
	return &worker.Worker{
		Store: w.db, Backend: w.engine, Prepare: p.Prepare, Recheck: p.Gate.Recheck, JudgeGate: p.Gate.Judge, Compare: p.Gate.Compare, Changed: p.Merged, DigestKey: w.digests.of,
		Options: run.Options{LockAtApply: w.cfg.Locks.At == "apply", NoApply: withoutApply(w.cfg), Merge: w.cfg.Automerge.Enabled},
		Notify:  notify, Now: time.Now, RetryFor: 15 * time.Minute, Log: *zerolog.Ctx(ctx),
		Stepped: w.metrics.Step,
	}
}

func (w wiring) base(ctx context.Context, p *prepare.Preparer, runs *worker.Worker, notify func()) *server.Base {
	presses := &server.Presses{App: w.clients.NewAppClient, RetryAfter: pull.RetryAfter, Now: time.Now}
	pulls := &server.Pulls{Client: w.clients.NewInstallationClient, RetryAfter: pull.RetryAfter, Now: time.Now}
	return &server.Base{
		Runs: runs, Store: w.db, Notify: notify,
		Service: &service.Service{
			Runs: runs, Store: w.db, Facts: p.Gate.Facts, Explain: why(p.Gate), Describe: w.status(ctx), NoButtons: withoutButtons(w.cfg), Now: time.Now,
		},
		Now: time.Now, AppID: w.cfg.GitHub.AppID, AppName: w.appName.get,
		Repositories: w.cfg.RepositoryNames(), Autoplan: w.cfg.Autoplan.Enabled, Drafts: w.cfg.Autoplan.Drafts,
		Refused:        w.db.RefusedRuns,
		RequiredChecks: requiredChecks(w.cfg), Written: p.Gate.Written,
		PullNow: pulls.Confirm, Reviewed: pulls.Reviewed, Pressed: presses.Confirm, Sent: presses.Sent, PlansLimited: plansLimited(w.cfg),
	}
}

// handler is the webhook endpoint, health and metrics.
func (w wiring) handler(ctx context.Context, base *server.Base, inbox *server.Inbox) (http.Handler, error) {
	webhook, err := server.Webhook{
		Secrets: w.cfg.GitHub.WebhookSecrets(), AppID: w.cfg.GitHub.AppID, MaxBytes: int64(w.cfg.Limits.WebhookBodyBytes),
		Handlers: base.Handlers(), Inbox: inbox, Metrics: w.metrics,
	}.Handler()
	if err != nil {
		return nil, err
	}
	return (&server.Server{Webhook: webhook, Metrics: w.metrics, Apart: w.cfg.MetricsListen != "", Ready: w.db.Ready, Log: *zerolog.Ctx(ctx)}).Handler(), nil
}

func (w wiring) locks(runs *worker.Worker, notify func()) *server.Locks {
	return &server.Locks{
		Store: w.db, Runs: runs, Client: w.clients.NewInstallationClient, Notify: notify, Now: time.Now, Interval: sweepInterval,
		Expire: time.Duration(w.cfg.Locks.ExpireAfter), Notice: w.cfg.Locks.WarnBefore,
	}
}

func (w wiring) lost() *server.Lost {
	return &server.Lost{App: w.clients.NewAppClient, Now: time.Now, Interval: sweepInterval, MinAge: time.Minute}
}

func (w wiring) comments(inbox *server.Inbox) *server.Comments {
	return &server.Comments{Store: w.db, Inbox: inbox, AppName: w.appName.get, Client: w.clients.NewInstallationClient, Now: time.Now, Interval: sweepInterval, MinAge: time.Minute}
}
