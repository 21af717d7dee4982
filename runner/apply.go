package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// Withdrawn is who an engine says it is when it makes the claim of an apply
// (AppliedKey) in the job's place, so that the job never begins.
const Withdrawn = "withdrawn"

// lockTimeout is how long terraform waits for a state that somebody else has
// locked: other tools lock it for a moment to plan.
const lockTimeout = "30s"

// claimWithin is how long a store may take for a claim, also when the job has
// to end meanwhile. A container that has to end has 20 seconds for its result.
const claimWithin = 10 * time.Second

// apply is the work of an apply job: the same source, exactly the stored plan,
// and nothing of it twice.
func (j *job) apply(ctx context.Context) *run.Problem {
	p := j.change(ctx)
	j.giveTurn()
	_, ran := j.wrote["apply"]
	if ran {
		p = j.afterApply(p)
	} else {
		p = beforeApply(p)
	}
	if len(j.steps) == 0 {
		return p
	}
	// What happened is wanted also when the time is over.
	if err := j.putAll(context.WithoutCancel(ctx), map[string]putting{run.ArtifactOutput: j.putOutput}); err != nil {
		fmt.Fprintln(os.Stderr, err) // what became of the apply is worth more than this error
	}
	return p
}

// afterApply tells what the end of terraform means.
func (j *job) afterApply(p *run.Problem) *run.Problem {
	j.began = true
	if problem := j.keepState(); problem != nil {
		return problem
	}
	if p == nil {
		return nil
	}
	if p.Code == "apply_failed" {
		if refused := refusedByTerraform(j.beginningOf(j.wrote["apply"][0]), j.detail("apply")); refused != nil {
			j.began = false
			return refused
		}
	}
	return duringApply(p, j.killed)
}

// change is everything up to the end of terraform.
func (j *job) change(ctx context.Context) *run.Problem {
	init, problem := j.initArguments()
	if problem != nil {
		return problem
	}
	if p := j.checkPlan(); p != nil {
		return p
	}
	if p := j.fetchPlan(ctx); p != nil {
		return p
	}
	if p := j.unpack(ctx); p != nil {
		return p
	}
	if p := j.bring(ctx); p != nil {
		return p
	}
	plan, err := readPlanFile(j.path(run.ArtifactPlan))
	if err != nil {
		return planMismatch(plain(err.Error()))
	}
	if p := j.install(ctx, init, plan); p != nil {
		return p
	}
	if p := j.compareState(ctx, plan); p != nil {
		return p
	}
	if p := j.mayBegin(ctx); p != nil {
		return p
	}
	return j.terraform(ctx, "apply", j.applyArguments()...)
}

// checkPlan makes sure that the document's plan belongs to the document.
// Terraform alone would not: it applies the plan of another directory to a state
// that does not exist yet.
func (j *job) checkPlan() *run.Problem {
	plan := j.doc.Plan
	switch {
	case plan == nil:
		return planMismatch("the document has no plan")
	case !j.isOf(plan.JobID, plan.File, run.ArtifactPlan):
		return planMismatch(fmt.Sprintf("%.200q is no plan of the job %.100q", plan.File.Key, plan.JobID))
	case plan.Binding != j.doc.Binding():
		return planMismatch("repository, commit, base, directory, workspace or variables are not those of the plan")
	case plan.Terraform != j.options.TerraformName:
		return terraformChanged(plan.Terraform, j.options.TerraformName)
	case plan.File.Size > j.doc.Limits.PlanBytes:
		return planTooLarge(j.doc.Limits.PlanBytes)
	case plan.Made != nil && !j.isOf(plan.JobID, *plan.Made, run.ArtifactMade):
		return planMismatch(fmt.Sprintf("%.200q holds no files that the job %.100q made", plan.Made.Key, plan.JobID))
	}
	return nil
}

// fetchPlan copies the stored plan into the job's directory. What terraform
// reads is then what was verified.
func (j *job) fetchPlan(ctx context.Context) *run.Problem {
	return storedProblem(ctx, j.copyPlan(ctx))
}

// storedProblem says why what the plan's job stored cannot be had; nil without an error.
func storedProblem(ctx context.Context, err error) *run.Problem {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, artifact.ErrChanged), errors.Is(err, artifact.ErrNotFound):
		return planChanged(plain(err.Error()))
	case errors.Is(err, artifact.ErrSealed):
		return planSealed()
	}
	if p := ended(ctx); p != nil {
		return p
	}
	return unexpected(err)
}

