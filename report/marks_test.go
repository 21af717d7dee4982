package report

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestMarksAreBounded(t *testing.T) {
	var jobs []run.Job
	for i := range 60 {
		list := []run.Diagnostic{{Title: "shared", Path: "modules/m/main.tf", Line: 3, Address: "a"}, {Title: "own", Path: "live/main.tf", Line: i + 1}, {Title: "no line", Path: "a.tf"}}
		jobs = append(jobs, run.Job{State: run.JobFailed, Result: &run.Result{Diagnostics: list}}, run.Job{State: run.JobSucceeded, Result: &run.Result{Diagnostics: list}})
	}
	if got := marked(nil, jobs); len(got) != mostMarks || got[0].Title != "shared" || got[49].Line != 49 {
		t.Errorf("%d marks, %+v", len(got), got)
	}
}
