package policy

import (
	"strings"
	"testing"
)

// A directory is accepted where a project's name is: confirm=infra/network counted for nothing,
// without a word.
func TestConfirmNamesAProjectByItsDirectory(t *testing.T) {
	project := func(name, dir string) Project {
		return Project{Name: name, Dir: dir, Rules: Rules{Protected: []string{"aws_db_*"}}, Plan: &StoredPlan{Changes: []Change{{Address: "aws_db_instance.x", Type: "aws_db_instance"}}}}
	}
	projects := []Project{project("net", "infra/network"), project("blue", "live"), project("green", "live"), project("odd[1]", "odd[1]"), project("top", ".")}
	for confirm, want := range map[string]string{
		"net": "net", "infra/network": "net", "./infra/network/": "net", "blue": "blue", "odd[1]": "odd[1]", ".": "top",
		"live": "", "live/": "", "infra": "", "infra/*": "", "n*": "", "*": "", "": "", "other": "",
	} {
		var confirmed []string
		for _, p := range projects {
			r := protected(Facts{Confirm: confirm, Actor: "rui", Projects: projects}, p)
			if r.OK {
				confirmed = append(confirmed, p.Name)
			} else if !strings.Contains(r.Text, "`/apply "+p.Name+" confirm="+p.Name+"`") {
				t.Errorf("confirm=%s: %s", confirm, r.Text)
			}
		}
		if got := strings.Join(confirmed, " "); got != want {
			t.Errorf("confirm=%s confirms %q, want %q", confirm, got, want)
		}
	}
}
