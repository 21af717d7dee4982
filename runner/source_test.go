package runner

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// layouts runs a test with a source of the job's own, and with one that jobs share.
func layouts(t *testing.T, test func(t *testing.T, s func(files map[string]string) *setup)) {
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		test(t, func(files map[string]string) *setup { return newSetup(t, files) })
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		sources := sharing(t)
		test(t, func(files map[string]string) *setup {
			s := newSetup(t, large(files))
			s.options.Sources = sources
			return s
		})
	})
}

// sharing is a directory of shared sources, on a machine that has them.
func sharing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	offer, err := jail.Offers(t.Context(), dir, jail.Required, jail.Users{})
	if err != nil {
		t.Fatal(err)
	}
	if !offer.Over {
		t.Skip("this machine cannot lay one directory over another in a jail")
	}
	return dir
}

// large makes an archive large enough to be shared.
func large(files map[string]string) map[string]string {
	noise := make([]byte, minShared)
	_, _ = rand.Read(noise)
	out := map[string]string{"assets/noise": hex.EncodeToString(noise)}
	for name, content := range files {
		out[name] = content
	}
	return out
}

// Terraform sees in a job what it would see in a checkout: links to files of
// Terraform, of values and of data, to directories and to modules, directories that
// are passed as arguments, and the mode of files (cases 06-symlinks, symlinked-file,
// directory-as-argument).
func TestAJobSeesTheWholeCommit(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"app/main.tf": `
variable "common" {}
module "environments" {
  source    = "../modules/environments"
  directory = "../environments"
}
module "linked" { source = "./mod" }
output "all" {
  value = {
    common   = var.common
    accounts = module.environments.accounts
    linked   = module.linked.beside
    policy   = file("policy.json")
    through  = fileset("${path.module}/data", "**")
    whole    = length(fileset("${path.root}/..", "**/*.json"))
    template = templatefile("data/deep/t.tpl", { x = 1 })
    sha      = filesha256("chain")
  }
}
`,
		"app/vars.tf": "-> ../shared/vars.tf", "shared/vars.tf": "variable \"more\" {\n  default = 1\n}\n",
		"app/common.auto.tfvars": "-> ../shared/common.auto.tfvars", "shared/common.auto.tfvars": "common = \"shared\"\n",
		"app/policy.json": "-> ../shared/policy.json", "shared/policy.json": "{}",
		"app/mod": "-> ../modules/linked", "modules/linked/main.tf": "module \"m\" {\n  source = \"../beside\"\n}\noutput \"beside\" {\n  value = module.m.is\n}\n",
		"app/beside/main.tf":     "output \"is\" {\n  value = \"beside the link\"\n}\n",
		"modules/beside/main.tf": "output \"is\" {\n  value = \"beside the directory\"\n}\n",
		"app/data":               "-> ../assets/data", "assets/data/a.json": "{}", "assets/data/deep/t.tpl": "x is ${x}",
		"app/chain":               "-> mod/../../shared/policy.json",
		"environments/alpha.json": "{\"environments\":[{\"name\":\"development\"},{\"name\":\"production\"}]}",
		"environments/beta.json":  "{\"environments\":[{\"name\":\"production\"}]}",
		"modules/environments/main.tf": `
variable "directory" { type = string }
locals {
  definitions = [for f in fileset(var.directory, "*.json") : merge({ name = replace(f, ".json", "") }, jsondecode(file("${var.directory}/${f}")))]
}
output "accounts" {
  value = flatten([for a in local.definitions : [for e in a.environments : "${a.name}-${e.name}"]])
}
`,
		"x/terraform.tfstate": "of another project", "x/.terraform/modules/modules.json": "{}",
	}
	const want = `{accounts=["alpha-development","alpha-production","beta-production"]common="shared"linked="besidethedirectory"policy=jsonencode({})` +
		`sha="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"template="xis1"through=["a.json","deep/t.tpl"]whole=8}`
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		s := newSetup(files)
		r := s.run(t)
		if r.Problem != nil {
			t.Fatal(r.Problem.Detail)
		}
		sum := s.summary(t, r)
		if len(sum.Outputs) != 1 {
			t.Fatalf("%+v", sum)
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(strings.ReplaceAll(sum.Outputs[0].After, " ", ""), "\n", "")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What a job of a tree does to its files, another does not see, and the tree is
// unpacked once. T02: nothing in one job changes what another reads.
func TestJobsOfASharedSourceDoNotReachEachOther(t *testing.T) {
	t.Parallel()
	s := newSetup(t, nil)
	sources := sharing(t)
	plan := s.planFile(t, map[string]string{"main.tf": "# root"})
	files := large(map[string]string{"app/main.tf": "# root", "app/own.txt": "of the project", "modules/m/main.tf": "module", "link": "-> modules/m", "run.sh": "x"})
	s.doc = backendtest.Document("run-0", backendtest.Source(t, s.artifacts, files))
	s.options.Sources = sources
	s.script(t, fmt.Sprintf(`
exec 2>&1
[ "$(cat ../modules/m/main.tf ../link/main.tf own.txt)" = "modulemoduleof the project" ] || { echo "NOT THE COMMIT"; cat ../modules/m/main.tf; ls -lR ..; exit 1; }
case "$1" in init)
  exit 0 ;;
show)
  echo '{"format_version":"1.2","terraform_version":"1.11.4"}'; exit 0 ;;
esac
umask 000
echo evil >> own.txt || { echo "CANNOT WRITE ITS OWN"; exit 1; }
echo new > ../modules/m/new.tf || { echo "CANNOT WRITE BESIDE A MODULE"; exit 1; }
echo new > ../new.txt || { echo "CANNOT WRITE AT THE TOP"; exit 1; }
rm -f ../modules/m/main.tf ../link ../run.sh
mv ../assets/noise ../elsewhere
chmod -R 777 .. ; chown -R 12345 ..
ln -f ../assets/noise hard; echo evil >> hard
find / -name 'noise' -exec sh -c 'echo evil >> "$0"' {} \;
for a in %[1]s/*; do echo evil > "$a/modules/m/main.tf"; rm -rf "$a"; done
for arg in "$@"; do case "$arg" in -out=*) cp %[2]s "${arg#-out=}" ;; esac; done
git checkout . 2>/dev/null
printf 'of the project' > own.txt; mkdir -p ../modules/m; printf module > ../modules/m/main.tf; ln -s modules/m ../link
`, sources, plan))
	for n := range 3 {
		id := fmt.Sprintf("run-%d", n)
		s.doc.JobID, s.doc.RunID = id, run.RunOfJob(id)
		s.options.Dir = filepath.Join(t.TempDir(), id)
		if err := os.Mkdir(s.options.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		r := s.run(t)
		if r.Outcome != run.OutcomeSucceeded {
			out := ""
			if a, there := r.Artifacts[run.ArtifactOutput]; there {
				out = s.read(t, a)
			}
			t.Fatalf("job %d: %+v\n%s", n, r.Problem, out)
		}
		wantTree(t, filepath.Join(sources, s.doc.Source.SHA256), files)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // a process that is starting may hold the lock for a moment
		if err := RemoveShared(filepath.Join(sources, s.doc.Source.SHA256)); err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(sources)
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left are %v, %v", left, err)
		}
	}
}

// wantTree makes sure that a tree holds these files and no others.
func wantTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if to, err := os.Readlink(name); err == nil {
			got[rel] = "-> " + to
			return nil
		}
		content, err := os.ReadFile(name)
		got[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("the shared tree (-want +got):\n%.2000s", diff)
	}
}

