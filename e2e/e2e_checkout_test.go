package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// repositoryOf is a story whose default branch holds nothing but these files.
func repositoryOf(t *testing.T, files github.Files, change ...func(map[string]any)) *story {
	t.Helper()
	s := terraformStory(t, change...)
	all := github.Files{}
	for name := range demo.Files() {
		all[name] = github.Deleted
	}
	for name, content := range files {
		all[name] = content
	}
	_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "Set up", all)
	s.check(err)
	s.quiet()
	return s
}

const localBackend = "terraform {\n  backend \"local\" {}\n}\n"

// keeping is a project with one resource.
func keeping(input string) string {
	return localBackend + "resource \"terraform_data\" \"a\" {\n  input = " + input + "\n}\n"
}

// tells makes sure that a conversation holds each of the texts.
func (s *story) tells(n int, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(s.conversation(n), text) {
			s.Errorf("nothing says %q:\n%s", text, s.conversation(n))
		}
	}
}

// Cases 06-symlinks and directory-as-argument: links were texts, and a directory that
// is passed as an argument was empty, so that everything in it would be destroyed.
func TestATerraformJobIsACheckout(t *testing.T) {
	long(t) // a runner compares plans of both
	s := repositoryOf(t, github.Files{"before/main.tf": keeping("\"before\"")})
	n := s.open("links", github.Files{
		"shared/vars.tf":     "variable \"size\" {\n  default = \"small\"\n}\n",
		"shared/policy.json": "{\"allow\":\"nobody\"}\n",
		"shared/mod/main.tf": "resource \"terraform_data\" \"m\" {\n  input = \"module\"\n}\n",
		"places/alpha.json":  "{}",
		"live/tf/main.tf":    keeping("var.size"), "live/tf/vars.tf": github.Symlink("../../shared/vars.tf"),
		"live/json/main.tf": keeping("file(\"${path.module}/policy.json\")"), "live/json/policy.json": github.Symlink("../../shared/policy.json"),
		"live/module/main.tf": localBackend + "module \"m\" {\n  source = \"./mod\"\n}\n", "live/module/mod": github.Symlink("../../shared/mod"),
		"live/dir/main.tf":       localBackend + "module \"places\" {\n  source = \"../../modules/places\"\n  dir    = \"../../places\"\n}\n",
		"modules/places/main.tf": "variable \"dir\" {}\nresource \"terraform_data\" \"place\" {\n  for_each = fileset(var.dir, \"*.json\")\n  input    = each.key\n}\n",
	})
	s.quiet()
	s.tells(n, `"small"`, `allow`, `"module"`, `"alpha.json"`)
	if strings.Contains(s.conversation(n), "../../shared") || strings.Contains(s.conversation(n), "failed") {
		t.Errorf("a link is a text:\n%s", s.conversation(n))
	}
}

// Case 08-lfs-pointer: the pointer's text was hashed, planned and applied. Its
// project is refused, and the other goes on.
func TestAPointerOfAFileRefusesItsProject(t *testing.T) {
	s := repositoryOf(t, github.Files{"before/main.tf": keeping("\"before\"")})
	n := s.open("lfs", github.Files{
		"live/main.tf":  keeping("filebase64sha256(\"${path.module}/code.zip\")"),
		"live/code.zip": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 2000000\n",
		"other/main.tf": keeping("\"fine\""),
	})
	s.quiet()
	s.tells(n, "`live`", "live/code.zip", "Git LFS", `"fine"`)
	if strings.Contains(s.conversation(n), "WW7e7zSuFjKYT57FAjZ2GUpbijBWr9yqjZ0CoSL") {
		t.Errorf("the pointer was hashed:\n%s", s.conversation(n))
	}
	s.says(ana, n, "/apply")
	for _, r := range s.applies(n) {
		for _, j := range r.Jobs {
			if j.Document.Project.Name == "live" {
				t.Error("it was applied")
			}
		}
	}
}

