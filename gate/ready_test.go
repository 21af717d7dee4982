package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Two environments, of which one asks for an approval: what the other one holds can
// go now, but for what comes after a project that cannot.
func TestWhatCanGoNowIsSaidWithItsCommand(t *testing.T) {
	w := newGateWorld(t, double.Files{
		"lockkeeper.yml": `version: 1
projects:
  - {name: orders-dev, dir: a, environment: dev}
  - {name: orders-prod, dir: b, environment: prod}
  - {name: late-dev, dir: c, environment: dev, after: [orders-prod]}
  - {name: next-dev, dir: d, environment: dev, after: [orders-dev]}
`,
		"a/main.tf": root, "b/main.tf": root, "c/main.tf": root, "d/main.tf": root,
	})
	w.Gate.Rules["prod"] = policy.Rules{Approvals: 1, Current: policy.CurrentStrict}
	n, _ := w.Open(double.Files{"a/main.tf": root + "#\n", "b/main.tf": root + "#\n", "c/main.tf": root + "#\n", "d/main.tf": root + "#\n"})
	plan := w.Plan(n, nil)
	want := []string{"orders-dev", "next-dev"}
	if got := plan.Gate.Ready; !slices.Equal(got, want) {
		t.Errorf("foreseen: %q, want %q", got, want)
	}
	gate, err := w.Gate.Judge(t.Context(), plan)
	w.Check(err)
	if !slices.Equal(gate.Ready, want) {
		t.Errorf("judged: %q, want %q", gate.Ready, want)
	}
	v, err := w.Gate.Why(t.Context(), plan.Repository, n, "ana", nil)
	w.Check(err)
	const said = "`orders-dev` and `next-dev` can go now: `/apply orders-dev next-dev`."
	if !strings.Contains(v.Why(), said) || !strings.Contains(v.Explain(), said) {
		t.Errorf("why:\n%s\nrefused:\n%s", v.Why(), v.Explain())
	}
	if v, err = w.Gate.Why(t.Context(), plan.Repository, n, "ana", want); err != nil || !v.Allowed {
		t.Errorf("and they cannot: %v\n%s", err, v.Why())
	}
	if v, err = w.Gate.Why(t.Context(), plan.Repository, n, "sam", nil); err != nil || len(v.Ready) > 0 {
		t.Errorf("somebody who may not is told that %q can go: %v", v.Ready, err)
	}
}
