package e2e

import (
	"slices"
	"strings"
	"testing"
)

// One pull request for two environments that do not trust each other: each job is what
// its environment's stack makes of it, and its apply takes the plan of the same one.
func TestTwoEnvironmentsAreBoundariesOnAWS(t *testing.T) {
	a := newAccount(t)
	a.secret(t, "lockkeeper/dev/plan/token", "a-token-for-plans")
	a.secret(t, "lockkeeper/dev/apply/token", "a-token-for-applies")
	s := storyAlone(t, a.engine, approvals(1), func(c map[string]any) {
		c["environments"].(map[string]any)["prod"].(map[string]any)["aws"].(map[string]any)["vcpu"] = 2
		c["environments"].(map[string]any)["prod"].(map[string]any)["aws"].(map[string]any)["memory"] = "8GiB"
	})
	files := aChange("both")
	files["live/prod/network/extra.tf"] = files["live/dev/network/extra.tf"]
	n := s.open("a", files)
	s.quiet()
	s.approve(rui, n)
	s.says(ana, n, "/apply")
	for _, project := range []string{"network-dev", "network-prod"} {
		if !strings.Contains(s.state(project), "both") {
			t.Errorf("%s is not applied:\n%s\n%s", project, s.conversation(n), a.Log())
		}
	}
	var ran []string
	for _, call := range a.Calls(t) {
		if definition, _ := call.Params["jobDefinition"].(string); strings.HasSuffix(call.Path, "/submitjob") {
			line := definition[strings.LastIndex(definition, "/")+1:]
			overrides, _ := call.Params["containerOverrides"].(map[string]any)
			if _, other := overrides["resourceRequirements"]; other {
				line += " on another machine"
			}
			ran = append(ran, line)
		}
	}
	slices.Sort(ran)
	want := []string{"lockkeeper_dev_apply", "lockkeeper_dev_plan", "lockkeeper_prod_apply on another machine", "lockkeeper_prod_plan on another machine"}
	if !slices.Equal(ran, want) {
		t.Errorf("the jobs were %q, want %q", ran, want)
	}
	a.everyCallIsAllowed(t)
}
