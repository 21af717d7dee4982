// Command lockkeeper plans and applies infrastructure changes from pull requests.
//
// This file is the commands of the binary; app.go wires the parts.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/runner"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/config"
)

// release is set by the linker; builds without it name their commit.
var release string

var version = cmp.Or(release, commit())

type cli struct {
	Serve    serveCmd         `cmd:"" help:"Serve a GitHub App."`
	Sandbox  sandboxCmd       `cmd:"" help:"Try Lockkeeper on this machine, with a GitHub of its own and a page."`
	Validate validateCmd      `cmd:"" help:"Validate lockkeeper.yml, the modules that it points to, and rules for plans."`
	Explain  explainCmd       `cmd:"" help:"Explain why a pull request can or cannot be applied, as /why does there."`
	Doctor   doctorCmd        `cmd:"" help:"Check an installation and suggest fixes."`
	Job      jobCmd           `cmd:"" hidden:"" help:"Do one job of the AWS engine; containers start it."`
	Version  kong.VersionFlag `help:"Print the version."`
}

func main() { os.Exit(command(os.Args[1:])) }

// command runs one command line and returns the exit code.
func command(args []string) int {
	if len(args) > 0 && args[0] == "runner" { // one per job: nothing else is set up for it
		return runner.Main(context.Background(), args[1:])
	}
	if len(args) > 0 && args[0] == reachWord { // inside of a job that doctor starts
		return reach(args[1:], os.Stdout)
	}
	if err := unseen(); err != nil {
		return complain(err)
	}
	if len(args) > 0 && args[0] == "serve" {
		if err := hideEnvironment(); err != nil {
			return complain(err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	parser, err := kong.New(&c, kong.Name("lockkeeper"), kong.Vars{"version": "lockkeeper " + version},
		kong.Description("Plans and applies infrastructure changes from pull requests."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return complain(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return misused(parser, err)
	}
	if err := pull.CheckGit(ctx); err != nil { // every command works with it
		return complain(err)
	}
	if err := parsed.Run(); err != nil {
		if errors.Is(err, errNotAllowed) { // what was printed says why
			return exitNotAllowed
		}
		return complain(err)
	}
	return 0
}

// Exit codes apart from 0 and 1, which complain returns (docs/operations.md).
const (
	exitMisused    = 2 // the command line cannot be understood
	exitNotAllowed = 3 // explain: the pull request cannot be applied
)

// misused says what of a command line cannot be understood, and how it is written.
func misused(parser *kong.Kong, err error) int {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		parser.Stdout = os.Stderr
		if err := parse.Context.PrintUsage(false); err == nil {
			fmt.Fprintln(os.Stderr)
		}
	}
	fmt.Fprintf(os.Stderr, "lockkeeper: %v\n", err)
	return exitMisused
}

func complain(err error) int {
	fmt.Fprintf(os.Stderr, "lockkeeper: %v\n", err)
	return 1
}

// commit is what Go wrote into the binary about the source that it was built
// from: a version with date and commit, and "+dirty" after changes.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

type serveCmd struct {
	Config string `required:"" placeholder:"FILE" help:"The server's config file (docs/server-config.md)."`
}

// Run serves until SIGTERM.
func (c *serveCmd) Run(ctx context.Context) error {
	cfg, err := loadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	log := logger(cfg.Log)
	ctx = log.WithContext(ctx)
	a, err := newApp(ctx, cfg)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		log.Info().Msg("stopped before it began")
		return nil
	}
	if err != nil {
		return err
	}
	l, err := listen(cfg.Listen, "the key listen of the config")
	if err != nil {
		return errors.Join(err, a.close())
	}
	if err := identify(ctx, cfg.GitHub, a.clients); err != nil {
		return errors.Join(err, l.Close(), a.close())
	}
	log.Info().Str("address", l.Addr().String()).Str("version", version).Str("engine", cfg.Engine).
		Strs("environments", slices.Sorted(maps.Keys(cfg.Environments))).Msg("serving")
	a.parts = append(a.parts, part{"stop", func(ctx context.Context) error {
		<-ctx.Done()
		log.Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping: nothing new begins; jobs that run go on, and the next start reads their results")
		return nil
	}})
	err = a.run(ctx, func(ctx context.Context) error { return server.Serve(ctx, l, a.handler) })
	err = errors.Join(err, a.close())
	log.Info().Bool("ok", err == nil).Msg("stopped")
	return err
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

// mistakes is the error of a command that found n of them in files that people
// write: one per line, and what to do when they are fixed.
func mistakes(n int, list error, then string) error {
	them := "them"
	if n == 1 {
		them = "it"
	}
	return fmt.Errorf("%s:\n\n%w\n\nFix %s and %s", count(n, "mistake"), list, them, then)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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
