package page

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// pullPage is what the pull request's templates read.
type pullPage struct {
	frame
	Pull        github.PullView
	Base        string // the pull request's own URL
	Tab         string
	State       stateBadge
	Suggestions []Suggestion
	Items       []item
	Comments    int
	Reviews     []reviewLine
	Checks      []checkLine
	Merge       mergeBox
	Files       []fileDiff
	Additions   int
	Deletions   int
	Typed       string // what the comment box holds
	Edit        edit
}

// stateBadge is the state of a pull request in words and colours.
type stateBadge struct {
	sign
	Word, Name string
	Wish       string // what the author does with the commits
}

// fileDiff is one changed file.
type fileDiff struct {
	ID, Path, OldPath, Status string
	Additions, Deletions      int
	Lines                     []diffLine
	Editable                  bool
}

// shown is how to show a pull request after something happened to it.
type shown struct {
	status int    // HTTP status
	tab    string // which part
	flash  string // what went wrong
}

// tab serves one part of a pull request.
func (s *site) tab(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.showPull(w, r, shown{status: http.StatusOK, tab: name})
	}
}

func (s *site) showPull(w http.ResponseWriter, r *http.Request, how shown) {
	repo, number, err := s.target(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	pull, err := s.snapshot(r, repo, number)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := s.pullPage(r, pull, how)
	if how.tab == "edit" {
		if page.Edit, err = s.edit(r, pull); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.render(w, r, how.status, how.tab, page)
}

// snapshot reads a pull request, and makes GitHub find out whether it can be
// merged if it does not know yet. Only a person with access can ask; others see
// that it is being checked.
func (s *site) snapshot(r *http.Request, repo string, number int) (github.PullView, error) {
	pull, err := s.double.Pull(repo, number)
	if err != nil || pull.State != "open" || pull.Mergeable != nil {
		return pull, err
	}
	if err := s.reader.askMergeable(r.Context(), s.you(r).Login, repo, number); err != nil {
		zerolog.Ctx(r.Context()).Warn().Err(err).Msg("mergeability not known")
		return pull, nil
	}
	return s.double.Pull(repo, number)
}

func (s *site) pullPage(r *http.Request, pull github.PullView, how shown) pullPage {
	base := pullURL(pull.Repo, pull.Number, "conversation")
	page := pullPage{
		frame: s.frame(r, fmt.Sprintf("%s · #%d · %s", pull.Title, pull.Number, pull.Repo)),
		Pull:  pull, Base: base, Tab: how.tab, State: badge(pull), Suggestions: s.suggestions,
		Checks: s.checkLines(pull.Checks), Reviews: latestReviews(pull),
		Files: fileDiffs(pull), Typed: r.FormValue("comment"),
	}
	page.Repo, page.Flash = pull.Repo, how.flash
	page.Here = pullURL(pull.Repo, pull.Number, how.tab)
	if how.tab != "edit" {
		page.Events = eventsURL // what is being edited stays as it was opened
	}
	if how.flash != "" && how.tab == "conversation" {
		page.Typed = r.PostFormValue("body")
	}
	page.Items = s.items(pull, page.You.Login)
	for i := range page.Checks {
		page.Checks[i].Required = slices.Contains(pull.Required, page.Checks[i].Name)
	}
	page.Merge = decideMerge(pull, page.Reviews, page.Checks)
	page.Comments = countComments(pull)
	for _, file := range pull.Files {
		page.Additions += file.Additions
		page.Deletions += file.Deletions
	}
	return page
}

func badge(pull github.PullView) stateBadge {
	switch {
	case pull.Merged:
		return stateBadge{sign{"success", "merge"}, "merged", "Merged", "merged"}
	case pull.State == "closed":
		return stateBadge{sign{"failure", "pull"}, "closed", "Closed", "wanted to merge"}
	case pull.Draft:
		return stateBadge{sign{"neutral", "pull"}, "draft", "Draft", "wants to merge"}
	}
	return stateBadge{sign{"success", "pull"}, "open", "Open", "wants to merge"}
}

func fileDiffs(pull github.PullView) []fileDiff {
	var files []fileDiff
	for _, file := range pull.Files {
		name := fnv.New64a()
		name.Write([]byte(file.Path))
		files = append(files, fileDiff{
			ID: fmt.Sprintf("file-%x", name.Sum64()), Path: file.Path, OldPath: file.OldPath, Status: file.Status,
			Additions: file.Additions, Deletions: file.Deletions, Lines: annotated(diffLines(file.Patch), file.Path, pull.Checks),
			Editable: pull.State == "open" && file.Status != "removed" && pull.HeadRepo == pull.Repo,
		})
	}
	return files
}
