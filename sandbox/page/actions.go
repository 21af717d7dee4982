package page

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// form is one posted form: who sent it, and on which pull request.
type form struct {
	r      *http.Request
	person *github.Person
	repo   string // owner/name
	number int    // an action that opens another pull request names that one
}

// action does what a form asks for. It gives the tab to show then.
type action func(f *form) (tab string, err error)

// actions lists what can be posted, by path below the pull request.
func (s *site) actions() map[string]action {
	return map[string]action{
		"comment":           comment,
		"review":            review,
		"dismiss/{id}":      dismiss,
		"edit":              s.push,
		"propose":           s.propose,
		"close":             closePull,
		"reopen":            reopenPull,
		"merge":             merge,
		"ready":             ready,
		"update":            update,
		"checks/{id}/press": press,
		"checks/{id}/rerun": rerun,
	}
}

// act runs an action. It answers with a redirect to the tab, so that reloading
// never repeats it, or with the same page and what went wrong.
func (s *site) act(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		repo, number, err := s.target(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if err := r.ParseForm(); err != nil {
			s.fail(w, r, &github.Error{Status: http.StatusBadRequest, Message: "The form is too large or broken; nothing was changed."})
			return
		}
		f := &form{r: r, person: s.double.As(s.you(r).Login), repo: repo, number: number}
		tab, err := do(f)
		if err != nil {
			status, message := explain(r, err)
			s.showPull(w, r, shown{status: status, tab: tab, flash: message})
			return
		}
		http.Redirect(w, r, pullURL(repo, f.number, tab), http.StatusSeeOther)
	}
}

func comment(f *form) (string, error) {
	_, err := f.person.Comment(f.repo, f.number, f.text("body"))
	return "conversation", err
}

func review(f *form) (string, error) {
	_, err := f.person.Review(f.repo, f.number, f.r.PostFormValue("event"), f.text("body"))
	return "conversation", err
}

func dismiss(f *form) (string, error) {
	id, err := checkID(f.r)
	if err != nil {
		return "conversation", err
	}
	return "conversation", f.person.DismissReview(f.repo, f.number, id)
}

func closePull(f *form) (string, error) {
	return "conversation", f.person.ClosePull(f.repo, f.number)
}

func reopenPull(f *form) (string, error) {
	return "conversation", f.person.ReopenPull(f.repo, f.number)
}

func ready(f *form) (string, error) {
	return "conversation", f.person.ReadyForReview(f.repo, f.number)
}

func merge(f *form) (string, error) {
	_, err := f.person.MergePull(f.repo, f.number, f.r.PostFormValue("method"))
	return "conversation", err
}

// update merges the base branch into the pull request's.
func update(f *form) (string, error) {
	_, err := f.person.UpdateBranch(f.repo, f.number)
	return "conversation", err
}

func press(f *form) (string, error) {
	id, err := checkID(f.r)
	if err != nil {
		return "checks", err
	}
	return "checks", f.person.Press(f.repo, id, f.r.PostFormValue("identifier"))
}

func rerun(f *form) (string, error) {
	id, err := checkID(f.r)
	if err != nil {
		return "checks", err
	}
	return "checks", f.person.RerequestCheck(f.repo, id)
}

// text gives a field with the line ends that GitHub's own forms send as plain
// newlines; browsers send CRLF.
func (f *form) text(field string) string {
	return strings.ReplaceAll(f.r.PostFormValue(field), "\r\n", "\n")
}

// target reads which pull request a URL names.
func (s *site) target(r *http.Request) (repo string, number int, err error) {
	number, err = strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return "", 0, &github.Error{Status: http.StatusNotFound}
	}
	return r.PathValue("owner") + "/" + r.PathValue("repo"), number, nil
}

func pullURL(repo string, number int, tab string) string {
	url := fmt.Sprintf("/%s/pull/%d", repo, number)
	if tab != "conversation" {
		url += "/" + tab
	}
	return url
}
