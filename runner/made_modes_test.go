package runner

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// runsScripts needs a script of Git that somebody made executable, and directories
// that Git cannot have.
const runsScripts = `
terraform {
  backend "local" {}
}
variable "ledger" {}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "ls -d out ../build/empty && ./deploy.sh > out/of-script && ./made.sh >> out/of-script && cat out/of-script > ${var.ledger}"
  }
}
`

// A script that a data source made executable, and a directory that it made for what
// the apply writes, used to be missing in the apply: "permission denied" and "no such
// file or directory", in the middle.
func TestAnApplyGetsTheModesAndDirectoriesOfItsPlan(t *testing.T) {
	t.Parallel()
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		a := makesAndPlans(t, newSetup(map[string]string{
			"app/main.tf": runsScripts, "app/deploy.sh": "#!/bin/sh\necho deployed\n", "app/has/x": "x",
		}), `
chmod +x deploy.sh; mkdir -p out/__pycache__ ../build/empty has/new; : > out/__pycache__/x.pyc
printf '#!/bin/sh\necho made\n' > made.sh; chmod 755 made.sh
`)
		want := &run.Made{
			Files: 4, Bytes: 20, Names: []string{"app/has/new/", "app/made.sh", "app/out/", "build/empty/"},
			Executable: 1, Executables: []string{"app/deploy.sh"},
		}
		if diff := cmp.Diff(want, a.plan.Made); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r := a.run(t)
		if r.Outcome != run.OutcomeSucceeded || a.made(t) != "deployed made" {
			t.Errorf("made %q: %+v", a.made(t), r.Problem)
		}
	})
}

// Directories with names that Terraform or Git obeys do not travel, and what is made
// executable counts for the bytes.
func TestModesAndDirectoriesThatDoNotTravel(t *testing.T) {
	t.Parallel()
	files := map[string]string{"app/main.tf": resource, "app/large.sh": strings.Repeat("#", 1<<20)}
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		s := newSetup(files)
		s.leaves(t, "mkdir -p .git terraform.d ../other/x.tf; chmod +x large.sh; truncate -s 63M a; : > b; rm b; echo x > b")
		r := s.run(t)
		if r.Made == nil || r.Made.Files+r.Made.Executable > 0 {
			t.Fatalf("%+v, %+v", r.Made, r.Problem)
		}
		got := map[string]run.Missed{}
		for _, m := range r.Made.Missing {
			got[m.Name] = m.Why
		}
		want := map[string]run.Missed{
			"app/.git": run.MissedObeyed, "app/terraform.d": run.MissedObeyed, "other/x.tf": run.MissedObeyed,
			"app/a": run.MissedBytes, "app/large.sh": run.MissedBytes, "app/b": run.MissedBytes,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// An archive in the place of the plan's makes nothing executable but plain files of
// the commit, and makes directories only where nothing is.
func TestT21_ModesAndDirectoriesOfAnotherArchive(t *testing.T) {
	t.Parallel()
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		files := map[string]string{"app/main.tf": runsScripts, "app/deploy.sh": "#!/bin/sh\n", "other/x": "x", "link": "-> other"}
		a := makesAndPlans(t, newSetup(files), "chmod +x deploy.sh")
		good, id := *a.doc.Plan.Made, a.doc.JobID
		for n, entry := range []string{
			"app/nothing.sh => app/nothing.sh", "app => app", "link => link", "link/x => link/x", "../x => ../x", "app/deploy.sh => other/x",
			"app/", "app/deploy.sh/", "app/deploy.sh/x/", "link/", "link/new/", "../x/", "app/.terraform/", "app/terraform.d/", "x.tf/",
		} {
			t.Run(entry, func(t *testing.T) {
				name, to, isHard := strings.Cut(entry, " => ")
				if isHard {
					to = "=> " + to
				}
				a.next(t, fmt.Sprintf("%s%d-0", strings.TrimSuffix(id, "-0"), n))
				ref, err := a.artifacts.Put(t.Context(), good.Key, bytes.NewReader(backendtest.Archive(t, map[string]string{name: to})))
				if err != nil {
					t.Fatal(err)
				}
				a.doc.Plan.Made = &ref
				r := a.run(t)
				wantProblem(t, r, "plan_mismatch", "")
				if r.Began || len(r.Steps) > 0 || a.made(t) != "" {
					t.Errorf("began %v, ran %v, made %q", r.Began, r.Steps, a.made(t))
				}
			})
		}
	})
}
