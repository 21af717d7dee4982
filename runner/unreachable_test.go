package runner

import (
	"strings"
	"testing"
)

// A registry that does not answer is nobody's mistake in the code.
func TestAnInitThatReachedNobodyDoesNotAskForACorrection(t *testing.T) {
	for name, tt := range map[string]struct {
		detail string
		ours   bool
	}{
		"a name that does not resolve": {`Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider hashicorp/aws: could not connect to registry.terraform.io: failed to request discovery document: Get "https://registry.terraform.io/.well-known/terraform.json": dial tcp: lookup registry.terraform.io: no such host`, false},
		"a name that wrapped": {"Error: Failed to install provider\n\nError while installing hashicorp/null v3.2.1: dial tcp: lookup\nreleases.hashicorp.com: no such\nhost", false},
		"a port that is closed": {`Error: Failed to download module

Could not download module "vpc": Get "https://modules.example/vpc.zip": dial tcp 192.0.2.1:443: connect: connection refused`, false},
		"no answer in time": {`Error: Failed to query available provider packages

could not connect to registry.terraform.io: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, false},
		"a version that does not exist": {`Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider hashicorp/null: no available releases match the given constraints 99.0.0`, true},
		"a mistake": {"Error: Unsupported block type\n\n  on main.tf line 3: no such host is a name of this block", true},
	} {
		p := stepFailed("init", "Terraform", tt.detail)
		asks := strings.Contains(p.Message, "Correct what it says below, push")
		if p.Code != "init_failed" || asks != tt.ours || asks == strings.Contains(p.Message, "Comment `/plan` again") {
			t.Errorf("%s: %s", name, p.Message)
		}
	}
	if p := stepFailed("plan", "Terraform", "Error: dial tcp: lookup api.example: no such host"); !strings.Contains(p.Message, "`plan` failed. Correct") {
		t.Errorf("a plan: %s", p.Message) // whose address that is only the code knows
	}
}
