package rego

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/lockkeeper/lockkeeper/run"
)

// The exit codes of Main, besides those that Go and the operating system give.
const (
	ExitJudged   = 0 // the verdict is on the output
	ExitMistakes = 1 // the rules have mistakes, or one failed: each is a line of the error output
	ExitFailed   = 2 // anything else
)

// Main is the whole of lockkeeper-evaluator. It loads the rules of a directory
// below the current one and judges the plan on its input by them; with -check it
// reads no plan and only checks the rules. The output is a run.PolicyResult as
// JSON.
func Main(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	limitMemory()
	flags := flag.NewFlagSet("lockkeeper-evaluator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("rules", "", "directory of rules, below the current one")
	check := flags.Bool("check", false, "only check the rules")
	if err := flags.Parse(args); err != nil {
		return ExitFailed
	}
	result, err := judge(ctx, *dir, *check, in)
	if err == nil {
		err = json.NewEncoder(out).Encode(result)
	}
	if err == nil {
		return ExitJudged
	}
	fmt.Fprintln(stderr, err)
	if _, ok := errors.AsType[Mistakes](err); ok {
		return ExitMistakes
	}
	return ExitFailed
}

func judge(ctx context.Context, dir string, check bool, plan io.Reader) (run.PolicyResult, error) {
	rules, err := Load(ctx, os.DirFS("."), dir)
	if err != nil || check {
		return run.PolicyResult{Rules: rules.Count()}, err
	}
	return rules.Evaluate(ctx, plan)
}

// Bounds of the evaluator's memory, in bytes. A plan takes about ten times its
// size. From softMemory on it is collected eagerly; at hardMemory the process
// ends, and so does a rule that builds ever larger values, before the machine
// suffers.
const (
	softMemory = 1 << 30
	hardMemory = 4 << 30
)

func limitMemory() {
	debug.SetGCPercent(400) // a small plan is judged without a collection
	debug.SetMemoryLimit(softMemory)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return // the time limit is left
	}
	limit.Cur = min(limit.Cur, hardMemory)
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // lowering is always allowed
}
