package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// Problems of an apply: what was changed comes first, then what to do.

// again is what follows when nothing was changed: a plan is given to one apply,
// whatever became of that.
const again = "Comment `/plan`, then `/apply`."

func planMismatch(detail string) *run.Problem {
	return &run.Problem{Code: "plan_mismatch", Detail: detail, Message: "The stored plan was not made for this project at this commit, so nothing was applied. " + again}
}

func planChanged(detail string) *run.Problem {
	return &run.Problem{Code: "plan_changed", Detail: detail, Message: "The stored plan is missing or no longer what was stored, so nothing was applied. " +
		again + " When that does not help, contact your Lockkeeper administrator."}
}

func planSealed() *run.Problem {
	return &run.Problem{Code: "plan_sealed", Message: "The stored plan is encrypted with a key that the server does not have, so nothing was applied. " +
		again + " Your Lockkeeper administrator can give the old key back beside the new one instead."}
}

func terraformChanged(then, now string) *run.Problem {
	return &run.Problem{Code: "terraform_changed", Message: fmt.Sprintf(
		"The plan was made by %s and this server now has %s for the project, so nothing was applied. %s", codeSpan(then), codeSpan(now), again)}
}

func planUsed() *run.Problem {
	return &run.Problem{Code: "plan_used", Message: "An apply of this plan began before, and a plan is applied once, so this one did nothing. Comment `/plan` to see what is left to do."}
}

func moduleChanged(name, detail string) *run.Problem {
	if name == "" {
		name = "root"
	}
	return &run.Problem{Code: "module_changed", Detail: detail, Message: fmt.Sprintf(
		"The module %s is not what it was when it was planned, so nothing was applied. Name an exact version or commit as its source and push.", codeSpan(name))}
}

func withdrawn() *run.Problem {
	return &run.Problem{Code: "withdrawn", Message: "Stopped before anything was changed, because the pull request changed meanwhile. " + again}
}

// Interrupted is the problem of an apply whose processes are gone without a
// word. began says whether terraform may have changed something.
func Interrupted(began bool) *run.Problem {
	if !began {
		return &run.Problem{Code: "interrupted", Message: "The apply ended before terraform began, because its process was killed or the server restarted. Nothing was changed. " + again}
	}
	return &run.Problem{Code: "interrupted", Message: "The apply ended without saying how, because its process was killed or the server restarted. " +
		"Nobody knows how far it got, and it was not repeated. " + lookAt}
}

// lookAt is what to do when nobody knows how far an apply got.
const lookAt = "Read what Terraform printed until then, and comment `/plan`: it shows what is left to do. " +
	"A resource that was being created may exist and be missing from the state: look for it before you apply again. " +
	"When a lock on the state was left behind, the next `/apply` names it and the command that removes it."

// beforeApply makes the problem of a job one of an apply that did not begin.
func planStale(detail string) *run.Problem {
	return &run.Problem{Code: "plan_stale", Detail: detail, Message: "The state changed since the plan, so nothing was applied. Comment `/plan`, look at what is different now, then `/apply`."}
}

func beforeApply(p *run.Problem) *run.Problem {
	out := *p
	switch p.Code {
	case "cancelled":
		out.Message = "Cancelled before anything was changed. " + again
	case "timed_out":
		out.Message = "The time that the server allows was over before terraform began, so nothing was changed. " + again
	case "plan_mismatch", "plan_changed", "plan_sealed", "terraform_changed", "plan_used", "plan_stale", "apply_refused", "module_changed", "withdrawn":
	default:
		out.Message += " Nothing was changed."
	}
	return &out
}

// duringApply makes the problem of a job one of an apply that began. killed
// says that terraform did not end in time after its interrupt.
func duringApply(p *run.Problem, killed bool) *run.Problem {
	why := map[string]string{
		"cancelled":           "The apply was interrupted, because it was cancelled.",
		"timed_out":           "The apply took longer than the server allows and was interrupted.",
		"output_too_large":    "The apply printed too much and was interrupted.",
		"disk_exceeded":       "The apply wrote more to the disk than the server allows and was interrupted.",
		"disk_files_exceeded": "The apply made more files than the server allows and was interrupted.",
		"disk_full":           "The server's disk is nearly full, and the apply was interrupted.",
		"memory_exceeded":     "The apply took more memory than the server allows and was ended.",
		"processes_exceeded":  "The apply started more processes than the server allows and was ended.",
		"watches_exceeded":    "The server's user could watch no further file (epoll), and the apply was ended.",
		"terraform_killed":    "The apply was killed, most likely because the server ran out of memory.",
	}[p.Code]
	if why == "" {
		return p
	}
	out := *p
	if p.Code == "cancelled" {
		out.Code = "interrupted" // it did change something, so it is not as if nothing had happened
	}
	if killed || slices.Contains([]string{"terraform_killed", "memory_exceeded", "processes_exceeded", "watches_exceeded"}, p.Code) {
		out.Message = why + " Terraform did not exit cleanly, so nobody knows how far it got. " + lookAt
		return &out
	}
	out.Message = why + " Terraform exited cleanly: what was done until then is in the state, the rest was not done. Comment `/plan` to see what is left."
	return &out
}

