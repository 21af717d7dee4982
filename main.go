// Command lockkeeper plans infrastructure changes from pull requests.
//
// This file is the commands of the binary; app.go wires the parts.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/config"
)

// version is set by the linker in releases.
var version = "development"

type cli struct {
	Serve    serveCmd         `cmd:"" help:"Serve a GitHub App."`
	Sandbox  sandboxCmd       `cmd:"" help:"Try Lockkeeper on this machine, with a GitHub of its own and a page."`
	Validate validateCmd      `cmd:"" help:"Name every mistake in lockkeeper.yml and in the modules that it points to."`
	Version  kong.VersionFlag `help:"Print the version."`
}

func main() { os.Exit(command(os.Args[1:])) }

// command runs one command line and returns the exit code.
func command(args []string) int {
	if len(args) > 0 && args[0] == "runner" { // one per job: nothing else is set up for it
		return runner.Main(context.Background(), args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	parser, err := kong.New(&c, kong.Name("lockkeeper"), kong.Vars{"version": version},
		kong.Description("Plans infrastructure changes from pull requests."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return complain(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	if err := parsed.Run(); err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintf(os.Stderr, "lockkeeper: %v\n", err)
	return 1
}

type serveCmd struct {
	Config string `required:"" type:"existingfile" help:"The server's config file (docs/server-config.md)."`
}

// Run serves until SIGTERM.
func (c *serveCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(c.Config, os.Getenv)
	if err != nil {
		return err
	}
	log := logger(cfg.Log)
	ctx = log.WithContext(ctx)
	a, err := newApp(ctx, cfg)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listening: %w", err), a.close())
	}
	log.Info().Str("address", l.Addr().String()).Str("version", version).Msg("serving")
	err = a.run(ctx, func(ctx context.Context) error { return server.Serve(ctx, l, a.handler) })
	return errors.Join(err, a.close())
}

func logger(c config.Log) zerolog.Logger {
	if c.Format == "console" {
		return zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr}).Level(c.ZerologLevel()).With().Timestamp().Logger()
	}
	return zerolog.New(os.Stderr).Level(c.ZerologLevel()).With().Timestamp().Logger()
}

type validateCmd struct {
	Dir string `arg:"" optional:"" default:"." type:"existingdir" help:"The repository; the current directory when it is left out."`
}

// Run checks the files of a work tree.
func (c *validateCmd) Run(ctx context.Context) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	tree := pull.WorkTree{Dir: dir}
	graph, err := (&project.Index{CheckAll: true}).Graph(ctx, tree)
	if err != nil {
		return err
	}
	cfg, err := project.Load(ctx, tree, graph, project.LoadOptions{})
	if err != nil {
		return err
	}
	if err := project.Validate(cfg, graph); err != nil {
		return err
	}
	source := cfg.Source
	if source == "" {
		source = "no " + project.ConfigFile + ", so every root module is a project"
	}
	fmt.Printf("%d projects (%s)\n", len(cfg.Projects), source)
	for _, p := range cfg.Projects {
		fmt.Printf("  %-30s %s\n", p.Name, p.Dir)
	}
	return nil
}
