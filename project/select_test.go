package project

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func cfgOf(names ...string) Config {
	var cfg Config
	for i, name := range names {
		cfg.Projects = append(cfg.Projects, Project{Name: name, Dir: fmt.Sprintf("d%d", i)})
	}
	return cfg
}

// A directory is accepted where a project's name is; people who know other tools type it, and shells complete it.
func TestSelectByDirectory(t *testing.T) {
	cfg := Config{Projects: []Project{
		{Name: "network-dev", Dir: "infra/network"}, {Name: "network-prod", Dir: "infra/network", Workspace: "prod"}, {Name: "db", Dir: "infra/db"},
		{Name: "top", Dir: "top-level"}, {Name: "app", Dir: "elsewhere"}, {Name: "other", Dir: "app"}, {Name: "root", Dir: "."},
	}}
	for selector, want := range map[string]string{
		"infra/network": "network-dev network-prod", "./infra/network": "network-dev network-prod", "infra/network/": "network-dev network-prod", "./infra//network/": "network-dev network-prod",
		"infra/*": "network-dev network-prod db", "./infra/d*": "db", "top-level": "top", "app": "app", "./app": "other", "app/": "other", ".": "root", "./": "root",
		"infra": "", "infra/networ": "", "network/": "", "../infra/db": "", "/infra/db": "", "infra/db/main.tf": "", "Infra/Network": "",
	} {
		selected, err := Select(cfg, []string{selector})
		var names []string
		for _, p := range selected {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%s selects %q, error %v; want %q", selector, got, err, want)
		}
	}
	_, err := Select(cfg, []string{"infra/networ"})
	if want := `no project is named "infra/networ"; of 7 projects the closest names are: infra/network`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// What a name or a directory says exactly is meant, and not what it says as a pattern.
func TestSelectTriesAPatternLast(t *testing.T) {
	cfg := Config{Projects: []Project{{Name: "odd1", Dir: "live/odd1"}, {Name: "odd[1]", Dir: "live/odd[1]"}, {Name: "hashed", Dir: "live/[x"}}}
	for typed, want := range map[string]string{"odd[1]": "odd[1]", "live/odd[1]": "odd[1]", "live/odd[1]/": "odd[1]", "live/[x": "hashed", "odd[12]": "odd1"} {
		selected, err := Select(cfg, []string{typed})
		if err != nil || len(selected) != 1 || selected[0].Name != want {
			t.Errorf("%s selects %v, %v; want %s", typed, selected, err, want)
		}
	}
}

func TestSelect(t *testing.T) { // T17
	cfg := cfgOf("network-prod", "network-dev", "vpc-prod", "app")
	tests := []struct {
		name      string
		selectors []string
		want      string // names, or the error's text
	}{
		{"an exact name", []string{"app"}, "app"},
		{"two names, in the order of the config", []string{"vpc-prod", "network-prod"}, "network-prod vpc-prod"},
		{"a name twice", []string{"app", "app", "a*"}, "app"},
		{"a glob", []string{"*-prod"}, "network-prod vpc-prod"},
		{"a class", []string{"[av]*"}, "vpc-prod app"},
		{"nothing selects nothing", nil, ""},
		{"a prefix is no name", []string{"network"}, `no project is named "network"; of 4 projects the closest names are: network-prod, network-dev`},
		{"another case is no name", []string{"App"}, `no project is named "App"; of 4 projects the closest names are: app`},
		{"a slip", []string{"netwrok-prod"}, `no project is named "netwrok-prod"; of 4 projects the closest names are: network-prod`},
		{"empty", []string{""}, `no project is named ""; of 4 projects the closest names are: network-prod, network-dev, vpc-prod, app`},
		{"one good, one unknown", []string{"app", "zzzzzzzzz"}, `no project is named "zzzzzzzzz"; of 4 projects the closest names are: network-prod, network-dev, vpc-prod, app`},
		{"a glob without match", []string{"x*"}, `no project is named "x*"; of 4 projects the closest names are: network-prod, network-dev, vpc-prod, app`},
		{"a broken glob", []string{"[a"}, `reading "[a" as a project name or glob: syntax error in pattern`},
		{"a path", []string{"../app"}, `no project is named "../app"; of 4 projects the closest names are: d0, d1, d2, d3`},
		{"an escaped name", []string{`\app`}, `no project is named "\\app"; of 4 projects the closest names are: app`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			selected, err := Select(cfg, tt.selectors)
			got := ""
			if err != nil {
				got = err.Error()
				if len(selected) > 0 {
					t.Errorf("%d projects beside the error", len(selected))
				}
			} else {
				var names []string
				for _, p := range selected {
					names = append(names, p.Name)
				}
				got = strings.Join(names, " ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	var unknown *UnknownError
	if _, err := Select(Config{}, []string{"x"}); !errors.As(err, &unknown) || unknown.Total != 0 {
		t.Errorf("no projects at all: %v", err)
	}
}

// T17: for any set of projects, what is selected by a word is called exactly that.
func TestSelectNeverFallsBack(t *testing.T) {
	names := rapid.StringMatching(`[a-c][a-c.-]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		cfg := cfgOf(rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "names")...)
		word := rapid.OneOf(names, rapid.StringMatching(`[a-cA-C./ -]{0,4}`), rapid.String()).Draw(t, "word")
		selected, err := Select(cfg, []string{word})
		exists := slices.ContainsFunc(cfg.Projects, func(p Project) bool { return p.Name == word })
		if !strings.ContainsAny(word, `*?[`) {
			if exists != (err == nil) || (err == nil && (len(selected) != 1 || selected[0].Name != word)) {
				t.Fatalf("%q selected %v, %v", word, selected, err)
			}
			return
		}
		for _, p := range selected {
			if ok, _ := path.Match(word, p.Name); !ok {
				t.Fatalf("%q selected %s", word, p.Name)
			}
		}
		if err == nil && len(selected) == 0 {
			t.Fatalf("%q selected nothing without an error", word)
		}
	})
}

func TestOrderPutsProjectsAfterWhatTheyName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "n")
		var ps []Project
		for i := range n {
			p := Project{Name: fmt.Sprint(i)}
			for range rapid.IntRange(0, 3).Draw(t, "after") {
				p.After = append(p.After, fmt.Sprint(rapid.IntRange(0, n+1).Draw(t, "name")))
			}
			ps = append(ps, p)
		}
		stages, err := Order(ps)
		if err != nil {
			var cycle *CycleError
			if !errors.As(err, &cycle) {
				t.Fatalf("error is %v", err)
			}
			for i, name := range cycle.Names {
				next := cycle.Names[(i+1)%len(cycle.Names)]
				if j := slices.IndexFunc(ps, func(p Project) bool { return p.Name == name }); !slices.Contains(ps[j].After, next) {
					t.Fatalf("%v is no cycle: %s does not wait for %s", cycle.Names, name, next)
				}
			}
			return
		}
		stage := map[string]int{}
		for i, ps := range stages {
			if len(ps) == 0 {
				t.Fatalf("stage %d is empty", i)
			}
			for _, p := range ps {
				stage[p.Name] = i + 1
			}
		}
		if len(stage) != n {
			t.Fatalf("%d of %d projects", len(stage), n)
		}
		for _, p := range ps {
			for _, name := range p.After {
				if stage[name] >= stage[p.Name] {
					t.Fatalf("%s in stage %d does not come after %s in stage %d", p.Name, stage[p.Name], name, stage[name])
				}
			}
		}
	})
}
