package policy

import (
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// destroysDatabase is a plan's change that the rules protect from.
var destroysDatabase = []Change{{Address: "aws_db_instance.orders", Type: "aws_db_instance"}}

// denial is one fact that alone denies, by one predicate alone.
type denial struct {
	predicate, name string
	change          func(f *Facts, p *Project)
}

// denials are the corpus of the gate: each way in which each predicate can be
// bad. The words of the name say what is wrong.
var denials = []denial{
	{"open", "a closed pull request", func(f *Facts, _ *Project) { f.Open = false }},
	{"open", "a merged pull request", func(f *Facts, _ *Project) { f.Open, f.Merged = false, true }},
	{"same_repository", "T07 a fork", func(f *Facts, _ *Project) { f.Fork = true }},
	{"trusted_base", "T08 a branch that is not the default one", func(f *Facts, _ *Project) { f.BaseRef = "evil" }},
	{"trusted_base", "T08 the default branch in another case", func(f *Facts, _ *Project) { f.BaseRef = "Main" }},
	{"trusted_base", "T08 a branch that begins like it", func(f *Facts, _ *Project) { f.BaseRef = "main/x" }},
	{"trusted_base", "T08 a branch that is called like its ref", func(f *Facts, _ *Project) { f.BaseRef = "refs/heads/main" }},
	{"trusted_base", "T08 a branch that is not listed", func(f *Facts, _ *Project) { f.Branches, f.BaseRef = []string{"main", "release/*"}, "evil" }},
	{"trusted_base", "T08 the default branch, when others are listed", func(f *Facts, _ *Project) { f.Branches = []string{"release/*"} }},
	{"trusted_base", "T08 a pattern crosses no slash", func(f *Facts, _ *Project) { f.Branches, f.BaseRef = []string{"release/*"}, "release/1/evil" }},
	{"trusted_base", "T08 a pattern matches the whole name", func(f *Facts, _ *Project) { f.Branches, f.BaseRef = []string{"release/*"}, "my/release/1" }},
	{"trusted_base", "T08 a pattern in another case", func(f *Facts, _ *Project) { f.Branches, f.BaseRef = []string{"release/*"}, "Release/1" }},
	{"trusted_base", "T08 a pattern that is none", func(f *Facts, _ *Project) { f.Branches, f.BaseRef = []string{"[a"}, "[a" }},
	{"trusted_base", "T08 a default branch that looks like a pattern", func(f *Facts, _ *Project) { f.DefaultBranch, f.BaseRef = "ma[i]n", "main" }},
	{"trusted_base", "T08 no base", func(f *Facts, _ *Project) { f.BaseRef, f.Branches = "", []string{"*"} }},
	{"trusted_base", "T08 nothing known", func(f *Facts, _ *Project) { f.BaseRef, f.DefaultBranch = "", "" }},
	{"by_person", "nobody asked", func(f *Facts, _ *Project) { f.ByPerson = false }},
	{"may_write", "a reader", func(f *Facts, _ *Project) { f.Permission = "read" }},
	{"may_write", "a permission that does not exist", func(f *Facts, _ *Project) { f.Permission = "maintain" }},
	{"may_write", "no permission", func(f *Facts, _ *Project) { f.Permission = "" }},
	{"comment_unchanged", "T14 an edited comment", func(f *Facts, _ *Project) { f.CommentChanged = true }},
	{"any_project", "T23 no project", func(f *Facts, _ *Project) { f.Projects = nil }},
	{"mergeable", "conflicts", func(f *Facts, _ *Project) { f.Conflicts = true }},
	{"mergeable", "not worked out yet", func(f *Facts, _ *Project) { f.Unmergeable = true }},
	{"no_changes_requested", "by a third person", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", oldSHA, "write") }},
	{"no_changes_requested", "by an administrator", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", headSHA, "admin") }},
	{"no_changes_requested", "by the author's colleague", func(f *Facts, _ *Project) { f.review("ben", "CHANGES_REQUESTED", headSHA, "write") }},
	{"no_changes_requested", "by whom nobody asked about", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", headSHA, "") }},
	{"no_changes_requested", "then a comment", func(f *Facts, _ *Project) {
		f.review("eve", "CHANGES_REQUESTED", headSHA, "write")
		f.review("eve", "COMMENTED", headSHA, "write")
	}},
	{"no_changes_requested", "a state that does not exist", func(f *Facts, _ *Project) { f.review("eve", "VETOED", headSHA, "write") }},
	{"no_changes_requested", "by two accounts that are gone", func(f *Facts, _ *Project) {
		f.review("", "CHANGES_REQUESTED", headSHA, "write")
		f.review("", "APPROVED", headSHA, "write")
	}},

	{"applies", "an environment without apply", func(_ *Facts, p *Project) { p.Rules.NoApply = true }},
	{"buttons", "a button, in an environment without", func(f *Facts, p *Project) { f.Button, p.Rules.NoButtons = true, true }},
	{"before_merge", "a project that the merge applies", func(_ *Facts, p *Project) { p.AfterMerge = true }},
	{"touched", "T23 a project that is not changed", func(_ *Facts, p *Project) { p.Touched = false }},
	{"may_apply", "neither in the team nor named", func(_ *Facts, p *Project) { p.Rules.Apply = []string{"acme/net", "@dora"} }},
	{"may_apply", "a team that nobody read", func(_ *Facts, p *Project) { p.Rules.Apply = []string{"acme/other"} }},
	{"not_draft", "a draft", func(f *Facts, _ *Project) { f.Draft = true }},
	{"plan_present", "T23 no plan", func(_ *Facts, p *Project) { p.Plan = nil }},
	{"plan_complete", "T23 a plan that failed", func(_ *Facts, p *Project) { p.Plan.Complete = false }},
	{"plan_complete", "a plan of a key that is gone", func(_ *Facts, p *Project) { p.Plan.Complete, p.Plan.Sealed = false, true }},
	{"plan_files", "a file that the apply would miss", func(_ *Facts, p *Project) {
		p.Plan.Missed, p.Plan.Missing = 1, []run.MissedFile{{Name: "app/lambda.zip", Why: run.MissedBytes}}
	}},
	{"plan_files", "more files than are named", func(_ *Facts, p *Project) {
		p.Plan.Missed, p.Plan.Missing = 12, []run.MissedFile{{Name: "app/`x`.zip", Why: run.MissedSpecial}, {Name: "b", Why: "@acme/admins"}}
	}},
	{"plan_files", "files that nobody names", func(_ *Facts, p *Project) { p.Plan.Missed = 3 }},
	{"plan_head", "T18 a plan of an older commit", func(_ *Facts, p *Project) { p.Plan.HeadSHA = oldSHA }},
	{"plan_age", "too old", func(_ *Facts, p *Project) { p.Plan.At = noon.Add(-24*time.Hour - time.Second) }},
	{"plan_age", "of no time", func(_ *Facts, p *Project) { p.Plan.At = time.Time{} }},
	{"plan_unused", "applied before", func(_ *Facts, p *Project) { p.Plan.Used = true }},
	{"plan_lock", "T32 made without the lock", func(_ *Facts, p *Project) { p.Plan.Speculative = true }},
	{"plan_base", "T24 the base branch moved", func(f *Facts, _ *Project) { f.BaseSHA = oldSHA }},
	{"plan_base", "T24 no base", func(f *Facts, p *Project) { f.BaseSHA, p.Plan.BaseSHA = "", "" }},
	{"lock_held", "T32 not held", func(_ *Facts, p *Project) { p.Held = false }},
	{"lock_held", "T32 held by another one", func(_ *Facts, p *Project) { p.Held, p.HeldBy, p.Place = false, 12, 2 }},
	{"lock_held", "T32 held by another one, not in line", func(_ *Facts, p *Project) { p.Held, p.HeldBy = false, 12 }},
	{"lock_held", "T32 held by another one, locks at apply", func(f *Facts, p *Project) { f.LockAtApply, p.Held, p.HeldBy = true, false, 12 }},
	{"lock_held", "T32 in line for a free one", func(_ *Facts, p *Project) { p.Held, p.Place = false, 1 }},
	{"lock_held", "T32 held twice", func(_ *Facts, p *Project) { p.HeldBy = 12 }},
	{"not_busy", "T32 an apply is under way", func(_ *Facts, p *Project) { p.Busy = true }},
	{"settled", "T23 a plan is under way", func(_ *Facts, p *Project) { p.Running = []string{"/plan"} }},
	{"state_kept", "no backend", func(_ *Facts, p *Project) { p.Keeping = NoBackend }},
	{"state_kept", "no backend, whatever the job says", func(_ *Facts, p *Project) { p.Keeping, p.Plan.Keeping = NoBackend, StateKept }},
	{"state_kept", "a local backend with a relative path", func(_ *Facts, p *Project) { p.Keeping, p.Plan.Keeping = RelativePath, StateLost }},
	{"state_kept", "a file of a container", func(_ *Facts, p *Project) { p.Keeping = JobsMachine }},
	{"state_kept", "a backend that keeps nothing", func(_ *Facts, p *Project) { p.Keeping = StateLost }},
	{"state_kept", "lost by what the plan says", func(_ *Facts, p *Project) { p.Plan.Keeping = StateLost }},
	{"state_kept", "lost by what the plan says alone", func(_ *Facts, p *Project) { p.Keeping, p.Plan.Keeping = KeepingUnknown, StateLost }},
	{"state_kept", "nobody says", func(_ *Facts, p *Project) { p.Keeping, p.Plan.Keeping = KeepingUnknown, KeepingUnknown }},
	{"state_kept", "a word that is none", func(_ *Facts, p *Project) { p.Plan.Keeping = "fine" }},
	{"state_found", "an earlier apply left its state beside the backend", func(_ *Facts, p *Project) { p.Astray, p.AstrayIn = true, "artifacts/runs/r1/r1-0.errored.tfstate" }},
	{"state_found", "and nobody knows where", func(_ *Facts, p *Project) { p.Astray = true }},
	{"new_projects", "only the head names it", func(_ *Facts, p *Project) { p.HeadOnly = true }},
	{"new_projects", "only the head names it, and it may be planned", func(_ *Facts, p *Project) { p.HeadOnly, p.Rules.NewProjects = true, NewPlan }},
	{"new_projects", "only the head names it, and the word is none", func(_ *Facts, p *Project) { p.HeadOnly, p.Rules.NewProjects = true, "applies" }},
	{"in_order", "what comes first is not applied", func(_ *Facts, p *Project) { p.Before = []string{"vpc-prod"} }},
	{"in_order", "what comes first is not planned", func(_ *Facts, p *Project) { p.Before, p.Unplanned = []string{"vpc-prod"}, []string{"vpc-prod"} }},
	{"branch_current", "T24 behind, strict", func(f *Facts, _ *Project) { f.Behind = 1 }},
	{"branch_current", "T24 behind by a number that cannot be", func(f *Facts, _ *Project) { f.Behind = -1 }},
	{"branch_current", "T24 its files changed on the base", func(_ *Facts, p *Project) {
		p.Rules.Current, p.BaseChanged = CurrentProject, []string{"modules/vpc/main.tf"}
	}},
	{"checks", "missing", func(f *Facts, _ *Project) { f.Checks = nil }},
	{"checks", "of another name", func(f *Facts, _ *Project) { f.Checks[0].Name = "Build" }},
	{"checks", "running", func(f *Facts, _ *Project) { f.Checks[0].Status = "in_progress" }},
	{"checks", "of a status that does not exist", func(f *Facts, _ *Project) { f.Checks[0].Status = "done" }},
	{"checks", "failed", func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "failure" }},
	{"checks", "of a conclusion that does not exist", func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "SUCCESS" }},
	{"checks", "failed by one app of two", func(f *Facts, _ *Project) {
		f.Checks = append([]Check{{Name: "build", AppID: 9, Status: "completed", Conclusion: "timed_out"}}, f.Checks...)
	}},
	{"checks", "failed by another app of two", func(f *Facts, _ *Project) {
		f.Checks = append(f.Checks, Check{Name: "build", AppID: 9, Status: "completed", Conclusion: "cancelled"})
	}},
	{"approvals", "one too few, and some are asked to", func(f *Facts, p *Project) {
		p.Rules.Approvals, f.Requested = 3, []string{"zoe", f.Author, "acme/platform"}
	}},
	{"approvals", "one too few", func(_ *Facts, p *Project) { p.Rules.Approvals = 3 }},
	{"approvals", "a number that cannot be", func(_ *Facts, p *Project) { p.Rules.Approvals = -1 }},
	{"code_owners", "no owner among those who approve", func(_ *Facts, p *Project) { p.Owners = []string{"@eve", "cleo@example.com"} }},
	{"code_owners", "no owners", func(_ *Facts, p *Project) { p.Owners = nil }},
	{"approved_by", "nobody of the team", func(_ *Facts, p *Project) { p.Rules.ApprovedBy = []string{"acme/other", "@ana"} }},
	{"plan_policy", "not judged", func(_ *Facts, p *Project) { p.Plan.Judged = false }},
	{"plan_policy", "denied", func(_ *Facts, p *Project) { p.Plan.Denied = []string{"no public buckets"} }},
	{"plan_policy", "overridden by whom it does not let", func(f *Facts, p *Project) {
		f.Override, p.Plan.Denied, p.Rules.Override = true, []string{"no public buckets"}, []string{"@eve"}
	}},
	{"plan_policy", "overridden where nobody may", func(f *Facts, p *Project) {
		f.Override, p.Plan.Denied, p.Rules.Override = true, []string{"no public buckets"}, nil
	}},
	{"protected", "destroyed", func(_ *Facts, p *Project) { p.Plan.Changes = destroysDatabase }},
	{"protected", "another project is confirmed", func(f *Facts, p *Project) { f.Confirm, p.Plan.Changes = "network", destroysDatabase }},
	{"protected", "approvals where only confirm= counts", func(_ *Facts, p *Project) { p.Plan.Changes, p.Rules.ProtectedApprovals = destroysDatabase, 0 }},
	{"protected", "a pattern that cannot be read", func(_ *Facts, p *Project) {
		p.Plan.Changes, p.Rules.Protected = []Change{{Address: "null_resource.a", Type: "null_resource"}}, []string{"["}
	}},
}

// facts are those of a denial. The bad fact is of the second of three projects.
func (d denial) facts() Facts {
	f := applicable()
	f.Projects = []Project{applicableProject("app"), applicableProject("network-prod"), applicableProject("web")}
	d.change(&f, &f.Projects[min(1, len(f.Projects)-1)])
	return f
}
