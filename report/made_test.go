package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/run"
)

// made says what planning a project left behind.
func (f *fixture) made(project string, m run.Made) *fixture {
	for i, j := range f.run.Jobs {
		if projectOf(j) != project {
			continue
		}
		f.run.Jobs[i].Result.Made = &m
		if m.Files > 0 {
			f.run.Jobs[i].Result.Artifacts = map[string]run.Artifact{run.ArtifactMade: {Key: "runs/x", SHA256: strings.Repeat("0a1b2c3d", 8), Size: 900}}
		}
	}
	return f
}

func madeViews() map[string]View {
	travels := run.Made{Files: 3, Bytes: 12_800, Names: []string{"app/lambda.zip", "build/deep/run.sh", "build/latest"}}
	marks := run.Made{Files: 1, Names: []string{"build/cache/"}, Executable: 12, Executables: []string{"app/deploy.sh", "app/wait.sh"}}
	bit := run.Made{Executable: 1, Executables: []string{"app/deploy.sh"}}
	large := run.Made{Missed: 12, Missing: []run.MissedFile{{Name: "app/node_modules/large.node", Why: run.MissedBytes}, {Name: "app/lambda.zip", Why: run.MissedBytes}}}
	both := run.Made{Files: 1_200, Bytes: 3 << 20, Names: []string{"app/a", "app/b"}, Missed: 2, Missing: []run.MissedFile{
		{Name: "app/deploy.sh", Why: run.MissedChanged}, {Name: "app/override.tf", Why: run.MissedObeyed},
	}}
	return map[string]View{
		"made":         newFixture("r1").planned("app-prod", "prod", changes(queue)).made("app-prod", travels).view(),
		"made_marks":   three().made("app-prod", marks).made("network-prod", bit).view(),
		"made_large":   newFixture("r1").planned("app-prod", "prod", changes(queue)).made("app-prod", large).view(),
		"made_several": three().made("app-prod", both).made("network-prod", travels).view(),
		"made_hostile": newFixture("r1").planned("app-prod", "prod", changes(queue)).made("app-prod", run.Made{
			Files: 1, Bytes: 1, Names: []string{"a`b\n# c <b> @acme/admins \u202e.zip"},
			Missed: 1, Missing: []run.MissedFile{{Name: "</details>\n**x** ![](http://a.example)", Why: "@acme/admins <b>"}},
		}).view(),
	}
}

func TestCommentNamesTheFilesThatPlanningMade(t *testing.T) {
	for name, v := range madeViews() {
		t.Run(name, func(t *testing.T) {
			got := Comment(v)
			golden(t, "comment_"+name, got)
			if s := judge(t, got); s.Headings != 1 || s.Opened != s.Closed {
				t.Errorf("structure %+v", s)
			}
			if missing := v.Runs[0].Jobs[0].Result.Made.Lacks(); missing && strings.Contains(got, "apply `/apply`") {
				t.Error("it says that it can be applied")
			}
		})
	}
}

// Plans that make other files are not the same change.
func TestOtherFilesAreAnotherChange(t *testing.T) {
	f := newFixture("r1").planned("a", "dev", changes(queue)).planned("b", "dev", changes(queue))
	v := f.view()
	p, _ := v.pick("")
	if n := len(v.groups(p)); n != 1 {
		t.Fatalf("%d groups of one change", n)
	}
	f.made("a", run.Made{Files: 1, Names: []string{"x"}})
	if n := len(v.groups(p)); n != 2 {
		t.Errorf("%d groups", n)
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
		f := newFixture("rb")
		for p := range projects {
			project := fmt.Sprintf("project-%d", p)
			f.planned(project, "prod", changes(change(run.ActionDestroy, fmt.Sprintf("a.b%d", p))))
			m := run.Made{Missed: 20}
			for i := range 10 {
				m.Missing = append(m.Missing, run.MissedFile{Name: fmt.Sprintf("%d%s", i, strings.Repeat("`", width)), Why: run.MissedBytes})
			}
			f.made(project, m)
		}
		body := Comment(f.view())
		named, counted := len(lackingOf.FindAllString(body, -1)), 0
		if m := lackingMore.FindStringSubmatch(body); m != nil {
			counted, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		}
		if len(body) > commentBudget || named+counted != projects || !strings.Contains(body, "> **project-0** destroys") {
			t.Fatalf("%d bytes; %d named and %d counted, of %d", len(body), named, counted, projects)
		}
	})
}
