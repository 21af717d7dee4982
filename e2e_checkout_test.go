package main

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// repositoryOf is a story whose default branch holds nothing but these files.
func repositoryOf(t *testing.T, files github.Files) *story {
	t.Helper()
	s := newStory(t)
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
	s := repositoryOf(t, github.Files{"before/main.tf": keeping("\"before\"")})
	n := s.open("paths", github.Files{"cwd/main.tf": keeping("path.cwd"), "abs/main.tf": keeping("abspath(\"${path.module}/x\")")})
	s.quiet()
	s.tells(n, "2 to add")
	s.says(ana, n, "/apply")
	s.says(ana, n, "/plan")
	s.tells(n, "No changes")
}
