package run

import (
	"strings"
	"testing"
	"time"
)

// An apply that is under way at the merge says at its end what it left, unless it is
// of another commit or base than what was merged.
func TestAnApplyUnderWayIsOfWhatIsMerged(t *testing.T) {
	now := time.Unix(9, 0)
	h := Subject{Repository: Repository{ID: 7}, PullRequest: 1}
	doc := JobDocument{RepositoryID: 7, Project: JobProject{Name: "a", Dir: "a", Workspace: "default"}}
	plan := Run{ID: "p", Kind: KindPlan, Subject: Subject{Repository: h.Repository, PullRequest: 1}, HeadSHA: "aaa", BaseRef: "main", PreparedAt: time.Unix(1, 0),
		Jobs: []Job{{ID: "p-0", Document: doc, State: JobSucceeded, Result: &Result{Counts: &Counts{Add: 1}}}}}
	for name, c := range map[string]struct {
		over Over
		left int
	}{
		"the same":       {Over{Merged: true, HeadSHA: "aaa", BaseRef: "main"}, 0},
		"nobody knows":   {Over{Merged: true}, 0},
		"another commit": {Over{Merged: true, HeadSHA: "bbb", BaseRef: "main"}, 1},
		"another base":   {Over{Merged: true, HeadSHA: "aaa", BaseRef: "release"}, 1},
	} {
		l := Locks{Locks: []Lock{{Key: LockKeys(doc)[0], Holder: h, Busy: "r", Project: "a"}}}
		l.merged(h, []Run{plan}, c.over, Options{}, now)
		if len(l.Left) != c.left {
			t.Errorf("%s: left %+v", name, l.Left)
		}
		l.Close(h, true, now)
		l.End("r", []string{"a"}, nil, nil, now)
		if len(l.Left) != c.left {
			t.Errorf("%s: at its end left %+v", name, l.Left)
		}
	}
}

// Which projects a merge is known of depends on what was planned at the commit that
// was merged.
func TestWhatIsKnownOfAMerge(t *testing.T) {
	plan := func(head, base string, selectors []string, projects ...string) Run {
		r := Run{ID: head, Kind: KindPlan, HeadSHA: head, BaseRef: base, Selectors: selectors, PreparedAt: time.Unix(1, 0)}
		for _, name := range projects {
			r.Jobs = append(r.Jobs, Job{Document: JobDocument{Project: JobProject{Name: name}}, State: JobSucceeded})
		}
		return r
	}
	named := []string{"a"}
	for name, c := range map[string]struct {
		over           Over
		runs           []Run // newest first
		known, unknown string
	}{
		"planned whole":                         {Over{HeadSHA: "2", BaseRef: "main"}, []Run{plan("2", "main", nil, "a"), plan("1", "main", nil, "a", "b")}, "a", ""},
		"planned in part, whole before":         {Over{HeadSHA: "2", BaseRef: "main"}, []Run{plan("2", "main", named, "a"), plan("1", "main", nil, "a", "b")}, "a", "b"},
		"planned whole, then named ones":        {Over{HeadSHA: "2", BaseRef: "main"}, []Run{plan("2", "main", named, "a"), plan("2", "main", nil, "a", "b")}, "a b", ""},
		"never planned":                         {Over{HeadSHA: "3", BaseRef: "main"}, []Run{plan("2", "main", nil, "a"), plan("1", "main", nil, "b")}, "", "a"},
		"nothing was ever planned":              {Over{HeadSHA: "3", BaseRef: "main"}, nil, "", ""},
		"for another base":                      {Over{HeadSHA: "2", BaseRef: "release"}, []Run{plan("2", "main", nil, "a")}, "", "a"},
		"for another base, and then for it":     {Over{HeadSHA: "2", BaseRef: "release"}, []Run{plan("2", "release", nil, "a"), plan("2", "main", nil, "a", "b")}, "a", ""},
		"nobody knows how it ended":             {Over{}, []Run{plan("2", "main", nil, "a"), plan("1", "main", nil, "b")}, "a", ""},
		"and nobody knew the base of that plan": {Over{HeadSHA: "2", BaseRef: "main"}, []Run{plan("2", "", nil, "a")}, "a", ""},
	} {
		known, unknown := c.over.statuses(c.runs)
		if got := projectsOf(known); got != c.known {
			t.Errorf("%s: known %q, want %q", name, got, c.known)
		}
		if got := projectsOf(unknown); got != c.unknown {
			t.Errorf("%s: unknown %q, want %q", name, got, c.unknown)
		}
	}
}

