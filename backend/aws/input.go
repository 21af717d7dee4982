package aws

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// Input is what a job is given: its document, and what of AWS it needs beside it.
// The same text is what the execution starts with, what the container reads, and
// what the server finds by the job's id.
type Input struct {
	run.JobDocument
	Compute string `json:"compute"` // batch, or lambda for the state machine to try that first
	Batch   Batch  `json:"batch"`
	// Key is where the container reads this. All containers may read there, and none
	// may list: the key is a secret of the server, of AWS and of the job.
	Key string `json:"input"`
	// Claim is the key that the job claims before it changes something. It comes from
	// the plan's Key, so that only who was given that plan can claim it. It is empty
	// when the plan is not known any more, and then nothing may begin.
	Claim string `json:"claim,omitempty"`
	// Probe says that the job tries what it may not do, and nothing else.
	Probe bool `json:"probe,omitempty"`
}

// maxInput bounds the input of an execution, in bytes: Step Functions takes
// 262,144 (AWS Step Functions developer guide, "Quotas").
const maxInput = 200_000

// secretKey is a key with a secret in it: 130 bits of rand.Text.
var secretKey = regexp.MustCompile(`\b(inputs|claims)/[A-Z2-7]{26}`)

// Masked is a text without the secrets of keys. What AWS says of a refusal names
// the object.
func Masked(text string) string { return secretKey.ReplaceAllString(text, "$1/…") }

// maskedError says what an error says, without the secrets of keys.
type maskedError struct{ error }

func (m maskedError) Error() string { return Masked(m.error.Error()) }
func (m maskedError) Unwrap() error { return m.error }

// WithoutSecrets is the error, saying what it says without the secrets of keys.
func WithoutSecrets(err error) error {
	if err == nil {
		return nil
	}
	return maskedError{err}
}

// newInput makes the input of a job.
func (e *Engine) newInput(ctx context.Context, doc run.JobDocument) (in Input, err error) {
	secret := rand.Text()
	env, err := e.environment(doc)
	if err != nil {
		return in, err
	}
	in = Input{JobDocument: doc, Compute: "batch", Batch: env.batch(doc.Command), Key: "inputs/" + secret + ".json", Probe: e.o.Probe}
	switch {
	case !Changes(doc.Command):
		if e.o.Lambda != nil && e.o.Lambda(doc) && env.Function != "" {
			in.Compute = "lambda"
		}
	case doc.Plan == nil:
		in.Claim = "claims/" + secret
	default:
		plan, err := e.input(ctx, doc.Plan.JobID)
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return in, err
		}
		in.Claim = claimOf(plan.Key)
	}
	return in, nil
}

// claimOf is the key by which an apply claims the plan whose Input lies under a key.
func claimOf(input string) string {
	secret, found := strings.CutPrefix(strings.TrimSuffix(input, ".json"), "inputs/")
	if !found {
		return ""
	}
	return "claims/" + secret
}

// keep stores the input of a job that is started for the first time or again, and
// returns the one that counts: that of the first time.
func (e *Engine) keep(ctx context.Context, doc run.JobDocument) (content []byte, err error) {
	in, err := e.newInput(ctx, doc)
	if err != nil {
		return nil, err
	}
	if content, err = json.Marshal(in); err != nil {
		return nil, err
	}
	if len(content) > maxInput {
		return nil, fmt.Errorf("its document has %d bytes of at most %d", len(content), maxInput)
	}
	if err := e.store(ctx, jobKey(doc.JobID), content); err != nil {
		return nil, err
	}
	there, err := e.input(ctx, doc.JobID)
	if err != nil {
		return nil, err
	}
	if same, err := equal(there.JobDocument, doc); err != nil || !same {
		return nil, errors.Join(err, errors.New("another document of the same job is there"))
	}
	if content, err = json.Marshal(there); err != nil {
		return nil, err
	}
	return content, e.store(ctx, there.Key, content)
}

// equal compares the JSON of two values.
func equal(a, b any) (bool, error) {
	first, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	second, err := json.Marshal(b)
	return bytes.Equal(first, second), err
}

// input reads the input of a job that was started, or run.ErrNotFound.
func (e *Engine) input(ctx context.Context, id string) (in Input, err error) {
	if !jobID.MatchString(id) {
		return in, run.ErrNotFound
	}
	content, _, err := e.read(ctx, jobKey(id))
	if errors.Is(err, artifact.ErrNotFound) {
		return in, run.ErrNotFound
	}
	if err != nil {
		return in, fmt.Errorf("reading the input of job %s: %w", id, err)
	}
	if err := json.Unmarshal(content, &in); err != nil {
		return in, fmt.Errorf("reading the input of job %s: %w", id, err)
	}
	return in, nil
}
