package page

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// edit is a file of the branch in a text area.
type edit struct {
	Paths   []string // every file of the branch
	Path    string
	Content string
	Message string // suggested, or what was typed
}

// edit reads the file to edit from the branch, or keeps what was typed when a
// push was refused. Without a path it opens the first changed file.
func (s *site) edit(r *http.Request, pull github.PullView) (edit, error) {
	you := s.you(r).Login
	paths, err := s.reader.files(r.Context(), you, pull.HeadRepo, pull.HeadRef)
	if err != nil {
		return edit{}, err
	}
	e := edit{Paths: paths, Path: r.FormValue("path")}
	if r.Method == http.MethodPost {
		e.Content, e.Message = r.PostFormValue("content"), r.PostFormValue("message")
		return e, nil
	}
	if e.Path == "" {
		e.Path = firstEditable(pull, paths)
	}
	content, err := s.reader.file(r.Context(), you, pull.HeadRepo, pull.HeadRef, e.Path)
	if err != nil {
		return edit{}, err
	}
	e.Content, e.Message = content, "Update "+e.Path
	return e, nil
}

// firstEditable prefers a file of values to try with: a .tfvars that the pull
// request changes, then any file it changes, then any file.
func firstEditable(pull github.PullView, paths []string) string {
	var changed []string
	for _, file := range pull.Files {
		if file.Status != "removed" {
			changed = append(changed, file.Path)
		}
	}
	values := slices.IndexFunc(changed, func(path string) bool { return strings.HasSuffix(path, ".tfvars") })
	switch {
	case values >= 0:
		return changed[values]
	case len(changed) > 0:
		return changed[0]
	case len(paths) > 0:
		return paths[0]
	}
	return ""
}

// push commits one edited file to the pull request's branch. Only a file that
// the branch has can be edited, so no posted path ever names another.
func (s *site) push(f form) (string, error) {
	pull, err := s.double.Pull(f.repo, f.number)
	if err != nil {
		return "edit", err
	}
	path := f.r.PostFormValue("path")
	paths, err := s.reader.files(f.r.Context(), s.you(f.r).Login, pull.HeadRepo, pull.HeadRef)
	if err != nil {
		return "edit", err
	}
	if !slices.Contains(paths, path) {
		return "edit", &github.Error{Status: http.StatusUnprocessableEntity, Message: "The branch has no file of this name. Choose one from the list."}
	}
	if strings.ContainsRune(f.text("content"), 0) { // the double's marks for links and deletions start with it
		return "edit", &github.Error{Status: http.StatusUnprocessableEntity, Message: "Only text files can be edited here. Remove the zero bytes."}
	}
	message := strings.TrimSpace(f.text("message"))
	if message == "" {
		return "edit", &github.Error{Status: http.StatusUnprocessableEntity, Message: "A commit needs a message. Write one line and commit again."}
	}
	_, err = f.person.Push(pull.HeadRepo, pull.HeadRef, message, github.Files{path: f.text("content")})
	if err != nil {
		return "edit", err
	}
	return "files", nil
}
