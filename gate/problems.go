package gate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Explain makes of an error, met on the way of a run, what worker.Worker documents;
// nil stays nil.
func Explain(r run.Run, err error, now time.Time) error {
	if err == nil {
		return nil
	}
	if wait, temporary := pull.RetryAfter(err, now); temporary {
		return &run.Temporary{After: wait, Err: err, Problem: credentials(err)}
	}
	return problem(r, err)
}

// credentials is what people read when GitHub goes on refusing the App's
// credentials: nobody's permissions are to blame.
func credentials(err error) *run.Problem {
	if !pull.Unauthorized(err) {
		return nil
	}
	return &run.Problem{Code: "credentials", Message: "GitHub does not take the credentials of Lockkeeper's GitHub App (it answered 401), also after new ones were requested " +
		"for, so nothing was done. Comment the command again; if that does not help, have your Lockkeeper administrator look at the App's private key and the server's clock."}
}

// problem turns what people can fix into problems; anything else stays as it is.
func problem(r run.Run, err error) error {
	var problems project.Problems
	var unknown *project.UnknownError
	var refused *pull.RefusedError
	var unread *pull.ReadError
	var history *pull.HistoryError
	nothing := "nothing was planned"
	if r.Kind.Traits().Changes {
		nothing = "nothing was applied"
	}
	switch {
	case errors.Is(err, pull.ErrUnrelated):
		return &run.Problem{Code: "unrelated", Message: "The branch shares no history with its base, so what it changes " +
			"is not known. Make the branch from the base branch and push it again."}
	case errors.Is(err, pull.ErrNoHead):
		return &run.Problem{Code: "head_gone", Message: "The branch of this pull request is gone, so " + nothing + ". Restore it, or open " +
			"another pull request."}
	case errors.As(err, &problems):
		return &run.Problem{Code: run.CodeConfig, Detail: problems.Error(),
			Message: "`lockkeeper.yml` on the base branch has mistakes, so " + nothing + ". Fix it on the base " +
				"branch (`lockkeeper validate` checks it before you push); this pull request is planned again then."}
	case errors.As(err, &unknown):
		return unknownProject(r, unknown, nothing)
	case errors.As(err, &refused):
		return &run.Problem{Code: "source", Detail: refused.Error(),
			Message: "The source of this pull request holds something that Lockkeeper does not hand to Terraform. " +
				"Remove it from the branch and push again."}
	case errors.As(err, &history):
		return &run.Problem{Code: "history", Detail: history.Reason, Message: fmt.Sprintf(
			"Git refuses an object of this repository's history, so %s: %s breaks its rule %s, which guards whoever checks it out. Remove "+
				"it from the branch, and from its base branch where it is merged, then push again; `git fsck` finds it in a clone.",
			nothing, markdown.Quote(history.Object), markdown.Quote(history.Rule))}
	case errors.As(err, &unread):
		return couldNotRead(unread, nothing)
	}
	return err
}

// otherRepository: a repository of this name is another one than the event was
// about. Nobody there requested anything.
func otherRepository(r run.Repository, id int64) error {
	return &run.SilentRefusal{Problem: run.Problem{Code: "other_repository", Message: fmt.Sprintf(
		"GitHub's %s has the id %d and not %d, which is in the event, so nothing was done.", markdown.Quote(r.FullName()), id, r.ID)}}
}

func otherInstallation(r run.Repository) error {
	return &run.SilentRefusal{Problem: run.Problem{Code: "other_repository", Message: fmt.Sprintf(
		"The installation %d, which is in the event, is not one that reads %s, so nothing was done.", r.InstallationID, markdown.Quote(r.FullName()))}}
}

// couldNotRead: what is not known is not allowed.
func couldNotRead(e *pull.ReadError, nothing string) *run.Problem {
	answered := ""
	if e.Status != 0 {
		answered = fmt.Sprintf(" (GitHub answered %d)", e.Status)
	}
	return &run.Problem{Code: "could_not_read", Detail: e.Error(), Message: fmt.Sprintf(
		"Lockkeeper could not read %s%s, so %s. Comment the command again; if that does not help, have your Lockkeeper administrator "+
			"compare the permissions of the GitHub App with those that it needs.", markdown.Quote(e.What), answered, nothing)}
}

func unknownProject(r run.Run, e *project.UnknownError, nothing string) *run.Problem {
	message := "No project is called " + markdown.Quote(e.Selector) + ", so " + nothing + ". "
	switch {
	case len(e.Close) == 0:
		message += "This repository has no projects at this commit."
	case e.Total == 1:
		message += "There is 1 project here: " + markdown.Quote(e.Close[0]) + "."
	default:
		message += fmt.Sprintf("There are %d projects here, such as:", e.Total)
		for _, name := range e.Close {
			message += "\n- " + markdown.Quote(name)
		}
		message += "\n\nType the exact name, the directory, or a pattern such as `/" + string(r.Kind) + " " + globExample(e.Close[0]) + "`."
	}
	return &run.Problem{Code: "unknown_project", Message: message}
}

// globExample makes a pattern from the name of a project or of its directory, in double
// quotes when it has blanks.
func globExample(name string) string {
	pattern := name + "*"
	if i := strings.IndexAny(name, "-/_"); i > 0 {
		pattern = name[:i+1] + "*"
	}
	if strings.ContainsRune(pattern, ' ') {
		pattern = `"` + pattern + `"`
	}
	return pattern
}

// refusal is what people see of a verdict that denies.
func refusal(v policy.Verdict) error {
	missing := v.Missing()
	if len(missing) == 0 {
		return &run.Problem{Code: "not_allowed", Message: "This is not allowed, and no reason is known. Contact your Lockkeeper administrator."}
	}
	problem := run.Problem{Code: missing[0].Predicate, Message: v.Explain(), Why: forLog(missing)}
	if v.Silent() {
		return &run.SilentRefusal{Problem: problem}
	}
	return &problem
}

// forLog joins what is missing. Rules may repeat what is in a plan, so of theirs there
// is the name alone.
func forLog(missing []policy.Reason) string {
	var out []string
	for _, m := range missing {
		if m.Predicate == "plan_policy" || m.Text == "" {
			out = append(out, m.Predicate)
			continue
		}
		out = append(out, m.Text)
	}
	return strings.Join(out, "; ")
}
