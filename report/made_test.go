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

func madeViews() map[string]view.Input {
	travels := run.Made{Files: 3, Bytes: 12_800, Names: []string{"app/lambda.zip", "build/deep/run.sh", "build/latest"}}
	marks := run.Made{Files: 1, Names: []string{"build/cache/"}, Executable: 12, Executables: []string{"app/deploy.sh", "app/wait.sh"}}
	bit := run.Made{Executable: 1, Executables: []string{"app/deploy.sh"}}
	large := run.Made{Missed: 12, Missing: []run.MissedFile{{Name: "app/node_modules/large.node", Why: run.MissedBytes}, {Name: "app/lambda.zip", Why: run.MissedBytes}}}
	both := run.Made{Files: 1_200, Bytes: 3 << 20, Names: []string{"app/a", "app/b"}, Missed: 2, Missing: []run.MissedFile{
		{Name: "app/deploy.sh", Why: run.MissedChanged}, {Name: "app/override.tf", Why: run.MissedObeyed},
	}}
	return map[string]view.Input{
		"made":         viewtest.New("r1").Planned("app-prod", "prod", viewtest.Changes(viewtest.Queue)).Made("app-prod", travels).Input(),
		"made_marks":   viewtest.Three().Made("app-prod", marks).Made("network-prod", bit).Input(),
		"made_large":   viewtest.New("r1").Planned("app-prod", "prod", viewtest.Changes(viewtest.Queue)).Made("app-prod", large).Input(),
		"made_several": viewtest.Three().Made("app-prod", both).Made("network-prod", travels).Input(),
		"made_hostile": viewtest.New("r1").Planned("app-prod", "prod", viewtest.Changes(viewtest.Queue)).Made("app-prod", run.Made{
			Files: 1, Bytes: 1, Names: []string{"a`b\n# c <b> @acme/admins \u202e.zip"},
			Missed: 1, Missing: []run.MissedFile{{Name: "</details>\n**x** ![](http://a.example)", Why: "@acme/admins <b>"}},
		}).Input(),
	}
}

func TestCommentNamesTheFilesThatPlanningMade(t *testing.T) {
	for name, in := range madeViews() {
		t.Run(name, func(t *testing.T) {
			got := Comment(in)
			golden(t, "comment_"+name, got)
			if s := judge(t, got); s.Headings != 1 || s.Opened != s.Closed {
				t.Errorf("structure %+v", s)
			}
			if missing := in.Runs[0].Jobs[0].Result.Made.Lacks(); missing && strings.Contains(got, "apply `/apply`") {
				t.Error("it says that it can be applied")
			}
		})
	}
}

var (
	lackingOf   = regexp.MustCompile(`\*\*(project-[0-9]+)\*\* cannot be applied`)
	lackingMore = regexp.MustCompile(`Planning made files for \*\*([0-9,]+) more projects?\*\*`)
)

// However many plans made files and however long their names are, the comment fits, and
// each project is named or counted.
func TestMadeFilesAreNamedOrCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		projects, width := rapid.IntRange(1, 150).Draw(t, "projects"), rapid.IntRange(1, 300).Draw(t, "width")
		f := viewtest.New("rb")
		for p := range projects {
			project := fmt.Sprintf("project-%d", p)
			f.Planned(project, "prod", viewtest.Changes(viewtest.Change(run.ActionDestroy, fmt.Sprintf("a.b%d", p))))
			m := run.Made{Missed: 20}
			for i := range 10 {
				m.Missing = append(m.Missing, run.MissedFile{Name: fmt.Sprintf("%d%s", i, strings.Repeat("`", width)), Why: run.MissedBytes})
			}
			f.Made(project, m)
		}
		body := Comment(f.Input())
		named, counted := len(lackingOf.FindAllString(body, -1)), 0
		if m := lackingMore.FindStringSubmatch(body); m != nil {
			counted, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		}
		if len(body) > commentBudget || named+counted != projects || !strings.Contains(body, "> **project-0** destroys") {
			t.Fatalf("%d bytes; %d named and %d counted, of %d", len(body), named, counted, projects)
		}
	})
}