// refusedByTerraform finds the problem in which terraform says that it did not
// begin; nil when it is something else. printed is what the apply wrote beside
// its errors: when there is anything but words on the state's lock, it did begin,
// since terraform prints what it is about to do with a resource before it does it.
func refusedByTerraform(printed, errors string) *run.Problem {
	for line := range strings.Lines(printed) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "Acquiring state lock.") && !strings.HasPrefix(line, "Releasing state lock.") {
			return nil
		}
	}
	title, _, _ := strings.Cut(errors, "\n")
	switch strings.TrimSpace(title) {
	case "Error: Saved plan is stale", "Error: Saved plan does not match the given state":
		return planStale(errors)
	case "Error: Error acquiring the state lock":
		return stateLocked(errors)
	case "Error: No value for required variable", "Error: Can't change variable when applying a saved plan", "Error: Failed to read variables file",
		"Error: Inconsistent dependency lock file", "Error: Required plugins are not installed":
		return &run.Problem{Code: "apply_refused", Detail: errors, Message: "Terraform refused to begin, so nothing was applied. Correct what it says below, then comment `/plan` and `/apply`."}
	}
	if strings.HasPrefix(title, "Error: ") { // a state that cannot be read, credentials of a backend or a provider that are not valid
		return &run.Problem{Code: "apply_refused", Detail: errors, Message: "Terraform ended before it made, changed or destroyed anything. Correct what it says below, then comment `/plan` and `/apply`."}
	}
	return nil
}

// stateLocked tells whose lock it is, from what terraform prints:
//
//	Lock Info:
//	  ID:        5e8c8b2c-…
//	  Operation: OperationTypeApply
//	  Who:       user@host
//	  Created:   2026-11-21 12:33:27.5 +0000 UTC
func stateLocked(errors string) *run.Problem {
	info := lockInfo(errors)
	if info["ID"] == "" && strings.Contains(strings.Join(strings.Fields(errors), " "), "open /") { // a file of this machine that no job reaches
		return &run.Problem{Code: "state_out_of_reach", Detail: errors, Message: "The file of the state cannot be written from a job, so nothing was applied. " +
			"Your Lockkeeper administrator adds its directory to `directories.write` of the environment in the server's config; then comment `/apply` again."}
	}
	if info["ID"] == "" && !strings.Contains(errors, "Lock Info:") { // nobody has it, as far as is known
		return &run.Problem{Code: "apply_refused", Detail: errors, Message: "The lock of the state could not be taken, so nothing was applied. Correct what it says below, then comment `/plan` and `/apply`."}
	}
	held := fmt.Sprintf(" Lock %s was taken by %s at %s.", markdown.Quote(info["ID"]), markdown.Quote(info["Who"]), markdown.Quote(info["Created"]))
	if info["Who"] == "" {
		held = fmt.Sprintf(" Lock %s is held.", markdown.Quote(info["ID"]))
	}
	p := &run.Problem{Code: "state_locked", Detail: errors, Message: "The state is locked by somebody else, so nothing was applied."}
	if isLockID(info["ID"]) {
		p.Message += held + fmt.Sprintf(" When its holder is still at work, wait for its end. When it died, remove its lock in the project's directory: `terraform force-unlock %s`.", info["ID"])
	} else {
		p.Message += " What is below says whose lock it is. When that is still at work, wait for its end; when it died, remove the lock."
	}
	p.Message += " Then comment `/plan`, and `/apply`."
	return p
}

// lockInfo reads what terraform prints about a lock, by the names in it. The
// http backend prints what it wanted to be the lock; the one that is there is
// in the line before ("HTTP remote state already locked: ID=…").
func lockInfo(errors string) map[string]string {
	before, text, _ := strings.Cut(errors, "Lock Info:\n")
	if _, there, ok := strings.Cut(before, "already locked:"); ok {
		if id, ok := strings.CutPrefix(strings.TrimSpace(there), "ID="); ok {
			return map[string]string{"ID": id}
		}
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || !strings.HasPrefix(line, "  ") {
			break
		}
		info[name] = strings.TrimSpace(value)
	}
	return info
}

// isLockID reports what may stand in a command that people copy. Backends use
// UUIDs and numbers.
func isLockID(id string) bool {
	return len(id) <= 100 && id != "" && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" && id[0] != '-'
}

// stateLost is for a plan whose state would end with the job.
func stateLost() *run.Problem {
	return &run.Problem{Code: "state_lost", Message: "The state would be lost with this job, because the project names no backend, or one that writes into the job's own directory, " +
		"so nothing was applied. Name another backend, push, and comment `/apply` when the new plan is shown."}
}

// stateNotRemote is for changes that are in a state that no next plan sees. where
// is Markdown that names the file of it.
func stateNotRemote(where string, project run.JobProject, detail string) *run.Problem {
	return &run.Problem{Code: run.CodeStateNotRemote, Detail: detail, Message: fmt.Sprintf(
		"The apply wrote the state into a file in the project's own directory, which is removed with the job, because the project names no backend elsewhere. "+
			"**Do not apply this project again before it has one.** The state is kept as %s. Give the project a backend, copy that file from the server to "+
			"`errored.tfstate` in the directory %s, and run there, in the workspace %s, `terraform init` and `terraform state push errored.tfstate`. Then comment `/unlock` and `/plan`.",
		where, codeSpan(project.Dir), codeSpan(project.Workspace))}
}

// stateNotSaved is for changes that were made and are in no state. where is
// Markdown that says where terraform's errored.tfstate is.
func stateNotSaved(where string, project run.JobProject, detail string) *run.Problem {
	return &run.Problem{Code: run.CodeStateNotSaved, Detail: detail, Message: fmt.Sprintf(
		"The apply made changes but could not write the state. **Do not apply this project again before its state is repaired.** "+
			"What has to be in the state is kept as %s. Copy it from the server into the directory %s, then run there, in the workspace %s, "+
			"`terraform init` and `terraform state push errored.tfstate`. Then comment `/unlock` and `/plan`.",
		where, codeSpan(project.Dir), codeSpan(project.Workspace))}
}
