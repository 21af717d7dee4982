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

// destroys is a plan that destroys what is at addresses.
func destroys(addresses ...string) planned {
	p := planned{Counts: run.Counts{Destroy: len(addresses)}, Keeping: run.StateKept}
	for _, a := range addresses {
		p.Changes = append(p.Changes, run.Change{Address: a, Action: run.ActionDestroy, Digest: "digest of " + a})
	}
	return p
}

// later is a plan that was shown after everything that people do meanwhile.
func later(r *run.Run) { r.ShownAt = time.Now().UTC().Add(time.Hour).Truncate(time.Second) }

// approvalStory is a pull request that changes the project other, whose plan destroys
// a, before anybody approves.
func approvalStory(t *testing.T) (*gateWorld, int) {
	t.Helper()
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Approvals, r.Current = 1, policy.CurrentOff })
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, map[string]planned{"other": destroys("a")})
	return w, n
}

// What may become of a plan and its pull request after it was approved.
func TestAnApprovalIsOfThePlanThatWasShown(t *testing.T) {
	again := func(p planned, change ...func(*run.Run)) func(*gateWorld, int) {
		return func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"other": p}, append(change, later)...) }
	}
	flags := func(flags ...string) func(*run.Run) { return func(r *run.Run) { r.Flags = flags } }
	changed, silent := destroys("a"), destroys("a")
	changed.Changes[0].Digest = "another one"
	silent.Changes[0].Digest = ""
	for _, tt := range []struct {
		name string
		then func(*gateWorld, int)
		want string // what the refusal says; empty when it is applied
	}{
		{"nothing", func(*gateWorld, int) {}, ""},
		{"planned again, the same", again(destroys("a")), ""},
		{"planned again, with other values", again(changed), "Since `rui` approved, the plan changed: it destroys `a` in another way"},
		{"planned again, more", again(destroys("a", "b")), "it also destroys `b`"},
		{"planned again, something else", again(destroys("b")), "it also destroys `b` and no longer destroys `a`"},
		{"planned again, and nobody can compare", again(silent), "cannot be compared"},
		{"planned again with flags", again(destroys("a"), flags("-replace=a")), "before this plan was made with flags"},
		{"more, and then the same again", func(w *gateWorld, n int) {
			again(destroys("a", "b"))(w, n)
			again(destroys("a"))(w, n)
		}, ""},
		{"another environment", func(w *gateWorld, n int) {
			again(destroys("a"))(w, n)
			w.Runs[1].Jobs[0].Document.Environment.Name = "prod"
		}, "approved a plan for environment `prod`"},
		{"another project", func(w *gateWorld, n int) {
			again(destroys("a"))(w, n)
			w.Runs[1].Jobs[0].Document.Project.Name = "network"
		}, "`rui` approved before this was planned. Approve again: the plan came after your approval."},
		{"a plan of an earlier version", func(w *gateWorld, n int) { w.Runs[0].ShownAt = time.Time{} }, "Comment `/plan`, and approve again when it is shown."},
		{"approved while it went into a base that nothing is planned for", func(w *gateWorld, n int) {
			refused := w.NewRun(n, run.KindPlan)
			refused.State, refused.HeadSHA, refused.BaseRef = run.StateRefused, w.Runs[0].HeadSHA, "unlisted"
			refused.CreatedAt = refused.CreatedAt.Add(-time.Minute)
			w.Runs = append([]run.Run{refused}, w.Runs...)
		}, "`rui` approved the plan for `unlisted`, and the base is another one now"},
		{"and after it went there and back", func(w *gateWorld, n int) {
			refused := w.NewRun(n, run.KindPlan)
			refused.State, refused.HeadSHA, refused.BaseRef = run.StateRefused, w.Runs[0].HeadSHA, "unlisted"
			w.Runs = append([]run.Run{refused}, w.Runs...)
			w.Plan(n, map[string]planned{"other": destroys("a")}, later)
		}, ""},
		{"the approval is dismissed", func(w *gateWorld, n int) {
			w.Check(w.GitHub.As("rui").DismissReview(repository, n, w.LastReview))
		}, "0 of 1 approval"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, n := approvalStory(t)
			w.Review("rui", n, "APPROVE")
			tt.then(w, n)
			p, err := w.Apply(n)
			if tt.want == "" {
				w.Allowed(p, err, "other")
				return
			}
			w.Refused(p, err, "approvals", tt.want)
		})
	}
}

// A plan that changes nothing any more needs no other approval than the plan before.
func TestAnApprovalHoldsWhenNothingIsLeftToDo(t *testing.T) {
	w, n := approvalStory(t)
	w.Review("rui", n, "APPROVE")
	w.Plan(n, map[string]planned{"other": {Keeping: run.StateKept}}, later)
	if p, err := w.Apply(n); err != nil || !slices.Equal(p.Unchanged, []string{"other"}) {
		t.Errorf("unchanged %v, %v", p.Unchanged, err)
	}
}

