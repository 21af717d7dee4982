package app

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/policy"
)

func TestPolicyRules(t *testing.T) {
	got := policyRules(config.Policy{
		Approvals: 1, ApprovalOf: "commit", NewProjects: "plan", CodeOwners: true, ApprovedBy: []string{"@acme/a"}, Plan: []string{"acme/p"}, Apply: []string{"ana", "@ben"},
		Unlock: []string{"@cleo"}, Override: []string{"dora"}, Current: "strict", RequiredChecks: []string{"build"},
		ProtectedResourceTypes: []string{"aws_*"}, ProtectedApprovals: 2, MaxPlanAge: config.Period(time.Hour), AllowDraft: true, AllowApply: false,
	})
	want := policy.Rules{
		Approvals: 1, ApprovalOf: policy.ApprovalOfCommit, NewProjects: policy.NewPlan, CodeOwners: true, ApprovedBy: []string{"acme/a"}, Plan: []string{"acme/p"}, Apply: []string{"@ana", "@ben"},
		Unlock: []string{"@cleo"}, Override: []string{"@dora"}, Current: policy.CurrentStrict, RequiredChecks: []string{"build"},
		Protected: []string{"aws_*"}, ProtectedApprovals: 2, MaxPlanAge: time.Hour, Drafts: true, NoApply: true, NoButtons: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEveryKeyOfPolicyHasAnEffect changes the keys one at a time, so that none
// is forgotten in the mapping, and none of the rules is without a key.
func TestEveryKeyOfPolicyHasAnEffect(t *testing.T) {
	zero := policyRules(config.Policy{})
	reached := map[string]bool{}
	for field := range reflect.TypeFor[config.Policy]().Fields() {
		var p config.Policy
		set := reflect.ValueOf(&p).Elem().FieldByIndex(field.Index)
		switch set.Kind() {
		case reflect.Bool:
			set.SetBool(true)
		case reflect.String:
			set.SetString("x")
		case reflect.Slice:
			set.Set(reflect.ValueOf([]string{"x"}))
		default:
			set.SetInt(1)
		}
		before, after := reflect.ValueOf(zero), reflect.ValueOf(policyRules(p))
		changed := 0
		for rule := range before.Type().Fields() {
			if !reflect.DeepEqual(before.FieldByIndex(rule.Index).Interface(), after.FieldByIndex(rule.Index).Interface()) {
				reached[rule.Name] = true
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s changes %d rules", field.Name, changed)
		}
	}
	for rule := range reflect.TypeFor[policy.Rules]().Fields() {
		if !reached[rule.Name] {
			t.Errorf("no key of the config sets %s", rule.Name)
		}
	}
}

func TestTheDocumentedModesAreThoseOfPolicy(t *testing.T) {
	for _, mode := range []policy.Current{policy.CurrentStrict, policy.CurrentProject, policy.CurrentOff} {
		if got := policyRules(config.Policy{Current: string(mode)}).Current; got != mode {
			t.Errorf("%s is %s", mode, got)
		}
	}
}
