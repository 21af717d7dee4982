package page

import (
	"html/template"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// sign is how a state looks: a colour class and an icon.
type sign struct{ Mark, Icon string }

var (
	signSuccess = sign{"success", "check"}
	signFailure = sign{"failure", "cross"}
	signPending = sign{"pending", "spinner"}
	signNeutral = sign{"neutral", "neutral"}
)

// checkLine is one check run as the merge box and the Checks tab show it.
type checkLine struct {
	sign
	ID            int64
	SHA           string
	Name, Title   string
	Word          string // its status or conclusion in plain words
	Done          bool
	Took          string
	Summary, Text template.HTML
	Actions       []github.Action
	DetailsURL    string
}

// checkLines shows the checks in a steady order, whatever order they came in.
func (s *site) checkLines(checks []github.CheckView) []checkLine {
	var lines []checkLine
	for _, check := range checks {
		line := checkLine{
			sign: checkSign(check), ID: check.ID, SHA: check.HeadSHA, Name: check.Name, Title: check.Title,
			Word: strings.ReplaceAll(check.Status, "_", " "), DetailsURL: webURL(check.DetailsURL),
		}
		if check.Summary != "" {
			line.Summary = s.markdown.HTML(check.Summary)
		}
		if check.Text != "" {
			line.Text = s.markdown.HTML(check.Text)
		}
		if check.Status == "completed" {
			line.Done, line.Word = true, strings.ReplaceAll(check.Conclusion, "_", " ")
			line.Took = took(check.Started, check.Completed)
			line.Actions = check.Actions // GitHub shows buttons of completed runs only
		}
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b checkLine) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// checkSign judges a check run as GitHub's merge box does: what is not done is
// pending, neutral and skipped do not count, and every other end is a failure.
func checkSign(check github.CheckView) sign {
	if check.Status != "completed" {
		return signPending
	}
	switch check.Conclusion {
	case "success":
		return signSuccess
	case "neutral", "skipped":
		return signNeutral
	}
	return signFailure
}

// webURL keeps a link to a web page. html/template would also neutralize a
// javascript: link, but to a link that goes nowhere.
func webURL(link string) string {
	if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		return link
	}
	return ""
}
