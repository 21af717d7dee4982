package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// After /plan of one project a review is about all that is shown.
func TestAReviewJudgesEverythingThatIsShown(t *testing.T) {
	w := newGateWorld(t, double.Files{"lockkeeper.yml": "version: 1\nprojects:\n  - {name: a, dir: a, environment: dev}\n  - {name: b, dir: b, environment: prod}\n",
		"a/main.tf": root, "b/main.tf": root})
	w.Rules("prod", approvals(1))
	n, _ := w.Open(double.Files{"a/main.tf": root + "#\n", "b/main.tf": root + "#\n"})
	w.Plan(n, nil)
	one := w.Plan(n, nil, naming("a"))
	gate, err := w.Gate.Judge(t.Context(), one)
	w.Check(err)
	if gate.Allowed || !slices.Equal(gate.Projects, []string{"a", "b"}) || !strings.Contains(strings.Join(gate.Missing, " "), "`b`: 0 of 1 approval") {
		t.Errorf("judged %+v", gate)
	}
	w.Review("rui", n, "APPROVE")
	if gate, err = w.Gate.Judge(t.Context(), one); err != nil || !gate.Allowed {
		t.Errorf("approved, and judged %+v: %v", gate, err)
	}
}

// Who approved more than is left to do reads so in the comment, too.
func TestAPlanThatDoesLessIsNoted(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Approvals, r.Current = 1, policy.CurrentOff })
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, map[string]planned{"other": destroys("a", "b")})
	w.Review("rui", n, "APPROVE")
	again := w.Plan(n, map[string]planned{"other": destroys("a")}, later)
	gate, err := w.Gate.Judge(t.Context(), again)
	w.Check(err)
	const want = "Since `rui` approved, the plan was made again and does less: it no longer destroys `b`."
	if !gate.Allowed || !slices.Equal(gate.Notes, []string{want}) {
		t.Errorf("judged %+v", gate)
	}
	foreseen := run.Run{ID: again.ID, Subject: run.Subject{Repository: again.Repository, PullRequest: n}, Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "ana", State: run.StateAccepted, CreatedAt: time.Now()}
	p, err := w.Preparer.Prepare(t.Context(), foreseen)
	w.Check(err)
	if !p.Gate.Preview {
		t.Fatalf("foreseen %+v", p.Gate)
	}
	compared, err := w.Gate.Compare(t.Context(), again)
	w.Check(err)
	if compared == nil || !slices.Equal(compared.Notes, []string{want}) {
		t.Errorf("compared %+v", compared)
	}
}
