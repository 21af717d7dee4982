package page

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// sign is how a state looks: a colour class and an icon.
type sign struct{ Mark, Icon string }

var (
	signSuccess = sign{"success", "check"}
	signFailure = sign{"failure", "cross"}
	signPending = sign{"pending", "spinner"}
	signQueued  = sign{"pending", "dot"} // waits, and nothing turns
	signNeutral = sign{"neutral", "neutral"}
)

// run leads the address that GitHub gives a check run to the Checks tab of the
// pull request that had its commit as head.
func (s *site) run(w http.ResponseWriter, r *http.Request) {
	repo := r.PathValue("owner") + "/" + r.PathValue("repo")
	id, err := checkID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	head, err := s.reader.checkHead(r.Context(), s.you(r).Login, repo, id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	number, err := s.pullWithHead(repo, head)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("%s#check-%d", pullURL(repo, number, "checks"), id), http.StatusSeeOther)
}

// pullWithHead finds the newest pull request that has or had a commit as head.
func (s *site) pullWithHead(repo, sha string) (int, error) {
	numbers, err := s.double.PullNumbers(repo)
	if err != nil {
		return 0, err
	}
	for _, number := range slices.Backward(numbers) {
		pull, err := s.double.Pull(repo, number)
		if err != nil {
			return 0, err
		}
		for _, moment := range pull.Timeline {
			if (moment.Kind == "opened" || moment.Kind == "pushed") && moment.SHA == sha {
				return number, nil
			}
		}
	}
	return 0, &github.Error{Status: http.StatusNotFound}
}

// checkID reads which check run a URL names.
func checkID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, &github.Error{Status: http.StatusNotFound}
	}
	return id, nil
}

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
	Notes         []note
	Required      bool // by the rules of the base
}

// note is an annotation of a check run.
type note struct {
	Check, Path, Title, Message string
	Line                        int
}

// notes reads the annotations of a check run, as they were sent.
func notes(check github.CheckView) []note {
	var out []note
	for _, a := range check.Annotations {
		text := func(key string) string { s, _ := a[key].(string); return s }
		line, _ := a["end_line"].(float64)
		out = append(out, note{check.Name, text("path"), text("title"), text("message"), int(line)})
	}
	return out
}

// checkLines shows the checks in a steady order, whatever order they came in.
func (s *site) checkLines(checks []github.CheckView) []checkLine {
	var lines []checkLine
	for _, check := range checks {
		line := checkLine{
			sign: checkSign(check), ID: check.ID, SHA: check.HeadSHA, Name: check.Name, Title: check.Title,
			Word: strings.ReplaceAll(check.Status, "_", " "), DetailsURL: webURL(check.DetailsURL), Notes: notes(check),
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
	switch check.Status {
	case "completed":
	case "queued":
		return signQueued
	default:
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
