package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownFlags is how many flags of a plan are shown.
const shownFlags = 4

// flagLines say which plans looked at less than everything, and which at it in
// another way than they do by themselves.
func flagLines(m view.Model) string {
	var lines, texts []string
	var names [][]string
	for _, s := range m.Projects {
		for _, text := range flagTexts(m, s) {
			at := slices.Index(texts, text)
			if at < 0 {
				at = len(texts)
				texts, names = append(texts, text), append(names, nil)
			}
			names[at] = append(names[at], s.Project)
		}
	}
	for i, text := range texts {
		of := ""
		if len(names[i]) < len(m.Projects) {
			of = " of " + fewNames(names[i], name)
		}
		lines = append(lines, fmt.Sprintf(text, of)+"\n")
	}
	return strings.Join(lines, "")
}

// flagTexts are the sentences about one plan, each with a %s for whose it is.
func flagTexts(m view.Model, s run.ProjectStatus) []string {
	if s.Plan.State != run.JobSucceeded {
		return nil
	}
	var out []string
	narrowed := s.Narrowed()
	if s.Partial() {
		out = append(out, partialText(m, s, narrowed))
	}
	var others []string
	for _, flag := range s.Plan.Document.Flags {
		if !slices.Contains(narrowed, flag) && !run.Parallelism(flag) {
			others = append(others, flag)
		}
	}
	if len(others) > 0 {
		text := "The plan%s was made with " + percent(flagList(others)) + "."
		if slices.ContainsFunc(others, run.NotRefreshed) {
			text += " What was changed outside of Terraform is not in it."
		}
		out = append(out, text)
	}
	return out
}

func partialText(m view.Model, s run.ProjectStatus, narrowed []string) string {
	text := "**Partial plan**%s"
	if len(narrowed) > 0 {
		text += " (" + percent(flagList(narrowed)) + ")"
	}
	switch missed := s.Missed(m.Runs); {
	case s.Done():
		text += ": "
	case missed == 1:
		text += ": 1 other change was not looked at, and "
	case missed > 1:
		text += ": " + many(missed, "other change") + " were not looked at, and "
	case len(narrowed) == 0:
		text += ": Terraform left something out, and "
	case slices.ContainsFunc(narrowed, func(f string) bool { return !run.NotRefreshed(f) }):
		text += ": other changes were not looked at, and "
	default:
		text += ": what was changed outside of Terraform was not looked at, and "
	}
	return text + "`" + CheckApply + "` waits for a whole plan."
}

func flagList(flags []string) string {
	var out []string
	for i, flag := range flags {
		if i == shownFlags {
			return strings.Join(out, ", ") + " and " + number(len(flags)-i) + " more"
		}
		out = append(out, address(flag))
	}
	return strings.Join(out, ", ")
}

// percent makes a text one that fmt writes as it is.
func percent(s string) string { return strings.ReplaceAll(s, "%", "%%") }
