package rego

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/lockkeeper/lockkeeper/run"
)

// Bounds of a verdict. A longer message is left out as a whole, not cut, so that
// a secret in it can still be recognized and replaced.
const (
	mostFindings   = 100 // denied, and as many warned
	longestMessage = 64 << 10
)

// Count is how many rules judge; 0 of nil.
func (r *Rules) Count() int {
	if r == nil {
		return 0
	}
	return len(r.judging)
}

// Evaluate judges one plan, as "terraform show -json" prints it. Equal plans get
// equal verdicts, unless rules look at the clock. When ctx ends it returns soon
// with its error. The messages may hold anything that the plan holds, secrets
// too.
func (r *Rules) Evaluate(ctx context.Context, plan io.Reader) (run.PolicyResult, error) {
	input, err := readPlan(plan)
	if err != nil {
		return run.PolicyResult{}, fmt.Errorf("reading the plan: %w", err)
	}
	results, err := rego.New(
		rego.ParsedQuery(r.query()), rego.ParsedInput(input), rego.Compiler(r.compiler), rego.Store(r.data),
		rego.Capabilities(capabilities()), rego.StrictBuiltinErrors(true),
	).Eval(ctx)
	if ctx.Err() != nil {
		return run.PolicyResult{}, ctx.Err()
	}
	if mistakes, ok := mistakesOf(err); ok {
		return run.PolicyResult{}, mistakes.orNil()
	}
	if err != nil {
		return run.PolicyResult{}, fmt.Errorf("evaluating the rules: %w", err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return run.PolicyResult{}, errors.New("evaluating the rules: there is no verdict")
	}
	return r.verdict(results[0].Expressions[0].Value)
}

// query asks for every judging rule at once, so that what they share is worked
// out once: {"main.deny": data.main.deny, …}.
func (r *Rules) query() ast.Body {
	var items [][2]*ast.Term
	for _, rule := range r.judging {
		items = append(items, ast.Item(ast.StringTerm(rule.name), ast.NewTerm(rule.ref)))
	}
	return ast.NewBody(ast.NewExpr(ast.ObjectTerm(items...)))
}

func readPlan(r io.Reader) (ast.Value, error) {
	d := util.NewJSONDecoder(r)
	var plan map[string]any
	if err := d.Decode(&plan); err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, errors.New("it is null")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows its end")
	}
	return ast.InterfaceToValue(plan)
}

// verdict sorts what the rules said into denied and warned.
func (r *Rules) verdict(value any) (run.PolicyResult, error) {
	said, _ := value.(map[string]any)
	result := run.PolicyResult{Rules: len(r.judging)}
	var mistakes Mistakes
	for _, rule := range r.judging {
		messages, ok := said[rule.name].([]any)
		if !ok {
			return run.PolicyResult{}, fmt.Errorf("evaluating the rules: %s has no verdict", rule.name)
		}
		to := &result.Denied
		if rule.warns {
			to = &result.Warned
		}
		for _, m := range messages {
			text, ok := message(m)
			if !ok {
				mistakes = append(mistakes, mistakeAt(rule.first, fmt.Sprintf("%s gives something else than text or an object with the text msg", rule.name)))
				break
			}
			*to = append(*to, run.PolicyFinding{Rule: rule.name, Message: text})
		}
	}
	result.Denied, result.Warned = bounded(result.Denied), bounded(result.Warned)
	return result, mistakes.orNil()
}

// message is the text of one element of a judging rule: the element itself, or
// its msg.
func message(element any) (string, bool) {
	if object, ok := element.(map[string]any); ok {
		element = object["msg"]
	}
	text, ok := element.(string)
	if len(text) > longestMessage {
		text = fmt.Sprintf("(a message of %d bytes, too long to show)", len(text))
	}
	return text, ok
}

// bounded sorts findings and keeps as many as people read.
func bounded(all []run.PolicyFinding) []run.PolicyFinding {
	slices.SortFunc(all, func(a, b run.PolicyFinding) int {
		if c := strings.Compare(a.Rule, b.Rule); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	all = slices.Compact(all)
	if len(all) <= mostFindings {
		return all
	}
	more := len(all) - mostFindings + 1
	all[mostFindings-1].Message = fmt.Sprintf("(and %d more messages)", more)
	return all[:mostFindings]
}