func projectsOf(all []ProjectStatus) string {
	var names []string
	for _, s := range all {
		names = append(names, s.Project)
	}
	return strings.Join(names, " ")
}

// What turns out later to be left behind is told, too, however often something was told
// before.
func TestWhatIsLeftLaterIsTold(t *testing.T) {
	now, h := time.Unix(9, 0), Subject{Repository: Repository{ID: 7}, PullRequest: 1}
	var l Locks
	keys := map[string]bool{}
	for _, name := range []string{"a", "b", "c"} {
		doc := JobDocument{RepositoryID: 7, Project: JobProject{Name: name, Dir: name, Workspace: "default"}}
		for _, n := range l.EndPull(h, Over{Merged: true, HeadSHA: "aaa", BaseRef: "main", Unplanned: []JobDocument{doc}}, nil, Options{}, now) {
			if n.Kind == NoticeReply {
				keys[n.Key] = true
			}
		}
	}
	if len(keys) != 3 {
		t.Errorf("told under %d keys: %v", len(keys), keys)
	}
}

// A project that was planned by name at a commit that did not change it, and that a later
// one changes, was not planned.
func TestAPlanOfWhatWasNotChangedYetIsNoneOfTheMerge(t *testing.T) {
	h := Subject{Repository: Repository{ID: 7}, PullRequest: 1}
	doc := JobDocument{RepositoryID: 7, Project: JobProject{Name: "a", Dir: "a", Workspace: "default"}}
	plan := Run{ID: "p", Kind: KindPlan, Subject: Subject{Repository: h.Repository, PullRequest: 1}, HeadSHA: "1", BaseRef: "main", Selectors: []string{"a"},
		Untouched: []string{"a"}, PreparedAt: time.Unix(1, 0), Jobs: []Job{{ID: "p-0", Document: doc, State: JobSucceeded}}}
	for name, c := range map[string]struct {
		change func(*Run)
		over   Over
		left   int
	}{
		"of the commit before":            {func(*Run) {}, Over{HeadSHA: "2", BaseRef: "main"}, 1},
		"for another base":                {func(*Run) {}, Over{HeadSHA: "1", BaseRef: "release"}, 1},
		"of what is merged":               {func(*Run) {}, Over{HeadSHA: "1", BaseRef: "main"}, 0},
		"changed by the commit before it": {func(r *Run) { r.Untouched = nil }, Over{HeadSHA: "2", BaseRef: "main"}, 1},
	} {
		r := plan
		c.change(&r)
		c.over.Merged, c.over.Unplanned = true, []JobDocument{doc}
		var l Locks
		l.EndPull(h, c.over, []Run{r}, Options{}, time.Unix(9, 0))
		if len(l.Left) != c.left {
			t.Errorf("%s: left %+v", name, l.Left)
		}
	}
}

func TestPlannedWholeIsForTheBase(t *testing.T) {
	plan := Run{Kind: KindPlan, HeadSHA: "2", BaseRef: "main", PreparedAt: time.Unix(1, 0)}
	for base, want := range map[string]bool{"main": true, "release": false, "": true} {
		if got := (Over{HeadSHA: "2", BaseRef: base}).PlannedWhole([]Run{plan}); got != want {
			t.Errorf("%q: %t", base, got)
		}
	}
}
