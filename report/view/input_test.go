package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestReadingRunsOfOneCommit(t *testing.T) {
	old := viewtest.New("r1").Planned("a", "dev", viewtest.NoChange).Planned("b", "dev", viewtest.NoChange)
	named := viewtest.New("r2").Planned("b", "dev", viewtest.Changes(viewtest.Queue))
	named.Run.Selectors = []string{"b"}
	refused := viewtest.New("r3")
	refused.Run.State, refused.Run.PreparedAt = run.StateRefused, time.Time{}
	all := viewtest.New("r4").Planned("c", "dev", viewtest.NoChange)
	group := viewtest.New("r6").Planned("g", "dev", viewtest.NoChange)
	group.Run.Trigger, group.Run.HeadSHA, group.Run.Branch = run.TriggerQueue, viewtest.Base, viewtest.GroupBranch
	other := viewtest.New("r5").Planned("x", "dev", viewtest.NoChange)
	other.Run.HeadSHA = viewtest.OldHead

	for name, c := range map[string]struct {
		runs []run.Run
		head string
		want string
	}{
		"the newest of each project":              {[]run.Run{named.Run, old.Run}, "", "a of r1, b of r2"},
		"a run of all replaces what was before":   {[]run.Run{all.Run, named.Run, old.Run}, "", "c of r4"},
		"a refusal that was answered is left out": {[]run.Run{refused.Run, old.Run}, "", "a of r1, b of r1"},
		"only the newest commit":                  {[]run.Run{old.Run, other.Run}, "", "a of r1, b of r1"},
		"a group of the merge queue":              {[]run.Run{group.Run, old.Run}, "", "a of r1, b of r1"},
		"that group when asked for":               {[]run.Run{group.Run, old.Run}, viewtest.Base, "g of r6"},
		"an older commit when asked for":          {[]run.Run{old.Run, other.Run}, viewtest.OldHead, "x of r5"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := view.Input{Runs: c.runs}.Build(c.head)
			var got []string
			for _, s := range m.Projects {
				got = append(got, s.Project+" of "+s.PlanRun.ID)
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

// Plans that make other files are not the same change.
func TestOtherFilesAreAnotherChange(t *testing.T) {
	f := viewtest.New("r1").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Planned("b", "dev", viewtest.Changes(viewtest.Queue))
	in := f.Input()
	m, _ := in.Build("")
	if n := len(m.Groups()); n != 1 {
		t.Fatalf("%d groups of one change", n)
	}
	f.Made("a", run.Made{Files: 1, Names: []string{"x"}})
	if n := len(m.Groups()); n != 2 {
		t.Errorf("%d groups", n)
	}
}