// What was approved as a change of one branch is not approved for another, in which
// it changes another project; when it comes back as it was, it is approved again by
// those who saw that, and by nobody else.
func TestAnApprovalIsForTheBaseThatWasShown(t *testing.T) {
	files := twoProjects()
	files["lockkeeper.yml"] = "version: 1\nprojects:\n  - {name: dev, dir: other, environment: dev}\n  - {name: prod, dir: other, environment: prod, branch: release}\n"
	w := newGateWorld(t, files)
	for _, env := range []string{"dev", "prod"} {
		w.Rules(env, func(r *policy.Rules) { r.Approvals, r.Current = 1, policy.CurrentOff })
	}
	w.Gate.Branches = func(string) []string { return []string{"main", "release"} }
	_, err := w.GitHub.As("oda").Push(repository, "release", "release", double.Files{"notes.md": "x\n"})
	w.Check(err)
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, map[string]planned{"dev": destroys("a")})
	w.Review("rui", n, "APPROVE")
	first := w.LastReview

	w.Check(w.GitHub.As("ana").EditBase(repository, n, "release"))
	soon := func(r *run.Run) { r.ShownAt = time.Now().UTC().Add(10 * time.Minute).Truncate(time.Second) }
	w.Plan(n, map[string]planned{"prod": destroys("a")}, soon)
	p, err := w.Apply(n)
	w.Refused(p, err, "approvals", "`rui` approved the plan for `main`, and the base is another one now. Approve again")
	w.GitHub.Faults().Advance(20 * time.Minute)
	w.Review("oda", n, "APPROVE")
	p, err = w.Apply(n)
	w.Allowed(p, err, "prod")

	w.Check(w.GitHub.As("ana").EditBase(repository, n, "main"))
	w.Plan(n, map[string]planned{"dev": destroys("a")}, later)
	p, err = w.Apply(n)
	w.Allowed(p, err, "dev")
	w.Check(w.GitHub.As("rui").DismissReview(repository, n, first))
	p, err = w.Apply(n)
	w.Refused(p, err, "`oda` approved the plan for `release`, and the base is another one now")
}

// What there was to see when somebody approved.
func TestWhatWasShownWhenSomebodyApproved(t *testing.T) {
	for _, tt := range []struct {
		name string
		seen func(*gateWorld, int)
		want string // what is said of the plan that comes then, which destroys a
	}{
		{"nothing, while the first plan was made", func(w *gateWorld, _ int) { w.Runs = nil }, "approved before this was planned"},
		{"the plan in that very second", func(w *gateWorld, _ int) { w.Runs[0].ShownAt = time.Now().UTC().Add(time.Minute) }, "approved before this was planned"},
		{"a part", func(w *gateWorld, n int) {
			w.Plan(n, map[string]planned{"other": destroys("a")}, func(r *run.Run) { r.Flags = []string{"-target=a"} })
		}, "when a partial plan was shown"},
		{"a failure", func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"other": {Fails: true}}) }, "when planning had failed"},
		{"more, before the first", func(w *gateWorld, n int) { w.Plan(n, map[string]planned{"other": destroys("a", "b")}) }, ""},
		{"less, and more before that", func(w *gateWorld, n int) {
			w.Plan(n, map[string]planned{"other": destroys("b")})
		}, "it also destroys `a`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, n := approvalStory(t)
			tt.seen(w, n)
			w.Review("rui", n, "APPROVE")
			w.Plan(n, map[string]planned{"other": destroys("a")}, later)
			p, err := w.Apply(n)
			if tt.want == "" {
				w.Allowed(p, err, "other")
				return
			}
			w.Refused(p, err, "approvals", tt.want)
		})
	}
}

// Plans of parts of the projects show together what the pull request does.
func TestWhatSeveralPlansShowedIsApprovedTogether(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", approvals(1))
	w.Rules("prod", approvals(1))
	n, _ := w.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	w.Plan(n, nil, naming("live-dev"))
	w.Plan(n, nil, naming("live-prod"))
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n)
	w.Allowed(p, err, "live-dev", "live-prod")

	w.Plan(n, map[string]planned{"live-prod": destroys("a")}, naming("live-prod"), later)
	p, err = w.Apply(n)
	w.Refused(p, err, "`live-prod`: 0 of 1 approval", "also destroys `a`")
	p, err = w.Apply(n, naming("live-dev"))
	w.Allowed(p, err, "live-dev")
}

// The gate of a plan that is made again is judged when it is there, and GitHub is
// asked nothing for that.
func TestAPlanIsComparedWithWhatWasApprovedWithoutACall(t *testing.T) {
	w, n := approvalStory(t)
	w.Review("rui", n, "APPROVE")
	for _, tt := range []struct {
		plan planned
		want string
	}{
		{destroys("a"), ""},
		{destroys(), ""},
		{destroys("a", "b"), "it also destroys `b`"},
		{planned{Fails: true}, "The plan did not succeed"},
	} {
		r := w.Plan(n, map[string]planned{"other": tt.plan}, later)
		if r.Gate == nil || !r.Gate.Preview || r.Gate.Allowed {
			t.Fatalf("foreseen: %+v", r.Gate)
		}
		w.GitHub.ResetRequests()
		gate, err := w.Gate.Compare(t.Context(), r)
		w.Check(err)
		if gate == nil || gate.Preview || gate.Allowed != (tt.want == "") || !strings.Contains(strings.Join(gate.Missing, "\n"), tt.want) {
			t.Errorf("%v: %+v", tt.plan.Changes, gate)
		}
		if got := w.GitHub.Requests(); len(got) > 0 {
			t.Errorf("calls %v", got)
		}
		if again, err := w.Gate.Compare(t.Context(), r); again != nil || err != nil {
			t.Errorf("remembered for ever: %+v, %v", again, err)
		}
	}
}
