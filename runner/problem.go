package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
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
	return &run.Problem{Code: "plan_mismatch", Detail: detail, Message: "The plan file does not hold the configuration of this commit, or is of another state, so it was thrown away. Look for what changes files while Terraform plans, such as a program that the plan runs; then comment `/plan` again."}
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
	switch {
	case step == "init" && unreachable(detail):
		p.Message = "`init` failed, so nothing else ran: a server did not answer from which Terraform gets providers, modules or the state. Comment `/plan` again; when it happens again, contact your Lockkeeper administrator."
	case step == "init":
		p.Message = "`init` failed, so nothing else ran. Correct what it says below, push, and it is planned again."
	case step == "plan":
		p.Message = "`plan` failed. Correct what it says below, push, and it is planned again."
	case step == "apply":
		p.Message = "`apply` failed, and some of its changes may have been made. Correct what it says below; `/plan` shows what is left to do."
	case step == "state":
		p.Code, p.Message = "apply_refused", "Terraform could not read the state, so nothing was applied. Correct what it says below, then comment `/plan` and `/apply`."
	default:
		p.Message = fmt.Sprintf("%s could not read its own plan. Comment `/plan` to plan again.", program)
	}
	if strings.Contains(detail, "Core version") && strings.Contains(detail, "Error: Unsupported ") { // required_version
		p.Message += " A project can ask for another version by `terraform` or `tofu` in `lockkeeper.yml`."
	}
	return p
}

// noAnswer are what Go's network code says when nobody answered.
var noAnswer = regexp.MustCompile(`dial (tcp|udp).*(no such host|connection refused|i/o timeout|network is unreachable|no route to host)|lookup \S+.*(no such host|i/o timeout|server misbehaving)|Client\.Timeout exceeded|TLS handshake timeout`)

// unreachable tells that init failed for want of an answer, from errors whose lines
// Terraform may have broken anywhere.
func unreachable(detail string) bool {
	return noAnswer.MatchString(strings.Join(strings.Fields(detail), " "))
}

func stepKilled(step string, signal fmt.Stringer, detail string) *run.Problem {
	return &run.Problem{Code: "terraform_killed", Detail: detail, Message: fmt.Sprintf(
		"`%s` was killed (%s), most likely because the server ran out of memory. Comment `/plan` to plan again; when it happens again, contact your Lockkeeper administrator.", step, signal)}
}

// fileTooLarge is the signal for a program that writes more than it may to a file.
const fileTooLarge = int(syscall.SIGXFSZ)

func memoryExceeded(limit int64, detail string) *run.Problem {
	return &run.Problem{Code: "memory_exceeded", Detail: detail, Message: fmt.Sprintf(
		"Terraform and its providers took more than the %s of memory that the server allows a job, and were ended. Plan fewer resources at once, or have the limit raised; then comment `/plan` again.", megabytes(limit))}
}

func processesExceeded(limit int, detail string) *run.Problem {
	return &run.Problem{Code: "processes_exceeded", Detail: detail, Message: fmt.Sprintf(
		"The job started more than the %d processes and threads that the server allows, and was ended. Look for a program that starts others without end, or have the limit raised; then comment `/plan` again.", limit)}
}

func filesExceeded(limit int, detail string) *run.Problem {
	return &run.Problem{Code: "files_exceeded", Detail: detail, Message: fmt.Sprintf(
		"A program of the job opened more than the %d files that the server allows. Correct what it says below, or have the limit raised; then comment `/plan` again.", limit)}
}

func watchesExceeded(detail string) *run.Problem {
	return &run.Problem{Code: "watches_exceeded", Detail: detail, Message: "The server's user could watch no further file (epoll), and the job was ended so that others go on. " +
		"Look for a program that opens files or connections without end; then comment `/plan` again."}
}

func fileSizeExceeded(limit int64, detail string) *run.Problem {
	return &run.Problem{Code: "file_size_exceeded", Detail: detail, Message: fmt.Sprintf(
		"A program of the job wrote a file that is larger than the %s that the server allows. Correct what it says below, or have the limit raised; then comment `/plan` again.", megabytes(limit))}
}

func notIsolated(missing []jail.Finding) *run.Problem {
	var names, remedies []string
	for _, f := range missing {
		names = append(names, string(f.Property))
		if !slices.Contains(remedies, f.Remedy) {
			remedies = append(remedies, f.Remedy)
		}
	}
	return &run.Problem{Code: "not_isolated", Detail: strings.Join(remedies, "\n"), Message: fmt.Sprintf(
		"This server cannot keep what Terraform runs apart from everything else (%s), so nothing ran. Contact your Lockkeeper administrator.", strings.Join(names, ", "))}
}

func directoryMissing(dir string) *run.Problem {
	return &run.Problem{Code: "directory_missing", Message: fmt.Sprintf(
		"The directory %s does not exist in this commit. Restore it, or remove its project from `lockkeeper.yml`.", codeSpan(dir))}
}

func sourceRefused(detail string) *run.Problem {
	return &run.Problem{Code: "source_refused", Detail: detail, Message: "The files of this commit cannot be used, so nothing ran. Remove what is named below from the branch and push."}
}

func sourceChanged(detail string) *run.Problem {
	return &run.Problem{Code: "source_changed", Detail: detail, Message: "The stored source of this commit is missing or no longer what was stored, so nothing ran. Comment `/plan` to store and plan it again; when that does not help, contact your Lockkeeper administrator."}
}

func refusedValue(what, value string) *run.Problem {
	return &run.Problem{Code: "document_refused", Message: fmt.Sprintf(
		"The project's %s %s cannot be used, so nothing ran. Correct it in `lockkeeper.yml`.", what, codeSpan(value))}
}

// unexpected is an error of the machine rather than of what was requested.
func unexpected(err error) *run.Problem {
	return &run.Problem{Code: "runner_failed", Detail: plain(err.Error()), Message: "The server could not run the job. Comment `/plan` to try again; when it fails again, contact your Lockkeeper administrator."}
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
