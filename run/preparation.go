package run

import (
	"errors"
	"time"
)

// Temporary is an error that goes away by itself, such as a rate limit.
type Temporary struct {
	After time.Duration // earliest sensible next try; 0 when unknown
	Err   error
	// Problem is what people read when it does not go away; nil is that GitHub did
	// not answer.
	Problem *Problem
}

func (t *Temporary) Error() string { return t.Err.Error() }
func (t *Temporary) Unwrap() error { return t.Err }

// SilentRefusal refuses a run without a word: nobody requested it, and what is
// wrong is no mistake of the person who pushed.
type SilentRefusal struct{ Problem Problem }

func (s *SilentRefusal) Error() string { return s.Problem.Error() }

// Codes of what went wrong while a run was prepared and is no mistake of the requester.
const (
	codeUnavailable = "github_unavailable"
	codePreparing   = "preparing"
)

// AfterPreparing is the event that follows when a run was prepared, or could not be
// and is not tried again. A *Problem refuses it with that, any other error with a
// general sentence.
func AfterPreparing(id string, p Preparation, err error, now time.Time) Event {
	var problem *Problem
	var silent *SilentRefusal
	var temporary *Temporary
	refused := Refused{At: now, HeadSHA: p.HeadSHA, BaseRef: p.BaseRef}
	switch {
	case err == nil:
		return Prepared{At: now, Preparation: p}
	case errors.As(err, &silent):
		return Refused{At: now, Problem: silent.Problem, HeadSHA: p.HeadSHA, Silent: true}
	case errors.As(err, &problem):
		refused.Problem = *problem
	case errors.As(err, &temporary) && temporary.Problem != nil:
		refused.Problem = *temporary.Problem
	case errors.As(err, &temporary):
		refused.Problem = Problem{
			Code: codeUnavailable,
			Message: "GitHub did not answer for a while, so nothing was done. " +
				"Comment the command again when [GitHub is well](https://www.githubstatus.com).",
		}
	default:
		refused.Problem = Problem{
			Code: codePreparing,
			Message: "Lockkeeper could not read this pull request. Comment the command again; if that " +
				"does not help, your Lockkeeper administrator finds the cause in the server log under run `" + id + "`.",
		}
	}
	return refused
}
