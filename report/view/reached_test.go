package view_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestHowFarAnApplyCameIsToldByAddress(t *testing.T) {
	change := viewtest.Change
	list := []run.Change{
		change(run.ActionCreate, "a.made"), change(run.ActionCreate, "a.broken"), change(run.ActionCreate, "a.left"), change(run.ActionUpdate, `a.x["k: v"]`),
		change(run.ActionReplace, "a.half"), change(run.ActionReplace, "a.deposed"), change(run.ActionDestroy, "a.gone"), change(run.ActionRead, "data.a.b"),
	}
	output := `$ terraform apply
a.made: Creating...
a.half: Destroying... [id=1]
a.half: Destruction complete after 0s
a.half: Creating...
a.broken: Creating...
a.made: Creation complete after 0s [id=2]
a.x["k: v"]: Modifying... [id=3]
a.x["k: v"]: Modifications complete after 0s [id=3]
a.deposed: Creating...
a.deposed: Creation complete after 0s [id=4]
a.deposed (deposed object 0a1b2c3d): Destroying... [id=5]
a.deposed (deposed object 0a1b2c3d): Destruction complete after 0s
a.gone: Destroying... [id=6]
a.broken (local-exec): a.left: Creation complete after 0s
other.thing: Creation complete after 0s
`
	got := view.HowFar(output, list)
	want := view.Progress{Made: []string{"a.made", `a.x["k: v"]`, "a.deposed"}, Failed: []string{"a.broken", "a.half", "a.gone"}, Left: []string{"a.left"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if cut := view.HowFar("… 5 bytes left out here …\n"+output, list); cut.Left != nil {
		t.Errorf("nobody knows what was not begun, and it says %v", cut.Left)
	}
}
