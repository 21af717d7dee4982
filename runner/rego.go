package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// judgeFor is how long rules may take for one plan. The largest plan that is
// accepted takes the library half a minute.
const judgeFor = 2 * time.Minute

// rulesLimits bound what the archive of the rules unpacks to.
var rulesLimits = artifact.Limits{Files: 2000, FileBytes: 16 << 20, Bytes: 32 << 20}

// longestFinding is how many bytes of a message are kept.
const longestFinding = 1000

// exitMistakes is what the evaluator ends with when the rules have mistakes
// (rego.ExitMistakes; a test holds them together).
const exitMistakes = 1

// judge lets the rules of the document judge the plan. It does nothing when the
// document names none. It comes after summarize, which learns what is secret.
// Anything but a verdict is a problem, so what was not judged is never applied.
func (j *job) judge(ctx context.Context, limit time.Duration) *run.Problem {
	if j.doc.Policy == nil {
		return nil
	}
	if j.options.Evaluator == "" {
		return notJudged("this server has no lockkeeper-evaluator")
	}
	if p := j.unpackRules(ctx); p != nil {
		return p
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, rulesTooSlow(limit))
	defer cancel()
	verdict, stderr, err := j.evaluate(ctx)
	j.giveTurn() // only now: for a large plan the evaluator takes gigabytes, so few run at once
	if p := ended(ctx); p != nil {
		return p
	}
	said := relevant(j.redact(plain(string(stderr))))
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == exitMistakes:
		return rulesBroken(said)
	case err != nil:
		return notJudged(fmt.Sprintf("lockkeeper-evaluator: %v\n%s", err, said))
	}
	return j.takeVerdict(verdict)
}

// evaluate runs the evaluator on the plan's JSON. It gets no environment: what
// is in this process's is secret.
func (j *job) evaluate(ctx context.Context) (verdict, stderr []byte, err error) {
	shown, closes, err := j.planJSON()
	if err != nil {
		return nil, nil, err
	}
	defer closes()
	var out bytes.Buffer
	errs := &endsOf{head: 1 << 20} // much more than is shown, so that no cut is in a secret that is
	cmd := exec.CommandContext(ctx, j.options.Evaluator, "-rules", "policy")
	cmd.Dir, cmd.Env = j.path("rules"), []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = shown, &out, errs
	if j.alive != nil {
		cmd.ExtraFiles = []*os.File{j.alive}
	}
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

// unpackRules lays the rules out below rules/; their archive has one directory,
// policy.
func (j *job) unpackRules(ctx context.Context) *run.Problem {
	if err := os.Mkdir(j.path("rules"), 0o700); err != nil {
		return unexpected(err)
	}
	root, err := os.OpenRoot(j.path("rules"))
	if err != nil {
		return unexpected(err)
	}
	defer func() { _ = root.Close() }()
	archive, err := j.store.Open(ctx, *j.doc.Policy)
	if err != nil {
		return notJudged(fmt.Sprintf("opening the rules: %v", err))
	}
	defer func() { _ = archive.Close() }()
	if err := artifact.Unpack(archive, root, rulesLimits); err != nil {
		return notJudged(fmt.Sprintf("unpacking the rules: %v", err))
	}
	return nil
}

// takeVerdict keeps what the evaluator found. Its messages may quote the plan.
func (j *job) takeVerdict(content []byte) *run.Problem {
	var v run.PolicyResult
	if err := json.Unmarshal(content, &v); err != nil {
		return notJudged(fmt.Sprintf("reading the verdict: %v", err))
	}
	if v.Rules < 1 {
		return notJudged("lockkeeper-evaluator used no rule")
	}
	for _, findings := range [][]run.PolicyFinding{v.Denied, v.Warned} {
		for i, f := range findings {
			findings[i] = run.PolicyFinding{Rule: shortened(plain(f.Rule)), Message: shortened(j.redact(plain(f.Message)))}
		}
	}
	j.policy = &v
	return nil
}

// shortened cuts a text that was redacted before: a secret that is cut is not
// recognized.
func shortened(s string) string {
	if len(s) <= longestFinding {
		return s
	}
	end := longestFinding
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func rulesBroken(detail string) *run.Problem {
	return &run.Problem{Code: "policy_broken", Detail: detail, Message: "The rules of plan policy have mistakes, so nothing judged this plan and it cannot be applied. " +
		"Correct what is named below, on the base branch or where the server keeps the rules, and comment `/plan`."}
}

func rulesTooSlow(limit time.Duration) *run.Problem {
	return &run.Problem{Code: "policy_timed_out", Message: fmt.Sprintf(
		"The rules of plan policy took longer than %s, so nothing judged this plan and it cannot be applied. "+
			"Look for a rule that combines every resource with every other, on the base branch or where the server keeps the rules, and comment `/plan`.", limit)}
}

func notJudged(detail string) *run.Problem {
	return &run.Problem{Code: "policy_failed", Detail: strings.TrimSpace(plain(detail)), Message: "The server could not judge this plan by its rules, so it cannot be applied. " +
		"Comment `/plan` to try again; when it fails again, contact your Lockkeeper administrator."}
}
