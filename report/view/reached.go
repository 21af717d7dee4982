package view

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// Progress is how far an apply came, by addresses of what its plan would change. The
// lists are empty when that is not known.
type Progress struct {
	Made   []string
	Failed []string // or not finished, when it was interrupted
	Left   []string // not begun
	Word   string   // for failed
	Cut    bool     // nobody knows what was not begun
}

// HowFar reads what Terraform printed in an apply of changes. It is for people: nothing is decided by it, and it
// names nothing that the plan did not. Of output that was cut nobody knows what was
// not begun.
func HowFar(output string, changes []run.Change) Progress {
	began, ended := map[string]bool{}, map[string]map[string]bool{}
	for _, c := range changes {
		ended[c.Address] = map[string]bool{}
	}
	for line := range strings.Lines(output) {
		for _, verb := range []string{"Creating...", "Modifying...", "Destroying...", "Creation complete", "Modifications complete", "Destruction complete"} {
			at := strings.Index(line, ": "+verb)
			if at < 0 {
				continue
			}
			who, _, _ := strings.Cut(line[:at], " (deposed object ")
			if done := ended[who]; done != nil {
				began[who] = true
				done[strings.TrimSuffix(verb, " complete")] = strings.HasSuffix(verb, " complete")
			}
		}
	}
	var r Progress
	for _, c := range changes {
		needs := map[run.Action][]string{
			run.ActionCreate: {"Creation"}, run.ActionUpdate: {"Modifications"}, run.ActionDestroy: {"Destruction"}, run.ActionReplace: {"Creation", "Destruction"},
		}[c.Action]
		switch lacks := slices.ContainsFunc(needs, func(n string) bool { return !ended[c.Address][n] }); {
		case needs == nil:
		case !lacks:
			r.Made = append(r.Made, c.Address)
		case began[c.Address]:
			r.Failed = append(r.Failed, c.Address)
		default:
			r.Left = append(r.Left, c.Address)
		}
	}
	if strings.Contains(output, " bytes left out here …\n") {
		r.Left, r.Cut = nil, true
	}
	return r
}
