package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// Problems of a job: each tells what happened and what to do next.

func cancelled() *run.Problem {
	return &run.Problem{Code: "cancelled", Message: "The plan was cancelled. Comment `/plan` to plan again."}
}

func timedOut(limit time.Duration) *run.Problem {
	return &run.Problem{Code: "timed_out", Message: fmt.Sprintf(
		"The plan took longer than the %s that the server allows and was ended. Plan fewer resources at once, or have the limit raised; then comment `/plan` again.", limit)}
}

func planTooLarge(limit int64) *run.Problem {
	return &run.Problem{Code: "plan_too_large", Message: fmt.Sprintf(
		"The plan is larger than the %s that the server allows, so it was thrown away. Split the project, or look for a value that grows with every resource; then comment `/plan` again.", megabytes(limit))}
}

// planExchanged is for a plan file that is not what terraform makes of the commit.
func planExchanged(detail string) *run.Problem {
	return &run.Problem{Code: "plan_mismatch", Detail: detail, Message: "The plan file does not hold the configuration of this commit, so it was thrown away. Look for what changes files while Terraform plans, such as a program that the plan runs; then comment `/plan` again."}
}

// planUnreadable is for a plan file that cannot be compared with the commit.
func planUnreadable(detail string) *run.Problem {
	return &run.Problem{Code: "plan_unreadable", Detail: detail, Message: "The plan file cannot be read, so nobody can tell whether it plans this commit, and it was thrown away. OpenTofu's encryption of plans and remote runs in HCP Terraform cannot be used with Lockkeeper: take the first out of `encryption`, or let the runs be local; then comment `/plan` again."}
}

func outputTooLarge(limit int64) *run.Problem {
	return &run.Problem{Code: "output_too_large", Message: fmt.Sprintf(
		"Terraform printed more than %s and was ended. Look for a value that grows with every resource; then comment `/plan` again.", megabytes(limit))}
}

func megabytes(n int64) string { return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20)) }

func stepFailed(step, program, detail string) *run.Problem {
	p := &run.Problem{Code: step + "_failed", Detail: detail}
	switch step {
	case "init":
		p.Message = "`init` failed, so nothing else ran. Correct what it says below, push, and it is planned again."
	case "plan":
		p.Message = "`plan` failed. Correct what it says below, push, and it is planned again."
	case "apply":
		p.Message = "`apply` failed, and some of its changes may have been made. Correct what it says below; `/plan` shows what is left to do."
	default:
		p.Message = fmt.Sprintf("%s could not read its own plan. Comment `/plan` to plan again.", program)
	}
	return p
}

func stepKilled(step string, signal fmt.Stringer, detail string) *run.Problem {
	return &run.Problem{Code: "terraform_killed", Detail: detail, Message: fmt.Sprintf(
		"`%s` was ended from outside (%s), most likely because the server ran out of memory. Comment `/plan` to plan again; when it happens again, tell whoever runs Lockkeeper.", step, signal)}
}

func directoryMissing(dir string) *run.Problem {
	return &run.Problem{Code: "directory_missing", Message: fmt.Sprintf(
		"The directory %s does not exist in this commit. Restore it, or remove its project from `lockkeeper.yml`.", codeSpan(dir))}
}

func sourceRefused(detail string) *run.Problem {
	return &run.Problem{Code: "source_refused", Detail: detail, Message: "The files of this commit cannot be used, so nothing ran. Remove what is named below from the branch and push."}
}

func sourceChanged(detail string) *run.Problem {
	return &run.Problem{Code: "source_changed", Detail: detail, Message: "The stored source of this commit is missing or no longer what was stored, so nothing ran. Comment `/plan` to store and plan it again; when that does not help, tell whoever runs Lockkeeper."}
}

func refusedValue(what, value string) *run.Problem {
	return &run.Problem{Code: "document_refused", Message: fmt.Sprintf(
		"The project's %s %s cannot be used, so nothing ran. Correct it in `lockkeeper.yml`.", what, codeSpan(value))}
}

// unexpected is an error of the machine rather than of what was asked for.
func unexpected(err error) *run.Problem {
	return &run.Problem{Code: "runner_failed", Detail: plain(err.Error()), Message: "The server could not carry out the job. Comment `/plan` to try again; when it fails again, tell whoever runs Lockkeeper."}
}

// codeSpan quotes untrusted text for a Markdown sentence.
func codeSpan(s string) string {
	s = strings.ReplaceAll(plain(s), "\n", " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	if !strings.Contains(s, "`") {
		return "`" + s + "`"
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	return fence + " " + s + " " + fence
}

func longestRun(s string) int {
	longest, n := 0, 0
	for _, c := range s {
		n++
		if c != '`' {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
