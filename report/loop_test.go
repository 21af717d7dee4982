package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// Found in use: a check run said "see the check run" of what it had no room for.
func TestACheckRunDoesNotPointToItself(t *testing.T) {
	f := viewtest.New("ro")
	for p := range 400 {
		project := fmt.Sprintf("project-%03d-%s", p, strings.Repeat("x", 60))
		f.Planned(project, "prod", viewtest.Changes(viewtest.Change(run.ActionDestroy, fmt.Sprintf("a.b%d", p))))
		f.Judged(project, run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "main.deny", Message: strings.Repeat("denied ", 90)}}})
		job := &f.Run.Jobs[len(f.Run.Jobs)-1]
		job.Result.Made = &run.Made{Files: 1, Names: []string{strings.Repeat("f", 200)}}
	}
	v := checkView(f)
	plan, ok := CheckRun(v)
	apply, _ := ApplyCheck(v)
	all := plan.Summary + plan.Text + apply.Summary + apply.Text
	if !ok || strings.Contains(all, "see the check run") || !strings.Contains(plan.Summary, "denies **") || strings.Count(plan.Summary, onServer) < 2 {
		t.Errorf("%d times in the check run, %d times on the server", strings.Count(all, "see the check run"), strings.Count(plan.Summary, onServer))
	}
	if comment := Comment(v.Input); !strings.Contains(comment, inCheck) || strings.Contains(comment, onServer) {
		t.Error("the comment does not point to the check run")
	}
}
