package run

import (
	"testing"
	"time"
)

func TestAPlanThatLooksAtLessIsNeverApplied(t *testing.T) {
	plan := func(flags ...string) ProjectStatus {
		return ProjectStatus{Project: "a", PlanRun: Run{Flags: flags}, Plan: Job{
			State: JobSucceeded, Document: JobDocument{Flags: flags}, Result: &Result{Counts: &Counts{}},
		}}
	}
	allowed := plan("-refresh=false")
	allowed.PlanRun.Unrefreshed = []string{"a"}
	elsewhere := plan("-refresh=false")
	elsewhere.PlanRun.Unrefreshed = []string{"b"}
	both := plan("-refresh=false", "-target=x.y")
	both.PlanRun.Unrefreshed = []string{"a"}
	incomplete := plan()
	incomplete.Plan.Result.Partial = true
	for name, tt := range map[string]struct {
		standing ProjectStatus
		partial  bool
	}{
		"no flag":                          {plan(), false},
		"a replacement":                    {plan("-replace=x.y"), false},
		"a number of threads":              {plan("-parallelism=3"), false},
		"a target":                         {plan("-target=x.y"), true},
		"two dashes":                       {plan("--target=x.y"), true},
		"all but one":                      {plan("-exclude=x.y"), true},
		"only what is there":               {plan("-refresh-only"), true},
		"not what is there":                {plan("-refresh=false"), true},
		"not what is there, allowed":       {allowed, false},
		"not what is there, not allowed":   {elsewhere, true},
		"allowed, and a target":            {both, true},
		"refreshed in so many words":       {plan("-refresh=true"), false},
		"what Terraform says is not whole": {incomplete, true},
	} {
		s := tt.standing
		if s.Partial() != tt.partial || s.Applied() == tt.partial {
			t.Errorf("%s: partial %t, applied %t", name, s.Partial(), s.Applied())
		}
		s.Apply = &Job{State: JobSucceeded}
		if s.Applied() == tt.partial || !s.Done() {
			t.Errorf("%s, carried out: applied %t", name, s.Applied())
		}
	}
}

func TestWhatAPartialPlanMissedIsCountedWhereItIsKnown(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	planned := func(minute int, add int, flags ...string) Run {
		return Run{ID: NewID(at), Kind: KindPlan, HeadSHA: "h", CreatedAt: at.Add(time.Duration(minute) * time.Minute), Jobs: []Job{{
			State: JobSucceeded, Document: JobDocument{Project: JobProject{Name: "a"}, Flags: flags}, Result: &Result{Counts: &Counts{Add: add}},
		}}}
	}
	newest := planned(9, 1, "-target=x.y")
	apply := planned(5, 2)
	apply.Kind = KindApply
	failed, other := planned(5, 3), planned(5, 3)
	failed.Jobs[0].State, failed.Jobs[0].Result = JobFailed, nil
	other.Jobs[0].Document.Project.Name = "b"
	older := planned(5, 3)
	older.HeadSHA = "g"
	for name, tt := range map[string]struct {
		runs []Run
		want int
	}{
		"nothing before":              {nil, 0},
		"a whole plan":                {[]Run{planned(5, 3)}, 2},
		"another partial one between": {[]Run{planned(7, 1, "-target=z.y"), planned(5, 3)}, 2},
		"an apply between":            {[]Run{apply, planned(4, 3)}, 0},
		"a whole plan that failed":    {[]Run{failed, planned(4, 3)}, 0},
		"of another project":          {[]Run{other}, 0},
		"of another commit":           {[]Run{older}, 0},
		"fewer changes":               {[]Run{planned(5, 0)}, 0},
	} {
		runs := append([]Run{newest}, tt.runs...)
		s := ProjectStatus{Project: "a", PlanRun: newest, Plan: newest.Jobs[0]}
		if got := s.Missed(runs); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