func (j *job) copyPlan(ctx context.Context) error {
	from, err := j.store.Open(ctx, j.doc.Plan.File)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenFile(j.path(run.ArtifactPlan), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// install prepares the project's directory. Terraform takes configuration,
// backend and versions from the plan file; what it needs beside it are the
// providers, and modules that are not in the repository. When this machine has
// them there is nothing for init to do, which saves half of the time.
func (j *job) install(ctx context.Context, init []string, plan planFile) *run.Problem {
	if wrong := j.differs(plan, j.fromCommit); wrong != "" {
		return planMismatch(plain(wrong))
	}
	if j.keeping(plan.backend) != run.StateKept {
		return stateLost()
	}
	if plan.lock != nil {
		// Terraform refuses a plan that was made with other versions.
		if err := errors.Join(j.remove(filepath.Join(j.dir, lockFile)), os.WriteFile(filepath.Join(j.dir, lockFile), plan.lock, 0o600)); err != nil { // it may be a link
			return unexpected(err)
		}
		init = append(init, "-lockfile=readonly")
	}
	if err := j.installation(); err != nil {
		return unexpected(err)
	}
	j.env = j.environment(os.LookupEnv)
	if j.doc.Project.FromModule == "" {
		j.noteGiven()
		if wrong := j.exchangedValue(plan); wrong != "" {
			return planMismatch(plain(wrong))
		}
	}
	if j.needsNoInit(plan) {
		return j.recordInit(plan)
	}
	if p := j.terraform(ctx, "init", init...); p != nil {
		return p
	}
	if _, err := j.afterInit(); err != nil {
		return unexpected(err)
	}
	wrong, err := j.differsInState(plan)
	if err != nil {
		return unexpected(err)
	}
	if wrong != "" {
		return planMismatch(plain(wrong))
	}
	if j.doc.Project.FromModule != "" {
		j.noteGiven()
		if wrong := j.exchangedValue(plan); wrong != "" {
			return planMismatch(plain(wrong))
		}
	}
	for _, m := range plan.modules {
		if j.fromCommit(m) {
			continue
		}
		if wrong := j.differs(plan, func(other savedModule) bool { return other.Key == m.Key }); wrong != "" {
			return moduleChanged(m.Key, plain(wrong))
		}
	}
	if len(plan.installed()) > 0 {
		return j.bringIntoModules(ctx)
	}
	return nil
}

// needsNoInit reports whether everything that an apply of this plan needs is in
// its place. It is known of Terraform only.
func (j *job) needsNoInit(plan planFile) bool {
	return strings.HasPrefix(j.options.TerraformName, "Terraform") && j.options.CLIConfig == "" && j.doc.Plan.BackendHash != "" &&
		j.doc.Project.FromModule == "" && len(plan.installed()) == 0 && j.linkProviders(plan.lock)
}

// mayBegin is the last thing before something changes. The claim outlives the
// job: no other execution, wherever it runs, begins to apply this plan.
func (j *job) mayBegin(ctx context.Context) *run.Problem {
	if p := ended(ctx); p != nil {
		return p
	}
	// A claim that is broken off may have been made, and nobody could tell.
	claiming, done := context.WithTimeout(context.WithoutCancel(ctx), claimWithin)
	defer done()
	err := j.store.Claim(claiming, j.claimKey(), j.doc.JobID)
	if err == nil {
		return nil
	}
	if p := ended(ctx); p != nil { // in the middle of it
		return p
	}
	if !errors.Is(err, artifact.ErrClaimed) {
		return unexpected(err)
	}
	if p := j.used(context.WithoutCancel(ctx)); p != nil {
		return p
	}
	return unexpected(err)
}

// used says that the plan was claimed before; nil when it was not.
func (j *job) used(ctx context.Context) *run.Problem {
	by, claimed, err := j.store.Claimant(ctx, j.claimKey())
	if err != nil {
		if p := ended(ctx); p != nil {
			return p
		}
		return unexpected(err)
	}
	if !claimed {
		return nil
	}
	if by == Withdrawn {
		return withdrawn()
	}
	return planUsed()
}

// AppliedKey is what an apply job claims in the artifact store immediately
// before it begins to change something, unless Options.Claim is another key: by
// its id, or an engine as Withdrawn.
func AppliedKey(doc run.JobDocument) string {
	if doc.Plan == nil {
		return key(doc.RunID, doc.JobID, "applied")
	}
	return key(run.RunOfJob(doc.Plan.JobID), doc.Plan.JobID, "applied")
}

func (j *job) claimKey() string {
	if j.options.Claim != "" {
		return j.options.Claim
	}
	return AppliedKey(j.doc)
}

// applyArguments are those of terraform apply. Of the plan's flags one is for
// the apply; the others are in the plan. The values of ephemeral variables are in
// no plan, so whatever gave the plan its variables gives them again: Terraform
// refuses a value that is another one than in the plan (Terraform language,
// "Ephemeral values in resources").
func (j *job) applyArguments() []string {
	args := []string{"apply", "-input=false", "-no-color", "-lock-timeout=" + lockTimeout}
	again := j.hasEphemeral()
	if again {
		for _, v := range j.doc.Project.VarFiles {
			args = append(args, "-var-file="+v)
		}
	}
	for _, f := range j.doc.Flags {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		if run.Parallelism(f) || again && name == "var" {
			args = append(args, f)
		}
	}
	return append(args, j.path(run.ArtifactPlan))
}

// hasEphemeral reports whether the root module may have ephemeral variables. Older
// versions of Terraform take no variables with a plan, and know no such argument;
// resources have ephemeral_storage in any version.
func (j *job) hasEphemeral() bool {
	left, found := int64(maxPlanConfiguration), false
	_ = j.configuration(path.Clean(j.doc.Project.Dir), &left, func(_ string, content []byte) { // terraform says what cannot be read
		text := strings.NewReplacer(" ", "", "\t", "").Replace(string(content))
		found = found || strings.Contains(text, "ephemeral=") || strings.Contains(text, `ephemeral":`)
	})
	return found
}
