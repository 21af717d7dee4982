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
)

// The exit codes of Main, besides those that Go and the operating system give.
const (
	ExitJudged   = 0 // the verdict is on the output
	ExitMistakes = 1 // the rules have mistakes, or one failed: each is a line of the error output
	ExitFailed   = 2 // anything else
)

// Main is the whole of lockkeeper-evaluator. It loads the rules of a directory
// below the current one and judges a plan by them; without a plan it only
// checks the rules. The output is a run.PolicyResult as JSON.
func Main(ctx context.Context, args []string, out, complaints io.Writer) int {
	limitMemory()
	flags := flag.NewFlagSet("lockkeeper-evaluator", flag.ContinueOnError)
	flags.SetOutput(complaints)
	dir := flags.String("rules", "", "directory of rules, below the current one")
	plan := flags.String("plan", "", "what terraform show -json printed")
	if err := flags.Parse(args); err != nil {
		return ExitFailed
	}
	err := judge(ctx, *dir, *plan, out)
	if err == nil {
		return ExitJudged
	}
	fmt.Fprintln(complaints, err)
	if _, ok := errors.AsType[Mistakes](err); ok {
		return ExitMistakes
	}
	return ExitFailed
}

func judge(ctx context.Context, dir, plan string, out io.Writer) error {
	rules, err := Load(ctx, os.DirFS("."), dir)
	if err != nil {
		return err
	}
	result := struct {
		Rules int `json:"rules"`
	}{rules.Count()}
	if plan == "" {
		return json.NewEncoder(out).Encode(result)
	}
	f, err := os.Open(plan)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	verdict, err := rules.Evaluate(ctx, f)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(verdict)
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
