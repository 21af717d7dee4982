package config

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEnvironmentsHaveDefaults: with and without a value, an environment asks
// for an approval.
func TestEnvironmentsHaveDefaults(t *testing.T) {
	cfg, err := load(t, minimal+"environments:\n  a:\n  b: {}\n  c: {policy: }\n  d: {policy: {max_plan_age: never}}\nplan_policy: {server_dir: .}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Policy{Approvals: 1, ApprovalOf: "plan", NewProjects: "none", Current: "project", MaxPlanAge: Period(7 * 24 * time.Hour), AllowApply: true, Buttons: true}
	for _, name := range []string{"a", "b", "c"} {
		if diff := cmp.Diff(want, cfg.Environments[name].Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	want.MaxPlanAge = 0
	if diff := cmp.Diff(want, cfg.Environments["d"].Policy); diff != "" {
		t.Errorf("never (-want +got):\n%s", diff)
	}
	if !filepath.IsAbs(cfg.PlanPolicy.ServerDir) {
		t.Errorf("the rules are in %q, want a path from the config file", cfg.PlanPolicy.ServerDir)
	}
	if cfg.Locks != (Locks{At: "plan", WarnBefore: 24 * time.Hour}) || cfg.Automerge != (Automerge{Method: "merge"}) {
		t.Errorf("the documented defaults have changed: %+v %+v", cfg.Locks, cfg.Automerge)
	}
}
