package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// The gate of a plan of named projects was judged for those alone: what was planned
// before may need more.
func TestTheGateOfOneProjectSaysNothingOfTheOthers(t *testing.T) {
	whole := viewtest.New("r1").Planned("app", "dev", viewtest.Changes(viewtest.Queue)).Planned("guarded", "prod", viewtest.Changes(viewtest.Database))
	whole.Run.Gate = &run.Gate{Missing: []string{"`guarded`: 0 of 1 approval."}}
	one := viewtest.New("r2").Later(1).Planned("app", "dev", viewtest.Changes(viewtest.Queue))
	one.Run.Selectors, one.Run.Gate = []string{"app"}, &run.Gate{Allowed: true}
	body := Comment(whole.Then(one))
	if strings.Contains(body, "**Ready to apply.**") || strings.Contains(body, "apply `/apply` ") || strings.Contains(body, "`/apply guarded`") {
		t.Errorf("all are said to be ready:\n%s", body)
	}
	if !strings.Contains(body, "**Ready to apply**: app. Of guarded, `/why guarded` says whether that can go, too.") || !strings.Contains(body, "apply `/apply app` · every reason `/why`") {
		t.Errorf("what is ready is not said:\n%s", body)
	}
	one.Run.Gate = &run.Gate{Missing: []string{"0 of 1 approval."}}
	if body := Comment(whole.Then(one)); !strings.Contains(body, "**Not yet applicable**: 0 of 1 approval.\n\nThat is not about guarded: `/why guarded` says whether it can go.\n") {
		t.Errorf("what is missing seems to be so of all:\n%s", body)
	}
	none := viewtest.New("r2").Later(1).Planned("app", "dev", viewtest.Changes())
	none.Run.Selectors, none.Run.Gate = []string{"app"}, &run.Gate{Missing: []string{"0 of 1 approval."}}
	if body := Comment(whole.Then(none)); strings.Contains(body, "Not yet applicable") || !strings.Contains(body, "**Next**: what can go `/why` ·") {
		t.Errorf("something is missing for a plan that changes nothing:\n%s", body)
	}
	one.Run.Gate = &run.Gate{Allowed: true}
	one.Run.Gate.Projects = []string{"app", "guarded"} // as a review has it judged again
	if body := Comment(whole.Then(one)); !strings.Contains(body, "**Ready to apply.**") || !strings.Contains(body, "apply `/apply` ·") {
		t.Errorf("all were judged since:\n%s", body)
	}
	one.Run.Gate = &run.Gate{Allowed: true, Projects: []string{"app", "guarded"}, Notes: []string{"`app`: Since `rui` approved, the plan was made again and does less."}}
	if body := Comment(whole.Then(one)); !strings.Contains(body, "**Ready to apply.** `app`: Since `rui` approved, the plan was made again and does less.") {
		t.Errorf("that it does less is not said:\n%s", body)
	}
	two := viewtest.New("r2").Later(1).Planned("app", "dev", viewtest.Changes(viewtest.Queue)).Planned("guarded", "prod", viewtest.Changes(viewtest.Database))
	two.Run.Selectors, two.Run.Gate = []string{"*"}, &run.Gate{Allowed: true}
	if body := Comment(whole.Then(two)); !strings.Contains(body, "**Ready to apply.**") {
		t.Errorf("all were judged:\n%s", body)
	}
}

// What can be applied is so as long as the base branch stays, and nobody edits the
// comment when that moves.
func TestWhatIsReadySaysAsLongAsWhat(t *testing.T) {
	for current, want := range map[string]string{
		"strict":  "as long as `main` has not moved",
		"project": "as long as `main` has not changed what this project reads",
		"off":     "",
	} {
		f := viewtest.New("r1").Planned("app", "dev", viewtest.Changes(viewtest.Queue))
		in := f.Input()
		in.Current = map[string]string{"dev": current}
		const apply = "apply `/apply` · "
		plain, sure := Comment(in), apply
		f.Run.Gate = &run.Gate{Allowed: true}
		judged, ready := Comment(view.Input{Runs: []run.Run{f.Run}, Current: in.Current}), "**Ready to apply.**"
		if want != "" {
			sure, ready = "apply `/apply` "+want+" · ", "**Ready to apply** "+want+"."
		}
		if !strings.Contains(plain, sure) || !strings.Contains(judged, apply) || !strings.Contains(judged, ready) { // said once
			t.Errorf("%s: want %q and %q in\n%s\n%s", current, sure, ready, plain, judged)
		}
	}
}