// Case 11-absolute-paths: every plan changed them, and the check never got green.
func TestAbsolutePathsAreTheSameInEachJob(t *testing.T) {
	long(t) // engine and runner say it of a plan and its apply
	s := repositoryOf(t, github.Files{"before/main.tf": keeping("\"before\"")})
	n := s.open("paths", github.Files{"cwd/main.tf": keeping("path.cwd"), "abs/main.tf": keeping("abspath(\"${path.module}/x\")")})
	s.quiet()
	s.tells(n, "2 to add")
	s.says(ana, n, "/apply")
	s.says(ana, n, "/plan")
	s.tells(n, "No changes")
}

// A plan with submodules is that of a recursive checkout, and is fetched with the App's
// installation there; a submodule of a repository that is not listed refuses its project.
func TestAPlanWithSubmodulesIsThatOfARecursiveCheckout(t *testing.T) {
	const modules, secret = demo.Owner + "/modules", demo.Owner + "/secret"
	s := repositoryOf(t, github.Files{"before/main.tf": keeping("\"before\"")}, func(c map[string]any) {
		c["repositories"] = []any{map[string]any{"name": sandbox.Repository, "submodules": []string{modules}}}
	})
	shas := map[string]string{}
	for _, name := range []string{modules, secret} {
		_, short, _ := strings.Cut(name, "/")
		s.check(s.world.GitHub.AddRepository(demo.Owner, short, "main"))
		s.check(s.world.GitHub.SetPermission(name, ana, "write"))
		sha, err := s.world.GitHub.Commit(name, "main", ana, "Add", github.Files{
			"vpc/main.tf": "variable \"name\" {}\nresource \"terraform_data\" \"vpc\" {\n  input = \"${var.name} ${file(\"${path.module}/../text\")}\"\n}\n", "text": "of " + short,
			"places/a.json": "{}", "places/b.json": "{}"})
		s.check(err)
		_, err = s.world.GitHub.Install(name)
		s.check(err)
		shas[name] = sha
	}
	project := func(from string) string {
		return keeping("\"mine\"") + "module \"vpc\" {\n  source = \"../../vendor/" + from + "/vpc\"\n  name   = \"mine\"\n}\n" +
			"resource \"terraform_data\" \"place\" {\n  for_each = fileset(\"../../vendor/" + from + "/places\", \"*\")\n  input    = each.key\n}\n"
	}
	n := s.open("submodules", github.Files{
		".gitmodules":    "[submodule \"m\"]\n\tpath = vendor/modules\n\turl = ../modules.git\n[submodule \"s\"]\n\tpath = vendor/secret\n\turl = ../secret.git\n",
		"vendor/modules": github.Submodule(shas[modules]), "vendor/secret": github.Submodule(shas[secret]),
		"live/listed/main.tf": project("modules"), "live/unlisted/main.tf": project("secret"),
	})
	s.quiet()
	s.tells(n, "`vendor/secret`", "list it under", secret)
	if strings.Contains(s.conversation(n), "of secret") {
		t.Errorf("a repository that is not listed was read:\n%s", s.conversation(n))
	}

	checkout := filepath.Join(t.TempDir(), "checkout")
	url := strings.Replace(s.github.URL, "://", "://x-access-token:"+s.world.GitHub.As(ana).Token()+"@", 1) + "/" + sandbox.Repository
	inDir := func(dir, program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
		return string(out)
	}
	inDir("/", "git", "clone", "--quiet", "--recurse-submodules", "--branch", "submodules", url, checkout)
	live := filepath.Join(checkout, "live/listed")
	inDir(live, "terraform", "init", "-input=false")
	inDir(live, "terraform", "plan", "-input=false", "-out=plan")
	shown := func(plan string) (changes []any) {
		t.Helper()
		var all struct {
			Changes []any `json:"resource_changes"`
		}
		s.check(json.Unmarshal([]byte(inDir(live, "terraform", "show", "-json", plan)), &all))
		return all.Changes
	}
	want := shown("plan")
	if diff := cmp.Diff(want, shown(s.planFile(n, "live-listed"))); diff != "" || len(want) != 4 {
		t.Errorf("%d changes (-checkout +plan):\n%s", len(want), diff)
	}
}
