package view

import "github.com/lockkeeper/lockkeeper/run"

// Loss is what a group of projects destroys and replaces, each of them.
type Loss struct {
	Group              Group
	Destroys, Replaces []string
}

// Losses collects the groups that destroy or replace something.
func Losses(groups []Group) []Loss {
	var out []Loss
	for _, g := range groups {
		if g.Counts.Destroy+g.Counts.Replace == 0 {
			continue
		}
		l := Loss{Group: g}
		if g.Summary != nil {
			l.Destroys, l.Replaces = addresses(g.Summary, run.ActionDestroy), addresses(g.Summary, run.ActionReplace)
		}
		out = append(out, l)
	}
	return out
}

func addresses(s *run.Summary, a run.Action) []string {
	var out []string
	for _, c := range s.Changes {
		if c.Action == a {
			out = append(out, c.Address)
		}
	}
	return out
}

// Total counts over all projects of the group.
func (l Loss) Total() run.Counts {
	c, n := l.Group.Counts, len(l.Group.Projects)
	return run.Counts{Destroy: c.Destroy * n, Replace: c.Replace * n}
}
