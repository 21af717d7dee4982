package report

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// reached is how far an apply came, by addresses of what its plan would change. The
// lists are empty when that is not known.
type reached struct {
	made   []string
	failed []string // or not finished, when it was interrupted
	left   []string // not begun
	word   string   // for failed
	cut    bool     // nobody knows what was not begun
}

// howFar reads what Terraform printed in an apply of changes. It is for people: nothing is decided by it, and it
// names nothing that the plan did not. Of output that was cut nobody knows what was
// not begun.
func howFar(output string, changes []run.Change) reached {
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
	var r reached
	for _, c := range changes {
		needs := map[run.Action][]string{
			run.ActionCreate: {"Creation"}, run.ActionUpdate: {"Modifications"}, run.ActionDestroy: {"Destruction"}, run.ActionReplace: {"Creation", "Destruction"},
		}[c.Action]
		switch lacks := slices.ContainsFunc(needs, func(n string) bool { return !ended[c.Address][n] }); {
		case needs == nil:
		case !lacks:
			r.made = append(r.made, c.Address)
		case began[c.Address]:
			r.failed = append(r.failed, c.Address)
		default:
			r.left = append(r.left, c.Address)
		}
	}
	if strings.Contains(output, " bytes left out here …\n") {
		r.left, r.cut = nil, true
	}
	return r
}

// progress is how far the apply of a job came that began and did not succeed.
func (v ResultView) progress(j run.Job) reached {
	summary, known := v.Summaries[v.plan(j).ID]
	output := v.Outputs[j.ID]
	if !known || output == "" || j.Result == nil || !j.Result.Began {
		return reached{}
	}
	r := howFar(output, summary.Changes)
	r.word = "failed"
	if (picked{apply: &v.Run}).applyStatus(j) == statusInterrupted {
		r.word = "not finished"
	}
	return r
}

// lists writes the addresses in a line.
func (r reached) lists() string {
	return strings.Join(nonEmpty(sentenceOf("made: %s", fewAddresses(r.made)), sentenceOf(r.word+": %s", fewAddresses(r.failed)),
		sentenceOf("not begun: %s", fewAddresses(r.left))), " · ")
}

// madeBy writes what an apply of changes made, by address, what is lost first.
func madeBy(changes []run.Change) string {
	var out []string
	for _, one := range []struct {
		action run.Action
		word   string
	}{{run.ActionDestroy, "destroyed"}, {run.ActionReplace, "replaced"}, {run.ActionUpdate, "changed"}, {run.ActionCreate, "added"}, {run.ActionForget, "forgotten"}} {
		var list []string
		for _, c := range changes {
			if c.Action == one.action {
				list = append(list, c.Address)
			}
		}
		out = append(out, sentenceOf(one.word+": %s", fewAddresses(list)))
	}
	return strings.Join(nonEmpty("", out...), " · ")
}

// fewAddresses joins addresses; those that are too many are counted.
func fewAddresses(list []string) string {
	var out []string
	for i, a := range list {
		if i == resultAddresses && len(list) > resultAddresses+1 {
			out = append(out, number(len(list)-i)+" more")
			break
		}
		out = append(out, address(a))
	}
	return sentence(out)
}
