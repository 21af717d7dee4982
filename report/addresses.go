package report

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// progress is how far the apply of a job came that began and did not succeed.
func (v ResultView) progress(j run.Job) view.Progress {
	summary, known := v.Summaries[v.plan(j).ID]
	output := v.Outputs[j.ID]
	if !known || output == "" || j.Result == nil || !j.Result.Began {
		return view.Progress{}
	}
	r := view.HowFar(output, summary.Changes)
	r.Word = "failed"
	if (view.Model{Apply: &v.Run}).ApplyStatus(j) == view.StatusInterrupted {
		r.Word = "not finished"
	}
	return r
}

// progressLists writes the addresses in a line.
func progressLists(r view.Progress) string {
	return strings.Join(nonEmpty(sentenceOf("made: %s", fewAddresses(r.Made)), sentenceOf(r.Word+": %s", fewAddresses(r.Failed)),
		sentenceOf("not begun: %s", fewAddresses(r.Left))), " · ")
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
