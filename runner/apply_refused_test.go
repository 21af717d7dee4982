package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// A plan is applied once, whoever starts a second job for it: not by the same
// job in another place, not by another job.
func TestAPlanIsAppliedOnce(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	first := a.doc
	a.run(t)
	for _, id := range []string{first.JobID, "other-0"} {
		a.options.Dir = filepath.Join(t.TempDir(), "elsewhere")
		a.next(t, id)
		r := a.run(t)
		wantProblem(t, r, "plan_used", "")
		if r.Began || len(r.Steps) > 0 {
			t.Errorf("%s: terraform ran %+v", id, r.Steps)
		}
	}
	if made := strings.Fields(a.made(t)); len(made) != 2 {
		t.Errorf("made: %v", made)
	}
}

// stored is the file of the plan that the next apply takes.
func (a *applying) stored() string { return filepath.Join(a.options.Artifacts, a.doc.Plan.File.Key) }

// otherPlans are the ways in which a plan is not the stored one.
var otherPlans = map[string]struct {
	change func(t *testing.T, a *applying)
	code   string
}{
	"a bit is flipped": {func(t *testing.T, a *applying) {
		content, err := os.ReadFile(a.stored())
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(a.stored(), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "plan_changed"},
	"the file of another project": {func(t *testing.T, a *applying) {
		first := a.stored()
		a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
		a.planAgain(t, "plan-1")
		if err := os.Rename(first, a.stored()); err != nil {
			t.Fatal(err)
		}
	}, "plan_changed"},
	"the plan of another project": {func(_ *testing.T, a *applying) {
		a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
	}, "plan_mismatch"},
	"an older file of the project": {func(t *testing.T, a *applying) {
		older := a.stored()
		a.doc.Flags = []string{"-var=ledger=" + a.ledger + "s"} // else both may have the same bytes
		a.planAgain(t, "plan-1")
		if err := os.Rename(older, a.stored()); err != nil {
			t.Fatal(err)
		}
	}, "plan_changed"},
	"an older plan of the project": {func(t *testing.T, a *applying) {
		older := a.doc.Plan.File
		a.planAgain(t, "plan-1")
		a.doc.Plan.File = older
	}, "plan_mismatch"},
	"of another commit": {func(_ *testing.T, a *applying) { a.doc.Commit = "0" + a.doc.Commit[1:] }, "plan_mismatch"},
	"of another base":   {func(_ *testing.T, a *applying) { a.doc.BaseCommit = "0" + a.doc.BaseCommit[1:] }, "plan_mismatch"},
	"renamed": {func(t *testing.T, a *applying) {
		if err := os.Rename(a.stored(), a.stored()+"x"); err != nil {
			t.Fatal(err)
		}
		a.doc.Plan.File.Key += "x"
	}, "plan_mismatch"},
	"deleted": {func(t *testing.T, a *applying) {
		if err := os.Remove(a.stored()); err != nil {
			t.Fatal(err)
		}
	}, "plan_changed"},
	"no plan":            {func(_ *testing.T, a *applying) { a.doc.Plan = nil }, "plan_mismatch"},
	"no binding":         {func(_ *testing.T, a *applying) { a.doc.Plan.Binding = "" }, "plan_mismatch"},
	"by another version": {func(_ *testing.T, a *applying) { a.doc.Plan.Terraform = "Terraform 1.0.0" }, "terraform_changed"},
	"the source is other": {func(_ *testing.T, a *applying) {
		a.doc.Source.SHA256 = strings.Repeat("0", 64)
		a.doc.Plan.Binding = a.doc.Binding()
	}, "source_changed"},
}

func TestT22_APlanThatIsNotTheStoredOneIsRefusedBeforeTerraformStarts(t *testing.T) {
	t.Parallel()
	planned := plans(t, map[string]string{"app/main.tf": ledger, "other/main.tf": ledger + "# other\n"})
	for name, c := range otherPlans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := planned.copy(t)
			c.change(t, a)
			started := filepath.Join(a.shared(t), "started")
			a.script(t, ": > "+started+"\n")
			wantProblem(t, a.run(t), c.code, "")
			if _, err := os.Stat(started); err == nil {
				t.Error("terraform started")
			}
			a.nothingMade(t)
		})
	}
}

// Terraform applies the plan of another directory to a state that does not
// exist yet: the reason why plans are bound.
func TestT22_TerraformAloneAppliesAPlanOfAnotherDirectory(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger, "other/main.tf": ledger})
	a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
	a.doc.Plan.Binding = a.doc.Binding() // as if it were the plan of other
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded || a.made(t) == "" {
		t.Errorf("terraform refuses it by itself now: %+v", r.Problem)
	}
}

func TestAWithdrawnApplyDoesNotBegin(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	if err := a.artifacts.Claim(t.Context(), AppliedKey(a.doc), Withdrawn); err != nil {
		t.Fatal(err)
	}
	r := a.run(t)
	if r.Outcome != run.OutcomeCancelled || r.Problem.Code != "withdrawn" || r.Began {
		t.Errorf("%+v, %+v", r, r.Problem)
	}
	a.nothingMade(t)
}

// The claim is in the artifact store, so that it also holds where another
// engine runs the job.
func TestTheClaimOfAnApplyIsInTheStore(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	if err := a.artifacts.Claim(t.Context(), AppliedKey(a.doc), "elsewhere-0"); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, a.run(t), "plan_used", "")
	a.nothingMade(t)
	by, claimed, err := a.artifacts.Claimant(t.Context(), AppliedKey(a.doc))
	if by != "elsewhere-0" || !claimed || err != nil {
		t.Errorf("%q, %v, %v", by, claimed, err)
	}
}
