package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// EvaluatorName is the program that judges plans by rules. It is one of its own
// because nothing else needs its library (docs/adr/0012).
const EvaluatorName = "lockkeeper-evaluator"

// FindEvaluator is its path: beside this executable, else on the PATH.
func FindEvaluator() (string, error) {
	path, err := siblingBinary(EvaluatorName)
	if path != "" || err != nil {
		return path, err
	}
	path, err = exec.LookPath(EvaluatorName)
	if err != nil {
		return "", fmt.Errorf("%s is missing, which judges plans by rules: make build makes it; put it into the directory of lockkeeper", EvaluatorName)
	}
	return filepath.Abs(path)
}

// siblingBinary finds a program of Lockkeeper's in the directory of this executable;
// empty when there is none.
func siblingBinary(name string) (string, error) {
	executable, err := OwnExecutable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(executable), name)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return path, nil
	}
	return "", nil
}

// RulesError is a list of mistakes in rules, one per line.
type RulesError struct{ Lines string }

func (e RulesError) Error() string { return e.Lines }

// CheckRules compiles the rules in dir, which is below root, and returns how many
// of them judge plans. The error is RulesError when they have mistakes.
func CheckRules(ctx context.Context, root, dir string) (int, error) {
	evaluator, err := FindEvaluator()
	if err != nil {
		return 0, err
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, evaluator, "-rules", filepath.ToSlash(filepath.Clean(dir)), "-check")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, []string{}, &out, &stderr
	err = cmd.Run()
	output := strings.TrimSpace(stderr.String())
	const mistaken = 1 // rego.ExitMistakes
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == mistaken {
		return 0, RulesError{output}
	}
	if err != nil {
		return 0, fmt.Errorf("checking the rules in %s: %w: %s", dir, err, output)
	}
	var found struct {
		Rules int `json:"rules"`
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return 0, fmt.Errorf("checking the rules in %s: %w", dir, err)
	}
	return found.Rules, nil
}

// rulesMistakes are the mistakes of rules in dir, which is below root.
func rulesMistakes(ctx context.Context, root, dir string) ([]run.Diagnostic, error) {
	_, err := CheckRules(ctx, root, dir)
	wrong, ok := errors.AsType[RulesError](err)
	if !ok {
		return nil, err
	}
	var out []run.Diagnostic
	for line := range strings.Lines(wrong.Lines) {
		out = append(out, mistakeOf(strings.TrimSpace(line)))
	}
	return out, nil
}

// mistakeOf reads a line of the evaluator: file:line: message, or file: message.
func mistakeOf(text string) run.Diagnostic {
	file, message, _ := strings.Cut(text, ": ")
	m := run.Diagnostic{Path: file, Message: message}
	if name, digits, ok := strings.Cut(file, ":"); ok {
		if line, err := strconv.Atoi(digits); err == nil && line > 0 {
			m.Path, m.Line = name, line
		}
	}
	return m
}

// OwnExecutable is the path of this program, also where /proc is missing.
func OwnExecutable() (string, error) {
	if path, err := os.Executable(); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return "", fmt.Errorf("finding the own executable: %w", err)
	}
	return filepath.Abs(path)
}
