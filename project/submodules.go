package project

import (
	"fmt"
	"slices"
	"strings"
)

// submodules are the paths of a commit's submodules.
type submodules struct {
	all     map[string]bool
	lacking map[string]bool // those whose files are not here
}

func newSubmodules(files []File, lacking []string) submodules {
	s := submodules{all: map[string]bool{}, lacking: map[string]bool{}}
	for _, f := range files {
		if f.Submodule != "" {
			s.all[f.Submodule] = true
		}
	}
	for _, at := range lacking {
		s.all[at], s.lacking[at] = true, true
	}
	return s
}

func (s submodules) is(p string) bool { return s.all[p] }

// lackingAt is the submodule whose files are not here and that a path is or lies in; "" for none.
func (s submodules) lackingAt(p string) string { return in(s.lacking, p) }

// in returns which of the directories a path is or lies in, the innermost one; "" for none.
func in(dirs map[string]bool, p string) string {
	for end := len(p); end > 0 && len(dirs) > 0; end-- {
		if (end == len(p) || p[end] == '/') && dirs[p[:end]] {
			return p[:end]
		}
	}
	return ""
}

// intoSubmodules lists the submodules that projects read, once each: whether jobs get them the server's config says.
func (g *Graph) intoSubmodules(cfg Config) Problems {
	if len(g.subs.all) == 0 {
		return nil
	}
	var ps Problems
	told := map[string]bool{}
	for _, p := range cfg.Projects {
		for _, need := range g.Needs(p) {
			for at := range g.subs.all {
				if told[at] || !isBelow(need, at) && !isBelow(at, need) {
					continue
				}
				told[at] = true
				message := fmt.Sprintf("%s reads the submodule %s, which jobs get where the server's config allows its repository (repositories[].submodules); else the project is refused", quote(p.Name), quote(at))
				if g.subs.lacking[at] {
					message += "; it is not checked out here, so what it holds was not checked: git submodule update --init --recursive"
				}
				ps = append(ps, Problem{File: ".gitmodules", Message: message})
			}
		}
	}
	slices.SortFunc(ps, func(a, b Problem) int { return strings.Compare(a.Message, b.Message) })
	return ps
}
