package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stray puts resources into the state of network-dev that no configuration has, as
// something made by hand and imported is, and takes all others of that kind out.
func (s *story) stray(names ...string) {
	s.Helper()
	var state map[string]any
	s.check(json.Unmarshal([]byte(s.state("network-dev")), &state))
	var resources []any
	for _, r := range state["resources"].([]any) {
		if name, _ := r.(map[string]any)["name"].(string); !strings.HasPrefix(name, "stray") {
			resources = append(resources, r)
		}
	}
	for _, name := range names {
		resources = append(resources, map[string]any{
			"mode": "managed", "type": "terraform_data", "name": name, "provider": `provider["terraform.io/builtin/terraform"]`,
			"instances": []any{map[string]any{"schema_version": 0, "attributes": map[string]any{
				"id": "00000000-0000-0000-0000-00000000000" + name[len(name)-1:], "input": nil, "output": nil, "triggers_replace": nil,
			}}},
		})
	}
	state["resources"], state["serial"] = resources, state["serial"].(float64)+1
	content, err := json.Marshal(state)
	s.check(err)
	s.check(os.WriteFile(filepath.Join(s.dir, "states", "network-dev.tfstate"), content, 0o600))
}

// What was approved as "1 to destroy" and has become "2 to destroy" on the same
// commit is not applied, and everybody is told what changed. Approved again, or
// with less to do, it is.
func TestAnApprovalIsOfThePlanThatWasShown(t *testing.T) {
	s := terraformStory(t, approvals(1))
	s.stray("stray1")
	n := s.planned("a")
	s.wants(s.plans(n)[0].Body, "1 to destroy")
	s.approve(rui, n)
	s.shown(n, "Ready to apply")

	s.quiet()
	s.world.GitHub.ResetRequests()
	s.says(ana, n, "/plan")
	calls := 0
	for _, count := range s.world.GitHub.Requests() {
		calls += count
	}
	if calls > 8 {
		t.Errorf("a plan of an approved commit costs %d calls: %v", calls, s.world.GitHub.Requests())
	}
	if body := s.plans(n)[0].Body; !strings.Contains(body, "Ready to apply") {
		t.Errorf("planned again with the same changes, the approval does not stand:\n%s", body)
	}

	s.stray("stray1", "stray2")
	s.says(ana, n, "/plan")
	const since = "Since `rui-reviewer` approved, the plan changed: it also destroys `terraform_data.stray2`. Approve again if that is right."
	s.wants(s.plans(n)[0].Body, "2 to destroy", "Not yet applicable", since)
	s.says(ana, n, "/why")
	s.wants(s.last(n), since)
	s.says(ana, n, "/apply")
	s.refused(n, since)
	if c := s.check1(n, "lockkeeper/apply"); c.Conclusion == "success" || !strings.Contains(s.state("network-dev"), "stray1") {
		t.Errorf("the check is %s %s:\n%s", c.Status, c.Conclusion, s.conversation(n))
	}

	s.stray("stray1")
	s.says(ana, n, "/plan")
	s.wants(s.plans(n)[0].Body, "Ready to apply")
	s.stray("stray1", "stray2")
	s.says(ana, n, "/plan")
	s.approve(rui, n)
	s.shown(n, "Ready to apply")
	s.says(ana, n, "/apply")
	if state := s.state("network-dev"); !s.applied("a") || strings.Contains(state, "stray") {
		t.Errorf("approved again, it is not applied:\n%s", s.conversation(n))
	}
}
