package policy

import (
	"strings"
	"testing"
)

// A plan that is being made did not fail: there is nothing to mend.
func TestAPlanThatIsBeingMadeDidNotFail(t *testing.T) {
	p := Project{Plan: &StoredPlan{}, Running: []string{"/plan"}}
	if r := planComplete(Facts{}, p); r.OK || strings.Contains(r.Text, "did not succeed") {
		t.Errorf("%+v", r)
	}
	p.Running = nil
	if r := planComplete(Facts{}, p); r.OK || !strings.Contains(r.Text, "did not succeed") {
		t.Errorf("%+v", r)
	}
}
