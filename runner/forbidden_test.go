package runner

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/project"
)

// T03: what is kept out of snapshots is refused in a job, too.
func TestForbiddenIsTheRuleOfProjects(t *testing.T) {
	part := rapid.SampledFrom([]string{
		".terraform", ".TERRAFORM", ".terraform.lock.hcl", ".terraformrc", "terraform.rc", "terraform.tf", "crash.log", "Crash.log",
		"crash.logs", "errored.tfstate", "terraform.tfstate", "terraform.tfstate.d", "terraform.tfstate.backup", "x.tfstate",
		"main.tf", "terraform.d", "", ".", "..", "modules", "override.tf", ".git", ".terraform ", "terraform.tfvars",
	})
	rapid.Check(t, func(t *rapid.T) {
		path := ""
		for i, p := range rapid.SliceOfN(rapid.OneOf(part, rapid.StringN(0, 20, -1)), 1, 4).Draw(t, "parts") {
			if i > 0 {
				path += "/"
			}
			path += p
		}
		if got, want := forbidden(path), project.Forbidden(path); got != want {
			t.Fatalf("%q: %v here, %v in package project", path, got, want)
		}
	})
}
