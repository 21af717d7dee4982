// Package cli is the command line: a file for each command of the binary. Commands
// read their flags and files and print; package app makes the parts that work.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/runner"
)

// Program is the binary that the commands are of.
type Program struct {
	Version  string
	Manifest []byte // app.yml: events and permissions of the App
	// JobsWrite are directories of this machine that jobs of the AWS engine may write
	// beside their own. Only tests have some, with states that stay: in AWS nothing of a
	// container does.
	JobsWrite []string
}

func (p Program) options() app.Options {
	return app.Options{Version: p.Version, SharedDisk: len(p.JobsWrite) > 0}
}

type commands struct {
	Serve    serveCmd         `cmd:"" help:"Serve a GitHub App."`
	Sandbox  sandboxCmd       `cmd:"" help:"Try Lockkeeper on this machine, with a GitHub of its own and a page."`
	Validate validateCmd      `cmd:"" help:"Validate lockkeeper.yml, the modules that it points to, and rules for plans."`
	Explain  explainCmd       `cmd:"" help:"Explain why a pull request can or cannot be applied, as /why does there."`
	AWS      awsCmd           `cmd:"" name:"aws" help:"Make, look at and remove the stacks of the AWS engine."`
	Doctor   doctorCmd        `cmd:"" help:"Check an installation and suggest fixes."`
	Job      jobCmd           `cmd:"" hidden:"" help:"Do one job of the AWS engine; containers start it."`
	About    versionCmd       `cmd:"" name:"version" help:"Print what the program was built from."`
	Version  kong.VersionFlag `help:"Print the version."`
}

// Run runs one command line, without the name of the program, and returns the exit code.
func (p Program) Run(args []string) int {
	if len(args) > 0 && args[0] == "runner" { // one per job: nothing else is set up for it
		return runner.Main(context.Background(), args[1:])
	}
	if len(args) > 0 && args[0] == reachWord { // inside of a job that doctor starts
		return reach(args[1:], os.Stdout)
	}
	if err := unseen(); err != nil {
		return Complain(err)
	}
	if len(args) > 0 && args[0] == "serve" {
		if err := hideEnvironment(); err != nil {
			return Complain(err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends at once what waits for something
	var c commands
	parser, err := kong.New(&c, kong.Name("lockkeeper"), kong.Vars{"version": "lockkeeper " + p.Version},
		kong.Description("Plans and applies infrastructure changes from pull requests."), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p))
	if err != nil {
		return Complain(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return misused(parser, err)
	}
	if parsed.Command() != "version" { // every other command works with it
		if err := pull.CheckGit(ctx); err != nil {
			return Complain(err)
		}
	}
	if err := parsed.Run(); err != nil {
		if errors.Is(err, errNotAllowed) { // what was printed says why
			return exitNotAllowed
		}
		return Complain(err)
	}
	return 0
}

// StartedByItself reports whether a command line is one by which the program starts
// itself, for a part of its work.
func StartedByItself(args []string) bool {
	return os.Getenv(handedFD) != "" || len(args) > 0 && (args[0] == "runner" || args[0] == reachWord)
}

// Exit codes apart from 0 and 1, which Complain returns (docs/operations.md).
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

// Complain prints an error as every command does, and returns the exit code.
func Complain(err error) int {
	fmt.Fprintf(os.Stderr, "lockkeeper: %v\n", err)
	return 1
}
