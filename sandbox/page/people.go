package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// personCookie keeps who the visitor is. It is no login: in a sandbox everybody
// may be everybody.
const personCookie = "lockkeeper_sandbox_person"

// you gives the person that the visitor acts as.
func (s *site) you(r *http.Request) Person {
	if cookie, err := r.Cookie(personCookie); err == nil {
		if i := s.person(cookie.Value); i >= 0 {
			return s.people[i]
		}
	}
	return s.people[0]
}

func (s *site) person(login string) int {
	return slices.IndexFunc(s.people, func(p Person) bool { return p.Login == login })
}

// switchPerson makes the visitor somebody else and goes back.
func (s *site) switchPerson(w http.ResponseWriter, r *http.Request) {
	login := r.FormValue("login")
	if s.person(login) < 0 {
		http.Error(w, "Nobody here has this name. Choose one from the menu.", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: personCookie, Value: login, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, localPath(r.FormValue("back")), http.StatusSeeOther)
}

// localPath keeps a path of this server, and turns everything else into "/".
func localPath(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(target, `\`) {
		return "/"
	}
	return u.EscapedPath()
}
