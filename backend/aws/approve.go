package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// A job that waits for approval is an execution that waits for its task token.
// How it ends is one object that is written once: answer, cancellation and time
// limit all try to write it, and the first one counts. The token only lets the
// execution go on.

// Approve implements run.Backend.
func (e *Engine) Approve(ctx context.Context, id, by string) error {
	return e.answer(ctx, id, run.Decision{Approved: true, By: by, At: e.o.Now().UTC()})
}

// Reject implements run.Backend.
func (e *Engine) Reject(ctx context.Context, id, by, reason string) error {
	return e.answer(ctx, id, run.Decision{By: by, Reason: reason, At: e.o.Now().UTC()})
}

func (e *Engine) answer(ctx context.Context, id string, d run.Decision) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	in, err := e.input(ctx, id)
	if err != nil {
		return err
	}
	doc := in.JobDocument
	if doc.Command != run.KindApproval {
		return run.ErrNotFound
	}
	first, err := e.settle(ctx, doc, run.Decided(d))
	if err == nil {
		err = first.Result.Takes(d)
	}
	if err != nil {
		return fmt.Errorf("answering job %s: %w", id, err)
	}
	return nil
}

// settle makes a result the end of a job that waits for approval, unless it has
// ended, and returns the one that counts.
func (e *Engine) settle(ctx context.Context, doc run.JobDocument, r run.Result) (*ended, error) {
	end, err := e.decided(ctx, doc)
	if end == nil && err == nil {
		end, err = e.decide(ctx, doc, r)
	}
	if err != nil {
		return nil, err
	}
	e.passOn(ctx, doc, end.Result)
	return end, nil
}

// decided is how a job that waits for approval ended; nil while it waits. When
// its execution ended first, that is written down as its end.
func (e *Engine) decided(ctx context.Context, doc run.JobDocument) (*ended, error) {
	end, err := e.stored(ctx, answerKey(doc))
	if end != nil || err != nil {
		return end, err
	}
	execution, err := e.Execution(ctx, doc)
	if execution == nil || err != nil {
		return nil, err
	}
	return e.decide(ctx, doc, unanswered(*execution))
}

// decide writes how a job ended, unless that is written, and reads what is.
func (e *Engine) decide(ctx context.Context, doc run.JobDocument, r run.Result) (*ended, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := e.store(ctx, answerKey(doc), content); err != nil {
		return nil, fmt.Errorf("storing how job %s ended: %w", doc.JobID, err)
	}
	end, err := e.stored(ctx, answerKey(doc))
	if end == nil && err == nil {
		err = errors.New("it is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("reading how job %s ended: %w", doc.JobID, err)
	}
	return end, nil
}

// unanswered is the end of a job whose execution ended by itself: well when its
// time limit passed, which the state machine catches.
func unanswered(end Execution) run.Result {
	if end.Succeeded {
		return run.ApprovalExpired()
	}
	return run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{
		Code:    "approval_lost",
		Message: "The wait for approval ended before anybody answered, so nothing was applied. Comment `/plan` to begin again with a new plan.",
		Detail:  end.Cause,
	}}
}

// HasToken reports whether the execution of a job waits and its token has come.
func (e *Engine) HasToken(ctx context.Context, doc run.JobDocument) (bool, error) {
	_, _, err := e.read(ctx, tokenKey(doc))
	if errors.Is(err, artifact.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for the task token of job %s: %w", doc.JobID, err)
	}
	return true, nil
}

// TakeToken stores the token of a job's execution, when the body of a status message is
// about that job and has one.
func (e *Engine) TakeToken(ctx context.Context, doc run.JobDocument, message string) (taken bool, err error) {
	h, err := parseHint(message)
	if err != nil || h.jobID != doc.JobID || h.token == "" {
		return false, nil // it is the server's, which says so
	}
	return true, e.takeToken(ctx, doc, h.token)
}

// takeToken stores the token of an execution that began to wait. What was decided
// before it came is passed on now.
func (e *Engine) takeToken(ctx context.Context, doc run.JobDocument, token string) error {
	if doc.Command != run.KindApproval {
		return fmt.Errorf("job %s has a task token and does not wait for approval", doc.JobID)
	}
	if err := e.store(ctx, tokenKey(doc), []byte(token)); err != nil {
		return fmt.Errorf("storing the task token of job %s: %w", doc.JobID, err)
	}
	end, err := e.stored(ctx, answerKey(doc))
	if err != nil {
		return err
	}
	if end != nil {
		e.passOn(ctx, doc, end.Result)
	}
	return nil
}

// passOn lets the execution of a job go on with what was decided, any number of
// times. It is not what decides: an execution that cannot be reached waits until
// its time limit, and nobody waits for it.
func (e *Engine) passOn(ctx context.Context, doc run.JobDocument, r run.Result) {
	var err error
	switch {
	case r.Decision != nil:
		err = e.SendAnswer(ctx, doc, *r.Decision)
	case r.Outcome == run.OutcomeCancelled:
		err = e.stop(ctx, doc)
	}
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("job", doc.JobID).Msg("telling an execution how it was answered")
	}
}

// SendAnswer sends an answer with the token, if that has come.
func (e *Engine) SendAnswer(ctx context.Context, doc run.JobDocument, d run.Decision) error {
	content, _, err := e.read(ctx, tokenKey(doc))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil // takeToken sends it
	}
	if err != nil {
		return fmt.Errorf("reading its task token: %w", err)
	}
	token := string(content)
	if d.Approved {
		_, err = e.steps.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")})
	} else {
		_, err = e.steps.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &token, Error: aws.String("Rejected"), Cause: aws.String("Rejected by " + d.By)})
	}
	if waitsNoMore(err) {
		return nil
	}
	return Explain(err)
}
