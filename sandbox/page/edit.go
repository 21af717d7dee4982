package page

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"unicode"

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

// push commits one edited file to the pull request's branch.
func (s *site) push(f *form) (string, error) {
	pull, err := s.double.Pull(f.repo, f.number)
	if err != nil {
		return "edit", err
	}
	message, files, err := s.edited(f, pull)
	if err != nil {
		return "edit", err
	}
	_, err = f.person.Push(pull.HeadRepo, pull.HeadRef, message, files)
	if err != nil {
		return "edit", err
	}
	return "files", nil
}

// propose commits one edited file to a new branch, which starts at the default
// branch, and opens a pull request of it: the way to see two that want the same
// lock.
func (s *site) propose(f *form) (string, error) {
	pull, err := s.double.Pull(f.repo, f.number)
	if err != nil {
		return "edit", err
	}
	message, files, err := s.edited(f, pull)
	if err != nil {
		return "edit", err
	}
	numbers, err := s.double.PullNumbers(f.repo)
	if err != nil {
		return "edit", err
	}
	branch := fmt.Sprintf("%s-patch-%d", s.you(f.r).Login, len(numbers))
	if _, err = f.person.Push(f.repo, branch, message, files); err != nil {
		return "edit", err
	}
	number, err := f.person.OpenPull(f.repo, branch, pull.BaseRef, firstLine(message), "", false)
	if err != nil {
		return "edit", err
	}
	f.number = number
	return "conversation", nil
}

// edited reads what was typed: a file that the pull request's branch has, with other
// content or deleted, or a new one.
func (s *site) edited(f *form, pull github.PullView) (message string, files github.Files, err error) {
	path := f.r.PostFormValue("path")
	paths, err := s.reader.files(f.r.Context(), s.you(f.r).Login, pull.HeadRepo, pull.HeadRef)
	if err != nil {
		return "", nil, err
	}
	if !slices.Contains(paths, path) {
		return "", nil, &github.Error{Status: http.StatusUnprocessableEntity, Message: "The branch has no file of this name. Choose one from the list."}
	}
	if strings.ContainsRune(f.text("content"), 0) { // the double's marks for links and deletions start with it
		return "", nil, &github.Error{Status: http.StatusUnprocessableEntity, Message: "Only text files can be edited here. Remove the zero bytes."}
	}
	message = strings.TrimSpace(f.text("message"))
	if message == "" {
		return "", nil, &github.Error{Status: http.StatusUnprocessableEntity, Message: "A commit needs a message. Write one line and commit again."}
	}
	if f.r.PostFormValue("delete") != "" {
		return message, github.Files{path: github.Deleted}, nil
	}
	if name := strings.TrimSpace(f.r.PostFormValue("new")); name != "" {
		if !isNewPath(name, paths) {
			return "", nil, &github.Error{Status: http.StatusUnprocessableEntity, Message: "A new file needs a path of its own, such as live/dev/cache/main.tf."}
		}
		path = name
	}
	return message, github.Files{path: f.text("content")}, nil
}

// isNewPath tells a path that a branch with these files can have beside them. Git's own
// directory is no place for it.
func isNewPath(name string, paths []string) bool {
	if !fs.ValidPath(name) || name == "." || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' }) {
		return false
	}
	if slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.EqualFold(part, ".git") }) {
		return false
	}
	return !slices.ContainsFunc(paths, func(p string) bool {
		return p == name || strings.HasPrefix(p, name+"/") || strings.HasPrefix(name, p+"/")
	})
}
