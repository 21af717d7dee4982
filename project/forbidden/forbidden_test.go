package forbidden

import "testing"

func TestForbiddenNames(t *testing.T) { // T03
	for path, want := range map[string]bool{
		".terraform": true, "a/.terraform/modules/modules.json": true, "a/.TERRAFORM/x": true, ".terraformrc": true, "a/terraform.rc": true, "terraform.tfstate": true, "a/terraform.tfstate.backup": true,
		"terraform.tfstate.d/dev/terraform.tfstate": true, "crash.log": true, "a/errored.tfstate": true,
		".terraform.lock.hcl": false, ".terraform-version": false, "a/terraform/main.tf": false, "crash.log.md": false, "my.tfstate": false, "": false,
	} {
		if got := Name(path); got != want {
			t.Errorf("Name(%q) is %t", path, got)
		}
	}
}
