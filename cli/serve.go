package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/server"
)

type serveCmd struct {
	Config string `required:"" placeholder:"FILE" help:"The server's config file (docs/server-config.md)."`
}

// Run serves until SIGTERM.
func (c *serveCmd) Run(ctx context.Context, p Program) error {
	cfg, err := LoadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	log := logger(cfg.Log)
	ctx = log.WithContext(ctx)
	a, err := app.New(ctx, cfg, p.options())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		log.Info().Msg("stopped before it began")
		return nil
	}
	if err != nil {
		return err
	}
	l, err := listen(cfg.Listen, "the key listen of the config")
	if err != nil {
		return errors.Join(err, a.Close())
	}
	if err := a.Identify(ctx, cfg.GitHub); err != nil {
		return errors.Join(err, l.Close(), a.Close())
	}
	log.Info().Str("address", l.Addr().String()).Str("version", p.Version).Str("engine", cfg.Engine).Strs("terraform", a.Terraform).
		Strs("environments", slices.Sorted(maps.Keys(cfg.Environments))).Msg("serving")
	if names := cfg.ForAll(); len(names) > 0 {
		log.Warn().Strs("environments", names).Msg("every repository that this server works for may use the secrets and roles of these environments, " +
			"by naming them in its lockkeeper.yml: list in environments.<name>.repositories which may")
	}
	err = errors.Join(c.serve(ctx, a, cfg, l), a.Close())
	log.Info().Bool("ok", err == nil).Msg("stopped")
	return err
}

// serve works until ctx is done, and as long after that as the config lets jobs be
// waited for.
func (c *serveCmd) serve(ctx context.Context, a *app.App, cfg config.Config, l net.Listener) error {
	parts := []app.Part{{Name: "http", Run: func(ctx context.Context) error { return server.Serve(ctx, l, a.Handler) }}}
	if cfg.MetricsListen != "" {
		metrics, err := listen(cfg.MetricsListen, "the key metrics_listen of the config")
		if err != nil {
			return errors.Join(err, l.Close())
		}
		parts = append(parts, app.Part{Name: "metrics", Run: func(ctx context.Context) error { return server.Serve(ctx, metrics, a.Metrics) }})
	}
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	parts = append(parts, app.Part{Name: "stop", Run: func(serving context.Context) error {
		select {
		case <-serving.Done(): // another part failed
			return nil
		case <-ctx.Done():
		}
		a.Drain(serving, cfg.Drain)
		zerolog.Ctx(ctx).Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping: nothing new begins; jobs that run go on, and the next start reads their results")
		stop(context.Cause(ctx))
		return nil
	}})
	return a.Run(serving, parts...)
}

// listen opens the address; option is how people choose another one.
func listen(address, option string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program listens on %s: stop it, or choose another address with %s", address, option)
	}
	if err != nil {
		return nil, fmt.Errorf("listening (choose another address with %s): %w", option, err)
	}
	return l, nil
}

func logger(c config.Log) zerolog.Logger {
	var out io.Writer = os.Stderr
	if c.Format == "console" {
		out = console(os.Stderr)
	}
	return zerolog.New(out).Level(c.ZerologLevel()).With().Timestamp().Logger()
}

// console writes lines for people, in colour where a terminal shows it.
func console(f *os.File) zerolog.ConsoleWriter {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return zerolog.ConsoleWriter{Out: f, NoColor: err != nil || os.Getenv("NO_COLOR") != "", TimeFormat: time.RFC3339}
}
