package main

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

// evaluatorName is the program that judges plans by rules. It is one of its own
// because nothing else needs its library (docs/adr/0012).
const evaluatorName = "lockkeeper-evaluator"

// findEvaluator is its path: beside this executable, else on the PATH.
func findEvaluator() (string, error) {
	path, err := beside(evaluatorName)
	if path != "" || err != nil {
		return path, err
	}
	path, err = exec.LookPath(evaluatorName)
	if err != nil {
		return "", fmt.Errorf("%s is missing, which judges plans by rules: make build makes it; put it into the directory of lockkeeper", evaluatorName)
	}
	return filepath.Abs(path)
}

// beside finds a program of Lockkeeper's in the directory of this executable;
// empty when there is none.
func beside(name string) (string, error) {
	executable, err := ownExecutable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(executable), name)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return path, nil
	}
	return "", nil
}

// errRules is a list of mistakes in rules, one per line.
type errRules struct{ lines string }

func (e errRules) Error() string { return e.lines }

// checkRules compiles the rules in dir, which is below root, and returns how many
// of them judge plans. The error is errRules when they have mistakes.
func checkRules(ctx context.Context, root, dir string) (int, error) {
	evaluator, err := findEvaluator()
	if err != nil {
		return 0, err
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, evaluator, "-rules", filepath.ToSlash(filepath.Clean(dir)), "-check")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, []string{}, &out, &complaints
	err = cmd.Run()
	said := strings.TrimSpace(complaints.String())
	const mistaken = 1 // rego.ExitMistakes
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == mistaken {
		return 0, errRules{said}
	}
	if err != nil {
		return 0, fmt.Errorf("checking the rules in %s: %w: %s", dir, err, said)
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
	_, err := checkRules(ctx, root, dir)
	wrong, ok := errors.AsType[errRules](err)
	if !ok {
		return nil, err
	}
	var out []run.Diagnostic
	for line := range strings.Lines(wrong.lines) {
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
