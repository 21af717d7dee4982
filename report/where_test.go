package report

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// A directory in another script has a name in Latin letters; people see the directory beside it.
func TestDirectoryIsShownWhereTheNameDoesNotSayIt(t *testing.T) {
	of := func(name, dir string) view.Group {
		s := run.ProjectStatus{Project: name}
		s.Plan.Document.Project = run.JobProject{Name: name, Dir: dir}
		return view.Group{Projects: []run.ProjectStatus{s}}
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"dong-jing", "東京", "dong-jing (`東京`)"}, {"infra-set", "инфра/сеть", "infra-set (`инфра/сеть`)"}, {"network-prod", "infra/network", "network-prod"}, {"root", ".", "root"},
		{"infra-app", "infra/App", "infra-app"}, {"orders", "services/shop/infra", "orders (`services/shop/infra`)"},
	} {
		g := of(tt.name, tt.dir)
		if got := namesOf(g, name) + dirsOf(g, nameCode); got != tt.want {
			t.Errorf("%s in %s is %q, want %q", tt.name, tt.dir, got, tt.want)
		}
	}
	if got, want := dirsOf(of("x", "<b>`a` 999 to add"), htmlCode), " (<code>&lt;b&gt;`a` 999 to add</code>)"; got != want {
		t.Errorf("a directory is written as %q, want %q", got, want)
	}
}