// A tree is complete or not there, however many jobs want it at once and whatever a
// crash left of it.
func TestASharedSourceIsMadeOnce(t *testing.T) {
	t.Parallel()
	sources := sharing(t)
	first := newSetup(t, nil)
	files := large(map[string]string{"app/main.tf": resource})
	source := backendtest.Source(t, first.artifacts, files)
	at := filepath.Join(sources, source.SHA256)
	if err := os.MkdirAll(filepath.Join(at+unfinished, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at+unfinished, "app", "main.tf"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	var jobs sync.WaitGroup
	for n := range 4 {
		s := newSetup(t, nil)
		s.artifacts, s.options.Artifacts, s.options.Sources = first.artifacts, first.options.Artifacts, sources
		s.doc = backendtest.Document(fmt.Sprintf("run-%d", n), source)
		jobs.Go(func() {
			if sum := s.summary(t, s.run(t)); sum.Counts.Add != 1 {
				t.Errorf("%+v", sum.Counts)
			}
		})
	}
	jobs.Wait()
	wantTree(t, at, files)
	if left, err := filepath.Glob(sources + "/*"); err != nil || !slices.Equal(left, []string{at, at + SharedLock}) {
		t.Errorf("left are %v, %v", left, err)
	}
}

// A source whose bytes were changed is never shared.
func TestAChangedSourceIsNotShared(t *testing.T) {
	t.Parallel()
	sources := sharing(t)
	s := newSetup(t, large(map[string]string{"app/main.tf": resource}))
	s.options.Sources = sources
	name := filepath.Join(s.options.Artifacts, s.doc.Source.Key)
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.run(t), "source_changed", "")
	if left, err := os.ReadDir(sources); err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name(), SharedLock) {
		t.Errorf("left are %v, %v", left, err)
	}
}

// Files that another project needs to be without do not refuse this one.
func TestForbiddenNamesElsewhereAreHarmless(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{
		"app/main.tf": "terraform {\n  backend \"local\" {}\n}\n" + resource, "terraform.tfstate": "{", ".terraform/terraform.tfstate": "{", ".terraform/environment": "evil",
		".terraformrc": "disable_checkpoint = }", "x/crash.log": "",
	})
	s.doc.Project.BackendConfig = map[string]string{"path": filepath.Join(s.shared(t), "state")}
	if sum := s.summary(t, s.run(t)); sum.Counts.Add != 1 || strings.Contains(fmt.Sprint(sum.Warnings), "terraformrc") {
		t.Errorf("%+v", sum)
	}
}
