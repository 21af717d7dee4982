package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

var (
	deniedOf   = regexp.MustCompile(`Plan policy denies \*\*(project-[0-9]+)\*\*:`)
	deniedMore = regexp.MustCompile(`Plan policy denies \*\*([0-9,]+) (?:more )?projects?\*\*`)
)

// However many plans rules deny and however long they say so, the comment fits,
// each denied project is named or counted, and destroys are not pushed out.
func TestDeniedPlansAreNamedOrCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		projects := rapid.IntRange(1, 200).Draw(t, "projects")
		messages := rapid.IntRange(1, 15).Draw(t, "messages of each")
		width := rapid.IntRange(1, 1_500).Draw(t, "width")
		destroys := rapid.IntRange(0, 3).Draw(t, "destroys of each")
		f := viewtest.New("rb")
		for p := range projects {
			project := fmt.Sprintf("project-%d", p)
			list := []run.Change{viewtest.Change(run.ActionCreate, fmt.Sprintf("a.b%d", p))}
			for i := range destroys {
				list = append(list, viewtest.Change(run.ActionDestroy, fmt.Sprintf("addr_%d_%d_end", p, i)))
			}
			var denied []run.PolicyFinding
			for i := range messages {
				denied = append(denied, run.PolicyFinding{Rule: "main.deny", Message: fmt.Sprintf("%d: %s", i, strings.Repeat("@all <b> ", width/9+1))})
			}
			f.Planned(project, "prod", viewtest.Changes(list...)).Judged(project, run.PolicyResult{Rules: 1, Denied: denied})
		}
		body := Comment(f.Input())
		if len(body) > commentBudget {
			t.Fatalf("%d bytes", len(body))
		}
		if want := number(projects) + " denied by plan policy"; projects > 1 && !strings.Contains(body, want) {
			t.Fatalf("%q is missing", want)
		}
		named, counted := len(deniedOf.FindAllString(body, -1)), 0
		if m := deniedMore.FindStringSubmatch(body); m != nil {
			counted, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		}
		if named+counted != projects || named == 0 {
			t.Fatalf("%d named and %d counted, of %d", named, counted, projects)
		}
		if destroys > 0 && !strings.Contains(body, "> **project-0** destroys") {
			t.Fatal("the alert is gone")
		}
	})
}

// 200 plans that were denied, applied in spite of that, and failed: the title,
// the counts and each failure are there.
func TestTwoHundredDeniedAndFailedApplies(t *testing.T) {
	f := viewtest.New("rb")
	var items []string
	for p := range 200 {
		project := fmt.Sprintf("project-%03d", p)
		f.Planned(project, "prod", viewtest.Changes(viewtest.Change(run.ActionDestroy, fmt.Sprintf("a.b%d", p)))).Judged(project, run.PolicyResult{Rules: 1,
			Denied: []run.PolicyFinding{{Rule: "main.deny", Message: strings.Repeat("denied ", 90)}}})
		items = append(items, project+" failed")
	}
	a := f.Apply("r9", items...)
	a.Run.Override = true
	for p, j := range a.Run.Jobs {
		a.Because(view.ProjectOf(j), run.Problem{Message: fmt.Sprintf("Broken %d.", p), Detail: strings.Repeat("line\n", 400)})
	}
	body := Comment(f.Then(a))
	failed := len(regexp.MustCompile(`\*\*project-[0-9]+\*\* failed: Broken`).FindAllString(body, -1))
	for _, want := range []string{"### Apply failed: ", "**200 projects: 200 failed**", "Planned: 200 to destroy.", "**Plan policy was overridden** by `bob` for project-000"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if len(body) > commentBudget || failed != 200 {
		t.Errorf("%d bytes, %d failures:\n%s", len(body), failed, body)
	}
	check, _ := ApplyCheck(at(f.Then(a), nil))
	if len(check.Summary) > 65_535 || len(check.Title) > 255 {
		t.Errorf("a summary of %d and a title of %d bytes", len(check.Summary), len(check.Title))
	}
	judge(t, body)
}

func TestNotesOfAnApplyAreShownOnce(t *testing.T) {
	f := viewtest.New("rb").Planned("a", "dev", viewtest.Changes(viewtest.Queue))
	f.Run.Notes = []string{"The config changes with the merge."}
	a := f.Apply("r9", "a")
	a.Run.Notes = []string{"The config changes with the merge.", "`bob` confirmed that `a` goes away."}
	body := Comment(f.Then(a))
	if want := "- The config changes with the merge.\n- `bob` confirmed that `a` goes away.\n\n"; !strings.Contains(body, want) {
		t.Errorf("%q is missing in:\n%s", want, body)
	}
}

func TestOnlyAnOverrideIsRecordedAsOne(t *testing.T) {
	f := viewtest.New("rb").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Judged("a", run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "r", Message: "no"}}})
	a := f.Apply("r9", "a")
	for _, override := range []bool{false, true} {
		a.Run.Override = override
		if body := Comment(f.Then(a)); strings.Contains(body, "overridden") != override {
			t.Errorf("override %t:\n%s", override, body)
		}
	}
}

// Projects with the same change that are not equally far have rows of their own.
func TestTheSameChangeWithAnotherStatusIsAnotherRow(t *testing.T) {
	f := viewtest.New("rb").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Planned("b", "dev", viewtest.Changes(viewtest.Queue))
	body := Comment(f.Then(f.Apply("r9", "a", "b failed")))
	for _, want := range []string{"| a | – | – | – | 1 | dev | applied |", "| b | – | – | – | 1 | dev | **failed** |"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in:\n%s", want, body)
		}
	}
}

// Projects with the same change that rules judge differently have rows of their own.
func TestTheSameChangeWithAnotherVerdictIsAnotherRow(t *testing.T) {
	f := viewtest.New("rb").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Planned("b", "dev", viewtest.Changes(viewtest.Queue)).Planned("c", "dev", viewtest.Changes(viewtest.Queue))
	f.Judged("a", run.PolicyResult{Rules: 1}).Judged("b", run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{{Rule: "r", Message: "no"}}}).
		Judged("c", run.PolicyResult{Rules: 1})
	body := Comment(f.Input())
	for _, want := range []string{"| a, c (same change) | – | – | – | 1 each | dev | passed |", "| b | – | – | – | 1 | dev | **1 denied** |"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing in:\n%s", want, body)
		}
	}
}
